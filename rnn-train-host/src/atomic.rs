//! Files that are there completely or not at all.

use std::fs::Permissions;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file through `write`: first a temporary file in the same folder, which takes the
/// place of `path` once all is on the disk. If anything fails, what was at `path` before is
/// still there and the temporary file is gone.
///
/// # Errors
/// If the folder can't be written to, `path` is a folder, or `write` fails.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
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
    let advice = || {
        format!(
            "{shown} can't be written; check the permissions of its folder and the space on the disk"
        )
    };
    let file = temporary_in(folder).with_context(advice)?;
    let mut buffered = BufWriter::new(file);
    write(&mut buffered).with_context(|| format!("{shown} was not written"))?;
    let file = buffered.into_inner().map_err(|e| e.into_error()).with_context(advice)?;
    file.as_file().sync_all().with_context(advice)?;
    file.persist(path).with_context(advice)?;
    Ok(())
}

fn temporary_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rnn-").suffix(".tmp");
    // Readable as any other output, less the umask, not only by the owner.
    #[cfg(unix)]
    builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    builder.tempfile_in(folder)
}
