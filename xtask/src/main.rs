//! Project commands: demo, test.
fn main() {}
