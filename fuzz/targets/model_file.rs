#![no_main]
#![allow(unsafe_code)] // The macro exports a C function.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rnn_fuzz::model_file::run(bytes));
