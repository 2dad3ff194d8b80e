//! A stream that is watched: every sample is judged before it reaches the network.
//!
//! [`guard`] lets in what a sensor may say.

pub mod guard;
