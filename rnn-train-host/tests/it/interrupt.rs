//! Killed at any moment, a training goes on with the same bits; Ctrl-C ends it with its best weights.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rnn_core::random::SplitMix64;

const CO2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/co2_mauna_loa_weekly.csv");

fn rnn(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnn"));
    command.args(arguments).args([CO2, "--target", "co2_ppm"]);
    command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Kills it again and again after a random time, each longer than the last, until it comes through.
fn through_kills(folder: &Path, arguments: &[&str], seed: u64) {
    let mut random = SplitMix64::new(seed);
    for longest in 1..200 {
        let mut child = rnn(folder, arguments);
        sleep(Duration::from_millis(random.below(40 * longest) as u64));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            return;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
    }
    panic!("it never came through");
}

#[test]
fn killed_at_random_moments_it_ends_with_the_same_bits() {
    for (seed, arguments) in [
        (1, ["train", "--cell", "gru", "--hidden", "4", "--epochs", "6"]),
        (2, ["tune", "--candidates", "4", "--flash", "2k", "--ram", "1k"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let out = |name| [&arguments[..], &["--out", name, "--threads", "1"]].concat();
        assert!(rnn(path, &out("whole.rnn")).wait_with_output().unwrap().status.success());
        let killed = [&out("killed.rnn")[..], &["--checkpoint", "state"]].concat();
        through_kills(path, &killed, seed);
        let read = |name| fs::read(path.join(name)).unwrap();
        assert_eq!(read("killed.rnn"), read("whole.rnn"), "{arguments:?}");
        for name in files(&path.join("state")) {
            let state = name.ends_with(".state") || name.starts_with(".rnn-");
            assert!(state, "{name}");
        }
    }
}

#[test]
fn an_interrupted_training_keeps_its_best_weights() {
    for arguments in [
        &["train", "--hidden", "4", "--epochs", "1000000"][..],
        &["train", "--epochs", "1000000", "--checkpoint", "state"],
        &["tune", "--budget", "1h", "--picture", "tune.svg"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let child = rnn(folder.path(), &[arguments, &["--json"]].concat());
        // Past the start, where Ctrl-C just ends the process.
        sleep(Duration::from_millis(1500));
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(130), "{arguments:?}: {errors}");
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["stopped"], true);
        let model = folder.path().join("model.rnn");
        rnn_train_host::model::Model::load(&model).unwrap();
        assert!(files(folder.path()).iter().all(|name| !name.starts_with(".rnn-")));
    }
}
