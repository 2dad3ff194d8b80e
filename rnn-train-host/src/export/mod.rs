//! Models in other forms.

mod rust;
mod safetensors;

pub use rust::rust;
pub use safetensors::{Options, safetensors};
