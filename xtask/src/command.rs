//! Running other programs: from where, with which environment, and what went wrong.

use anyhow::{Context, Result, bail};
use std::env;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().unwrap_or(folder).to_owned()
}

/// `cargo` in a folder of the repository. What a surrounding build has set and would change this
/// one is taken away.
pub(crate) fn cargo(folder: &Path) -> Command {
    clean(Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())), folder)
}

/// `cargo` of the nightly toolchain.
pub(crate) fn nightly_cargo(folder: &Path) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    // Else it would start the surrounding one again.
    for name in ["CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(name);
    }
    clean(command, folder)
}

fn clean(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let leaks = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BUILD_", "CARGO_TARGET_THUMB"];
        if leaks.iter().any(|leak| text.starts_with(leak)) {
            command.env_remove(name);
        }
    }
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "DEFMT_LOG"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command, its output shown as it comes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a command and returns its standard output; its standard error is shown.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let (status, text) = output_and_status(command)?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(text)
}

/// As [`output`], for a command that has something to say also when it fails.
pub(crate) fn output_and_status(command: &mut Command) -> Result<(ExitStatus, String)> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(command))?;
    let text = String::from_utf8(output.stdout)
        .with_context(|| format!("the output of {}", shown(command)))?;
    Ok((output.status, text))
}

/// Runs a command and returns all that it prints, without showing it.
pub(crate) fn captured(command: &mut Command) -> Result<(ExitStatus, String)> {
    // One file for both keeps their lines in order.
    let mut file = tempfile::tempfile().context("no temporary file for the output")?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file.try_clone()?);
    let status = command.status().with_context(|| cannot_start(command))?;
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether a command can be started and succeeds; shows nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn cannot_start(command: &Command) -> String {
    format!("can't start {}", shown(command))
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
