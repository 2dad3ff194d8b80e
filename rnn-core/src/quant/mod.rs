//! Networks of integers, for chips without a floating-point unit, and for less flash: `w8a16` has
//! 8-bit weights, `w16a16` 16-bit ones, both with a scale for every row, and states of 16 bits.
//!
//! All of it is specified to the bit: [`fixed`] has the functions, [`block`] the sums and the layouts
//! of the weights, and the cells' equations stand in one file beside each other. A network is used
//! where its model file lies ([`IntegerNetwork`], whose plan may be a type: [`Planned`]); [`Live`] is one in
//! the middle of a stream.

pub mod block;
mod cell;
pub mod fixed;
mod network;
mod pack;
mod stream;

pub use network::{Inputs, IntegerNetwork, Plan, PlanValue, Planned};
pub(crate) use pack::set_offsets;
pub use pack::{BlockValues, pack, repack};
pub use stream::{Live, output};
