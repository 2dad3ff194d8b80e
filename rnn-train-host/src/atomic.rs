//! Files that are there completely or not at all.

use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// How the names of temporary files begin and end.
const MARKS: [&str; 2] = [".rnn-", ".tmp"];

/// Whether a file could be written to `path`, before the work that is to end there: the checks of
/// [`write_atomically`] on the path.
///
/// # Errors
/// If `path` is a folder, or its folder doesn't exist or takes no files.
pub fn check_writable(path: &Path) -> Result<()> {
    temporary_beside(path).map(drop)
}

/// Held while a file is being written.
static WRITING: Mutex<()> = Mutex::new(());

/// Does something when no file is half-written: for the end of the process.
pub fn between_writes<T>(run: impl FnOnce() -> T) -> T {
    let _nobody_writes = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    run()
}

/// Writes a file through `write`: first a temporary file in the same folder, which takes the
/// place of `path` once all is on the disk. If anything fails, what was at `path` before is
/// still there and the temporary file is gone. One that a killed process left there goes too.
///
/// # Errors
/// If the folder can't be written to, `path` is a folder, or `write` fails.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let shown = path.display();
    let advice = || advice(path);
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = temporary_beside(path)?;
    let mut buffered = BufWriter::new(file);
    write(&mut buffered).with_context(|| format!("{shown} was not written"))?;
    let file = buffered.into_inner().map_err(|e| e.into_error()).with_context(advice)?;
    file.as_file().sync_all().with_context(advice)?;
    file.persist(path).with_context(advice)?;
    Ok(())
}

fn advice(path: &Path) -> String {
    format!(
        "{} can't be written; check the permissions of its folder and the space on the disk",
        path.display()
    )
}

/// A new file in the folder of `path`, locked for as long as this process has it open.
fn temporary_beside(path: &Path) -> Result<NamedTempFile> {
    let shown = path.display();
    anyhow::ensure!(!path.is_dir(), "{shown} is a folder; give a file name as the output");
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    anyhow::ensure!(
        folder.is_dir(),
        "{shown} can't be written: there is no folder {}; create it first",
        folder.display()
    );
    let mut builder = tempfile::Builder::new();
    let [start, end] = MARKS;
    builder.prefix(start).suffix(end);
    // Readable as any other output, less the umask, not only by the owner.
    #[cfg(unix)]
    builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    sweep(folder);
    loop {
        let file = builder.tempfile_in(folder).with_context(|| advice(path))?;
        // Where there are no locks, nobody sweeps. Until it is locked, somebody may take it for one
        // that was left.
        if file.as_file().lock().is_err() || file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of processes that are no more: those that nobody has locked.
fn sweep(folder: &Path) {
    let [start, end] = MARKS;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(start)
            && name.ends_with(end)
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            // If it can't be removed, it is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}
