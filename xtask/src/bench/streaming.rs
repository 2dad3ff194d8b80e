//! Streaming: one sample in, one output out. The networks' sizes are known to the compiler, which takes
//! minutes over them: so the program is built when it is asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::command::{root, run};

/// What `--only` calls it.
pub(crate) const NAME: &str = "streaming";

/// Prints the nanoseconds per step of every cell in every size and format, beside those of the `peer`,
/// RTNeural's sources and Eigen's, if it is to be run.
pub(crate) fn measure(json: bool, peer: Option<(&Path, &Path)>) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(["bench", "--quiet", "--package", "benches"]);
    command.args(["--bench", "steps", "--"]).args(json.then_some("--json"));
    if let Some((rtneural, eigen)) = peer {
        command.arg("--rtneural").arg(compile(rtneural, eigen)?);
    }
    run(&mut command)
}

/// `benches/rtneural.cpp` with the optimisations that its readme asks for.
fn compile(rtneural: &Path, eigen: &Path) -> Result<PathBuf> {
    for (header, of, option) in
        [("RTNeural/RTNeural.h", rtneural, "--rtneural"), ("Eigen/Core", eigen, "--eigen")]
    {
        let file = of.join(header);
        ensure!(file.exists(), "there is no {}: name its folder with {option}", file.display());
    }
    let folder = root().join("out/bench");
    std::fs::create_dir_all(&folder)?;
    let program = folder.join("rtneural");
    let mut compiler = Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    compiler.args(["-std=c++17", "-O3", "-march=native", "-DNDEBUG", "-DRTNEURAL_USE_EIGEN=1"]);
    compiler.args(["-DRTNEURAL_NAMESPACE=RTNeural", "-DRTNEURAL_DEFAULT_ALIGNMENT=64"]);
    // 128 units are more than Eigen takes for a matrix of fixed size; ours lies on the heap.
    compiler.args(["-DEIGEN_MAX_ALIGN_BYTES=64", "-DEIGEN_STACK_ALLOCATION_LIMIT=1048576"]);
    for include in [&rtneural.join("RTNeural"), &rtneural.join("modules/json"), eigen] {
        compiler.arg("-I").arg(include);
    }
    run(compiler.arg(root().join("benches/rtneural.cpp")).arg("-o").arg(&program))?;
    Ok(program)
}
