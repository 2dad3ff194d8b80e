//! Recurrent networks of fixed size: forward, back-propagation through time, streaming. No heap, no
//! operating system, the same bits on a laptop and on a microcontroller.
//!
//! From the equations to the stream:
//!
//! - [`elman`], [`gru`], [`lstm`], [`dense`]: the cells, from z = W_xh x + W_hh h + b, h = tanh z on,
//!   and the readout o = W_hy h + b_y, forward and backward side by side; [`cell`] says what a cell
//!   is and stacks them, [`network`] puts cells and readout together, [`layers`] does without types;
//!   [`feed_forward`] is the baseline without memory;
//! - [`activation`], [`loss`]: values and derivatives;
//! - [`bptt`]: the recurrence unrolled and its gradient; [`optimizer`]: what to do with it;
//! - [`window`], [`scaling`]: a series made ready for a network;
//! - [`forecast`], [`stream`]: one sample in, the next one's prediction out; [`adapt`]: the same, and
//!   learning; [`text`]: one symbol in, the
//!   next one out; [`quant`]: the same with integers;
//! - [`model_file`]: a trained model as bytes, checked by the compiler when it is embedded;
//! - [`kernel`]: the narrow seam behind which speed lives; [`check`]: digests by which a chip shows
//!   that its bits are the laptop's.
//!
//! A network with two units, followed by hand:
//!
//! ```
//! use nalgebra::{Matrix2, RowVector2, Vector2};
//! use rnn_core::network::ElmanNetwork;
//!
//! let mut network = ElmanNetwork::<f64, 1, 2, 1>::zeros();
//! network.cell.w_xh = Vector2::new(1.0, -0.5);
//! network.cell.w_hh = Matrix2::new(0.5, 0.0, 1.0, 0.0);
//! network.readout.w = RowVector2::new(2.0, 1.0);
//!
//! let close = |a: f64, b: f64| (a - b).abs() < 1e-15;
//! // The cell's memory: h, and room for the next h.
//! let mut memory = [[0.0; 2]; 2];
//! // x_1 = 0.5: z_1 = W_xh x_1 = (0.5, -0.25), h_1 = (0.46212, -0.24492)
//! let [y_1] = network.step(&[0.5], &mut memory);
//! let h = memory[0];
//! assert!(close(h[0], 0.5f64.tanh()) && close(h[1], (-0.25f64).tanh()));
//! assert!(close(y_1, 2.0 * h[0] + h[1]));
//!
//! // x_2 = 0: z_2 = W_hh h_1 = (0.23106, 0.46212), only the memory speaks.
//! let h_1 = h;
//! network.step(&[0.0], &mut memory);
//! let h = memory[0];
//! assert!(close(h[0], (0.5 * h_1[0]).tanh()) && close(h[1], h_1[0].tanh()));
//! ```
#![cfg_attr(not(any(feature = "std", test)), no_std)]

pub mod activation;
pub mod adapt;
pub mod bptt;
pub mod cell;
pub mod check;
pub mod dense;
pub mod elman;
pub mod feed_forward;
pub mod forecast;
pub mod gru;
pub mod kernel;
pub mod layers;
#[cfg(feature = "link")]
pub mod link;
pub mod loss;
pub mod lstm;
pub mod model_file;
pub mod network;
pub mod optimizer;
pub mod parameters;
pub mod quant;
pub mod random;
pub mod scalar;
pub mod scaling;
#[cfg(feature = "slots")]
pub mod slots;
pub mod stacked;
pub mod stream;
pub mod text;
pub mod watch;
pub mod window;

pub use nalgebra;
pub use scalar::Scalar;
