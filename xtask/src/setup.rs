//! What the other commands need on this machine; fetched when it is missing, quiet when it's there.

use crate::board::BOARDS;
use crate::command::{cargo, output, root, run, succeeds};
use anyhow::{Context, Result, bail};
use rnn_train_host::device::qemu;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compiler's targets, the disassembler and the emulator.
pub(crate) fn firmware_tools() -> Result<()> {
    // One at a time: where one fails, those before it are there.
    BOARDS.iter().try_for_each(|board| target(board.target))?;
    objdump_or_install()?;
    emulator()
}

/// Formatter and linter, for the tests.
pub(crate) fn checkers() -> Result<()> {
    for (tool, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if !succeeds(Command::new(tool).arg("--version").current_dir(root())) {
            rustup(&["component", "add", component])?;
        }
    }
    Ok(())
}

/// The nightly toolchain and these components of it; it is added beside the one in use.
pub(crate) fn nightly(components: &[&str]) -> Result<()> {
    let arguments = ["toolchain", "install", "nightly", "--profile", "minimal", "--no-self-update"];
    let list = output(Command::new("rustup").args(["toolchain", "list"]))?;
    if !list.lines().any(|line| line.starts_with("nightly")) {
        rustup(&arguments)?;
    }
    for component in components {
        let list = ["component", "list", "--toolchain", "nightly", "--installed"];
        let there = output(Command::new("rustup").args(list))?;
        if !there.lines().any(|line| line.starts_with(component)) {
            rustup(&["component", "add", "--toolchain", "nightly", component])?;
        }
    }
    Ok(())
}

/// A subcommand of cargo from crates.io.
pub(crate) fn subcommand(name: &str) -> Result<()> {
    let program = format!("cargo-{name}");
    if !succeeds(cargo(&root()).args([name, "--version"])) {
        println!("cargo install {program}");
        run(cargo(&root()).args(["install", "--locked", &program]))?;
    }
    Ok(())
}

fn target(target: &str) -> Result<()> {
    let libraries = || -> Result<PathBuf> {
        Ok(rustc(&["--print", "target-libdir", "--target", target])?.into())
    };
    if !libraries()?.exists() {
        rustup(&["target", "add", target])?;
        if !libraries()?.exists() {
            bail!("the compiler still has no target {target}");
        }
    }
    Ok(())
}

fn objdump_or_install() -> Result<()> {
    if objdump().is_err() {
        rustup(&["component", "add", "llvm-tools"])?;
        objdump()?;
    }
    Ok(())
}

/// LLVM's disassembler: the toolchain's own, or one on the path that is at least as new as the compiler.
/// An older one, such as Debian's 14, doesn't know all instructions and shows the tables of jumps in
/// another form.
pub(crate) fn objdump() -> Result<PathBuf> {
    let verbose = rustc(&["--version", "--verbose"])?;
    let value = |key| verbose.lines().find_map(|line| line.strip_prefix(key));
    let own = Path::new(&rustc(&["--print", "sysroot"])?)
        .join("lib/rustlib")
        .join(value("host: ").context("rustc names no host")?)
        .join("bin/llvm-objdump");
    if own.exists() {
        return Ok(own);
    }
    let on_path = PathBuf::from("llvm-objdump");
    let wanted = value("LLVM version: ").and_then(major).context("rustc names no LLVM")?;
    let said = output(Command::new(&on_path).arg("--version"));
    if said.is_ok_and(|text| llvm_of(&text).is_some_and(|found| found >= wanted)) {
        return Ok(on_path);
    }
    bail!("llvm-objdump {wanted} is not there: `rustup component add llvm-tools`")
}

/// The major version of LLVM in what one of its tools says of itself.
fn llvm_of(text: &str) -> Option<u32> {
    major(text.split_once("LLVM version ")?.1)
}

/// 22 of 22.1.2.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

fn emulator() -> Result<()> {
    let there = || succeeds(Command::new(qemu::PROGRAM).arg("--version"));
    if there() {
        return Ok(());
    }
    if succeeds(Command::new("apt-get").arg("--version")) {
        println!("installing {} (apt-get)", qemu::PROGRAM);
        // A list that couldn't be renewed may still do; what failed in the end is told below.
        for arguments in [&["update"][..], &["install", "--no-install-recommends", qemu::PROGRAM]] {
            if let Err(error) = apt_get(arguments) {
                eprintln!("{error:#}");
            }
        }
    }
    if !there() {
        bail!("{} is not there and couldn't be installed; {}", qemu::PROGRAM, qemu::INSTALL);
    }
    Ok(())
}

/// `apt-get`, which asks nothing; through sudo, which asks nothing either, where that is needed.
fn apt_get(arguments: &[&str]) -> Result<()> {
    let is_root = output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut words = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"];
    if !is_root {
        words.splice(0..0, ["sudo", "--non-interactive"]);
    }
    run(Command::new(words[0]).args(&words[1..]).args(arguments).stdin(Stdio::null()))
}

fn rustc(arguments: &[&str]) -> Result<String> {
    // From the workspace's folder, where the toolchain is named.
    let text = output(Command::new("rustc").args(arguments).current_dir(root()))?;
    Ok(text.trim().to_owned())
}

fn rustup(arguments: &[&str]) -> Result<()> {
    println!("rustup {}", arguments.join(" "));
    run(Command::new("rustup").args(arguments).current_dir(root())).with_context(|| {
        format!(
            "without it the firmware can't be built or checked; where there is no rustup, get what \
             `rustup {}` would bring from where the compiler came from",
            arguments.join(" ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_llvm_is_read_as_distributions_write_it() {
        assert_eq!(llvm_of("Debian LLVM version 14.0.6\n  Optimized build.\n"), Some(14));
        let rust = "LLVM (http://llvm.org/):\n  LLVM version 22.1.2-rust-1.95.0-stable\n";
        assert_eq!(llvm_of(rust), Some(22));
        assert_eq!(llvm_of("GNU objdump 2.40"), None);
    }
}
