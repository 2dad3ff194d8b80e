//! The `rnn` command.
fn main() {}
