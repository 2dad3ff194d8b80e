//! Models in other forms.

mod rust;

pub use rust::rust;
