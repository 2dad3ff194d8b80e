//! Recurrent networks of fixed size.
#![cfg_attr(not(feature = "std"), no_std)]
