//! Files appear completely or not at all.

use std::fs;
use std::path::Path;

use anyhow::bail;
use rnn_train_host::atomic::write_atomically;

#[test]
fn a_file_is_written_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    for text in ["first", "second, longer", "3rd"] {
        write_atomically(&path, |out| Ok(out.write_all(text.as_bytes())?)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_failure_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    fs::write(&path, "old").unwrap();
    let result = write_atomically(&path, |out| {
        out.write_all(&[b'x'; 100_000])?;
        bail!("the model diverged")
    });
    let error = format!("{:#}", result.unwrap_err());
    assert!(error.contains("out.csv was not written") && error.contains("diverged"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn places_that_cant_be_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| format!("{:#}", write_atomically(path, |_| Ok(())).unwrap_err());
    let absent = error(&folder.path().join("absent").join("out.csv"));
    assert!(absent.contains("there is no folder") && absent.contains("create it"), "{absent}");
    assert!(error(folder.path()).contains("is a folder; give a file name"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files() {
    // Even an administrator can't create a file here.
    let path = Path::new("/proc/self/out.csv");
    let error = format!("{:#}", write_atomically(path, |_| Ok(())).unwrap_err());
    assert!(
        error.contains("/proc/self/out.csv can't be written; check the permissions"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn others_may_read_what_the_umask_lets_them() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    write_atomically(&ours, |_| Ok(())).unwrap();
    fs::write(&plain, "").unwrap();
    assert_eq!(fs::metadata(ours).unwrap().mode(), fs::metadata(plain).unwrap().mode());
}
