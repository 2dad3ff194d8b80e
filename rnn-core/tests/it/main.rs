//! The core as its users meet it. One program: what it takes from the core is compiled and linked once.

mod adapt;
mod batches;
mod book;
mod course;
mod derivatives;
mod gradients;
mod kernels;
mod made;
mod model_encode;
mod model_file;
mod optimizer;
mod pytorch;
mod quant;
mod reference;
mod requantisation;
mod slots;
mod streaming;
mod streams;
mod watch;
