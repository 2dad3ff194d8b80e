//! The package and its command as their users meet them. One program: it is compiled and linked once.

mod adapt;
mod baseline;
mod cli;
mod data_atomic;
mod data_bad_input;
mod data_fuzz;
mod data_season;
mod data_time;
mod exchange;
mod exchange_bad_input;
mod exchange_cli;
mod exchange_files;
mod export_rust;
mod full_disk;
mod gradient;
mod interrupt;
mod quantize;
mod serial;
mod text;
mod text_cli;
mod training;
mod tune;
mod watch;
