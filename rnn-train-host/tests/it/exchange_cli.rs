//! `rnn import` and `rnn export` as a program runs them.

use std::path::Path;
use std::process::{Command, Output};

use rnn_train_host::model::Model;
use serde_json::Value;

use crate::exchange_files::{golden, tensors, written};

fn rnn(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnn"));
    command.current_dir(folder).args(arguments.split_whitespace()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with gru.safetensors and scales.csv.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gru.safetensors"), golden("gru")).unwrap();
    let scales = "name, mean, std\nindoor °C, 20.5, 2\noutdoor, -3.25, 0.5\n";
    std::fs::write(folder.path().join("scales.csv"), scales).unwrap();
    folder
}

#[test]
fn there_and_back() {
    let folder = folder();
    let output = rnn(
        folder.path(),
        "import gru.safetensors --scale scales.csv --target outdoor --out m.rnn --json",
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["layers"][0]["cell"], "gru");
    let model = Model::load(&folder.path().join("m.rnn")).unwrap();
    assert_eq!((model.names[0].as_str(), model.target()), ("indoor °C", 1));
    assert_eq!(model.channels[1].level_mean, -3.25);

    let output = rnn(folder.path(), "export m.rnn --to safetensors --plain --out back.safetensors");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(std::fs::read(folder.path().join("back.safetensors")).unwrap() == golden("gru"));

    // The metadata says the rest; an option goes before it.
    assert!(
        rnn(folder.path(), "export m.rnn --to safetensors --out b.safetensors").status.success()
    );
    assert!(rnn(folder.path(), "import b.safetensors --out b.rnn").status.success());
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("b.rnn") == read("m.rnn"));
    let arguments = "import b.safetensors --mean=-1,2 --std 3,4 --out c.rnn";
    assert!(rnn(folder.path(), arguments).status.success());
    let changed = Model::load(&folder.path().join("c.rnn")).unwrap();
    assert_eq!((changed.channels[0].level_mean, changed.names), (-1.0, model.names));
}

#[test]
fn what_fails_leaves_no_file_and_wrong_use_is_told_from_it() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("cut.safetensors"), &golden("gru")[..2000]).unwrap();
    let mut damaged = tensors(&golden("gru"));
    damaged[0].bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(path.join("nan.safetensors"), written(&damaged, None)).unwrap();
    std::fs::write(path.join("m.rnn"), "what was there before").unwrap();
    std::fs::write(path.join("bad.csv"), "name,mean,std\na,1,x\n").unwrap();
    std::fs::write(path.join("ab.json"), r#"["", "a"]"#).unwrap();
    for (arguments, code, said) in [
        ("import cut.safetensors --out m.rnn", 1, "cut.safetensors: this is no safetensors file"),
        ("import nan.safetensors --out m.rnn", 1, "fc.bias[0] is NaN"),
        ("import none.safetensors --out m.rnn", 1, "cannot read none.safetensors"),
        ("import gru.safetensors --out no/m.rnn", 1, "there is no folder no"),
        ("import gru.safetensors --scale bad.csv --out m.rnn", 1, "line: 2"),
        ("import gru.safetensors --mean 1,2 --std 1 --out m.rnn", 1, "--mean has 2 numbers"),
        ("import gru.safetensors --mean 1,2 --out m.rnn", 2, "--std"),
        ("import gru.safetensors --out m.rnn --names a,b --scale scales.csv", 2, "--scale"),
        ("import gru.safetensors --out m.rnn --symbols ab.json", 2, "--task"),
        (
            "import gru.safetensors --out m.rnn --task char --symbols ab.json --window 5",
            1,
            "a text model has no --window",
        ),
        (
            "import gru.safetensors --out m.rnn --task char --names a,b --mean 1,2 --std 1,1",
            1,
            "a text model has no scales",
        ),
        ("export m.rnn --to safetensors --out e", 1, "m.rnn"),
        ("export m.rnn --to rust --plain --out e", 2, "--plain"),
    ] {
        let output = rnn(path, arguments);
        let error = stderr(&output);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{arguments}");
        assert!(error.contains(said), "{arguments}: {error}");
    }
    assert_eq!(std::fs::read(path.join("m.rnn")).unwrap(), b"what was there before");
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 7);
}
