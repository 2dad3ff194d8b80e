//! quant
pub mod block;
mod cell;
pub mod fixed;
mod network;
mod pack;
pub use network::{Inputs, IntegerNetwork, Plan};
pub use pack::{BlockValues, pack};
