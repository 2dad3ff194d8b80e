//! A disk without room, and a process killed while it writes: the error names the file, what was there
//! before is untouched, and nothing else is left.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rnn_train_host::atomic::write_atomically;
use tempfile::TempDir;

const CO2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/co2_mauna_loa_weekly.csv");
const QUICK: [&str; 6] = ["--hidden", "12", "--epochs", "1", "--threads", "1"];

/// Runs `rnn` where no file may grow beyond so many blocks of 512 bytes: what is written beyond them
/// fails as on a full disk.
fn with_room(blocks: u32, folder: &Path, arguments: &[&str]) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    shell.arg(env!("CARGO_BIN_EXE_rnn")).args(arguments).current_dir(folder);
    shell.output().unwrap()
}

/// Everything in a folder and the folders in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    files
}

/// A folder with models and a text, where "old" is what every output holds before.
fn prepared(outputs: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let words = ["one", "two", "three", "four", "five"].iter().cycle().take(400);
    let text: Vec<&str> = words.copied().collect();
    fs::write(folder.path().join("song.txt"), text.join(" ")).unwrap();
    let train = [&["train", CO2, "--target", "co2_ppm", "--out", "co2.rnn"], &QUICK[..]].concat();
    let done = with_room(1 << 20, folder.path(), &train);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let export = ["export", "co2.rnn", "--to", "safetensors", "--out", "co2.safetensors"];
    assert!(with_room(1 << 20, folder.path(), &export).status.success());
    fs::create_dir(folder.path().join("state")).unwrap();
    for output in outputs {
        fs::write(folder.path().join(output), "old").unwrap();
    }
    folder
}

/// Every command that writes, and the file that it writes first.
#[test]
fn without_room_every_command_says_so_and_changes_nothing() {
    let co2 = [CO2, "--target", "co2_ppm"];
    let of_log =
        |command: &'static str, more: &[&'static str]| [&[command], &co2[..], more].concat();
    let quick = |more: &[&'static str]| [&QUICK[..], more].concat();
    let tune = ["--candidates", "2", "--flash", "2k", "--ram", "1k", "--out", "new"];
    let commands = [
        ("new", of_log("train", &quick(&["--out", "new"]))),
        ("000.state", of_log("train", &quick(&["--out", "new", "--checkpoint", "state"]))),
        ("new", of_log("tune", &tune)),
        ("new.svg", vec!["eval", "co2.rnn", CO2, "--picture", "new.svg"]),
        ("new", vec!["detect", "co2.rnn", CO2, "--out", "new"]),
        ("new", vec!["forecast", "co2.rnn", CO2, "--steps", "99", "--out", "new"]),
        ("new", vec!["quantize", "co2.rnn", CO2, "--format", "w8a16", "--force", "--out", "new"]),
        ("new", vec!["import", "co2.safetensors", "--out", "new"]),
        ("new", vec!["export", "co2.rnn", "--to", "rust", "--out", "new"]),
        ("new", vec!["export", "co2.rnn", "--to", "safetensors", "--out", "new"]),
        ("new", [&["text", "train", "song.txt", "--out", "new"], &QUICK[..]].concat()),
        ("new", vec!["text", "examples", "song.txt", "--out", "new"]),
    ];
    let folder = prepared(&["new", "new.svg"]);
    for (file, command) in commands {
        // What a search finds may fit into one block.
        for blocks in 0..=u32::from(command[0] != "tune") {
            let before = files(folder.path());
            let output = with_room(blocks, folder.path(), &command);
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{command:?}: {error}");
            assert!(error.contains("error: ") && error.contains(file), "{command:?}: {error}");
            assert!(error.contains("File too large"), "the reason: {command:?}: {error}");
            assert!(output.stdout.is_empty(), "{command:?}");
            assert!(files(folder.path()) == before, "{command:?}");
        }
    }
}

/// Standard output to a full disk.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_nobody_can_take_is_an_error() {
    let folder = prepared(&[]);
    for command in [
        vec!["eval", "co2.rnn", CO2],
        vec!["eval", "co2.rnn", CO2, "--json"],
        vec!["forecast", "co2.rnn", CO2, "--steps", "2000"],
        vec!["detect", "co2.rnn", CO2],
        vec!["inspect", "co2.rnn"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut rnn = Command::new(env!("CARGO_BIN_EXE_rnn"));
        let output = rnn.args(&command).current_dir(folder.path()).stdout(full).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {error}");
        assert!(error.contains("the output can't be written: No space left"), "{error}");
    }
}

/// Standard error to a full disk: what is said there is lost, and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn complaints_that_nobody_can_take_change_nothing() {
    let folder = prepared(&[]);
    // The log has missing values, of which a note tells.
    for (command, code) in [(["eval", "co2.rnn", CO2], 0), (["eval", "no.rnn", CO2], 1)] {
        let run =
            |rnn: &mut Command| rnn.args(command).current_dir(folder.path()).output().unwrap();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let untold = run(Command::new(env!("CARGO_BIN_EXE_rnn")).stderr(full));
        let told = run(&mut Command::new(env!("CARGO_BIN_EXE_rnn")));
        assert!(!told.stderr.is_empty());
        assert_eq!((untold.status.code(), &untold.stdout), (Some(code), &told.stdout));
        assert_eq!(told.status.code(), Some(code));
    }
}

/// The path to write to, in a process that is to be killed.
const VICTIM: &str = "RNN_TEST_KILLED_WHILE_WRITING";

/// Not a test by itself: what is killed.
#[test]
fn victim() {
    let Some(path) = env::var_os(VICTIM) else { return };
    let done = write_atomically(Path::new(&path), |file| {
        file.write_all(&[b'x'; 100_000])?;
        file.flush()?;
        println!("\nhalf");
        sleep(Duration::from_secs(600));
        Ok(())
    });
    panic!("it was not killed: {done:?}");
}

/// Every command writes through `write_atomically`.
#[test]
fn killed_while_it_writes_it_leaves_the_old_file_and_the_next_one_sweeps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.rnn");
    fs::write(&path, "old").unwrap();
    let names = || files(folder.path()).into_keys().collect::<Vec<_>>();

    let spawn = || {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["full_disk::victim", "--exact", "--nocapture"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "half"));
        child
    };
    let [mut first, mut second] = [spawn(), spawn()];
    assert_eq!(names().len(), 3, "{:?}", names());
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names().len(), 3, "{:?}", names());

    // What the second one is writing stays.
    write_atomically(&path, |file| Ok(file.write_all(b"new")?)).unwrap();
    assert_eq!(names().len(), 2, "{:?}", names());
    second.kill().unwrap();
    second.wait().unwrap();
    write_atomically(&path, |file| Ok(file.write_all(b"newer")?)).unwrap();
    assert_eq!(names(), [path.display().to_string()]);
    assert_eq!(fs::read(&path).unwrap(), b"newer");
}
