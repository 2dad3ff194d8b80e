//! Streaming: one sample in, one output out. The networks' sizes are known to the compiler, which takes
//! minutes over them: so the program is built when it is asked for.

use std::process::Command;

use anyhow::Result;

use crate::command::{root, run};

/// What `--only` calls it.
pub(crate) const NAME: &str = "streaming";

/// Prints the nanoseconds per step of every cell in every size and format.
pub(crate) fn measure(json: bool) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(["bench", "--quiet", "--package", "benches"]);
    command.args(["--bench", "steps", "--"]).args(json.then_some("--json"));
    run(&mut command)
}
