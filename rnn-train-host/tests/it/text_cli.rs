//! `rnn text` as its users meet it: exit codes, streams, corpora of every bad kind, Ctrl-C and kill.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Lines of a counting song.
fn song() -> String {
    let numbers = ["one", "two", "three", "four", "five", "six"];
    let lines = (0..300).map(|i| {
        let (a, b) = (numbers[i % 6], numbers[(i + 1) % 6]);
        format!("After {a}, says the miller's maid, comes {b}.\n")
    });
    lines.collect()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnn"));
    command.arg("text").args(arguments).current_dir(folder);
    command
}

fn rnn(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs, expects success; standard output and standard error.
fn succeeds(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = rnn(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

/// Runs, expects this exit code and nothing on standard output; returns standard error.
fn fails(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = rnn(folder, arguments);
    let error = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

fn json(line: &str) -> Value {
    assert_eq!(line.lines().count(), 1, "{line}");
    serde_json::from_str(line).unwrap()
}

const SMALL: [&str; 6] = ["--hidden", "8", "--epochs", "6", "--context", "20"];

/// A folder with a song and a model of its characters and one of its words.
fn trained() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("song.txt"), song()).unwrap();
    for unit in ["char", "word"] {
        let out = format!("{unit}.rnn");
        let arguments = ["train", "song.txt", "--unit", unit, "--out", &out];
        let (said, _) = succeeds(path, &[&arguments[..], &SMALL].concat());
        assert!(said.contains(&format!("{out} written")), "{said}");
    }
    folder
}

#[test]
fn from_a_text_to_another() {
    let folder = trained();
    let folder = folder.path();
    let (table, _) = succeeds(folder, &["eval", "char.rnn", "song.txt"]);
    assert!(table.contains("n-gram, order 5") && table.contains("bits/character"), "{table}");
    let (line, _) = succeeds(folder, &["eval", "word.rnn", "song.txt", "--json"]);
    let eval = json(&line);
    // Eleven symbols a line.
    assert_eq!((eval["n"].as_u64(), eval["part"].as_str()), (Some(330), Some("test")));
    let bits = eval["bits"].as_f64().unwrap();
    assert!((eval["perplexity"].as_f64().unwrap().log2() - bits).abs() < 1e-9, "{eval}");
    let orders: Vec<_> = eval["ngrams"].as_array().unwrap().iter().collect();
    assert_eq!(orders.len(), 6);
    assert!(orders[3]["bits"].as_f64() < orders[0]["bits"].as_f64());
    assert!(orders[1]["entries"].as_u64() > orders[0]["entries"].as_u64());

    let options = ["--length", "60", "--temperature", "0.5", "--seed", "3"];
    let generate = ["generate", "char.rnn", "--prompt", "After one"];
    let (written, notes) = succeeds(folder, &[&generate[..], &options].concat());
    assert!(written.starts_with("After one") && notes.is_empty(), "{written} {notes}");
    assert_eq!(written.chars().count(), "After one".len() + 60 + 1);
    assert_eq!(written, succeeds(folder, &[&generate[..], &options].concat()).0);
    let (line, _) = succeeds(folder, &[&generate[..], &options, &["--json"]].concat());
    assert_eq!(json(&line)["text"].as_str(), written.strip_suffix('\n'));
}

#[test]
fn unknown_prompts_are_read_with_a_note() {
    let folder = trained();
    let generate = |model, prompt| {
        succeeds(folder.path(), &["generate", model, "--prompt", prompt, "--length", "9"])
    };
    let (written, note) = generate("char.rnn", "\u{4e16}\u{754c}");
    assert!(written.starts_with("\u{4e16}\u{754c}"), "{written}");
    assert!(note.contains("2 of the 2 symbols of the prompt are unknown"), "{note}");
    let (_, note) = generate("word.rnn", "After seven");
    assert!(note.contains("1 of the 2") && note.contains("\"seven\""), "{note}");
    assert_eq!(generate("word.rnn", "").1, "");
}

#[test]
fn corpora_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("empty.txt"), "").unwrap();
    fs::write(path.join("blank.txt"), "\n \n").unwrap();
    fs::write(path.join("short.txt"), "a few words").unwrap();
    fs::write(path.join("binary.txt"), b"one line\nanother \xFE\xFF line").unwrap();
    fs::write(path.join("utf16.txt"), b"o\0n\0e\0").unwrap();
    fs::create_dir(path.join("folder")).unwrap();
    for (file, expected) in [
        ("missing.txt", "missing.txt can't be read; check the path"),
        ("folder", "folder is a folder; name the text file itself"),
        ("empty.txt", "empty.txt: there is no text in it"),
        ("short.txt", "short.txt: 11 characters are too few"),
        ("binary.txt", "binary.txt: line 2, byte offset 17: 0xFE is not UTF-8"),
        ("utf16.txt", "utf16.txt: line 1, byte offset 1: a NUL byte"),
    ] {
        let error = fails(path, 1, &["train", file]);
        assert!(error.contains(expected), "{file}: {error}");
    }
    let error = fails(path, 1, &["train", "blank.txt", "--unit", "word"]);
    assert!(error.contains("there is no text in it"), "{error}");
    assert!(!path.join("model.rnn").exists());
}

#[test]
fn one_long_line_and_a_byte_order_mark_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("line.txt"), format!("\u{FEFF}{}", song().replace('\n', " "))).unwrap();
    let (line, _) = succeeds(path, &[&["train", "line.txt", "--json"], &SMALL[..]].concat());
    let trained = json(&line);
    assert_eq!((trained["symbols"].as_u64(), trained["stopped"].as_bool()), {
        (Some(song().len() as u64), Some(false))
    });
    assert!(trained["validation"]["bits"].as_f64().unwrap() > 0.0);
    succeeds(path, &["eval", "model.rnn", "line.txt", "--part", "all"]);
}

#[test]
fn vocabularies_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let long = "x".repeat(40);
    fs::write(path.join("song.txt"), format!("{long} {}", song())).unwrap();
    let train = |vocabulary| {
        let unit = ["train", "song.txt", "--unit", "word", "--json", "--vocabulary", vocabulary];
        [&unit[..], &SMALL].concat()
    };
    for few in ["0", "1"] {
        assert!(fails(path, 1, &train(few)).contains("--vocabulary must be at least 2"));
    }
    assert!(fails(path, 2, &train("many")).contains("--vocabulary"));
    for (vocabulary, symbols) in [("2", 2), ("999999999", 15)] {
        let (line, notes) = succeeds(path, &train(vocabulary));
        assert_eq!(json(&line)["vocabulary"], symbols, "{line}");
        assert!(notes.contains("1 word(s) longer than the 32 bytes"), "{notes}");
        assert_eq!(notes.contains("rarest"), symbols == 2, "{notes}");
    }
}

#[test]
fn wrong_use_has_its_own_exit_code() {
    let folder = trained();
    let path = folder.path();
    for temperature in ["-1", "nan", "inf", "warm"] {
        let option = format!("--temperature={temperature}");
        let error = fails(path, 2, &["generate", "char.rnn", &option]);
        assert!(error.contains("it must be a number, 0 or above"), "{error}");
    }
    assert!(fails(path, 2, &["train"]).contains("CORPUS"));
    assert!(fails(path, 2, &["train", "song.txt", "--unit", "byte"]).contains("char"));
    let error = fails(path, 1, &["train", "song.txt", "--out", "no/such/model.rnn"]);
    assert!(error.contains("create it first"), "{error}");
    fs::write(path.join("no.rnn"), "no model").unwrap();
    for command in [&["eval", "no.rnn", "song.txt"][..], &["generate", "no.rnn"]] {
        assert!(fails(path, 1, command).contains("no.rnn"));
    }
}

#[test]
fn examples_are_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("song.txt"), song()).unwrap();
    let (table, _) = succeeds(path, &["examples", "song.txt", "--vocabulary", "9"]);
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("example,label_index,part,x_1,x_2,x_3,label"));
    assert_eq!(lines.clone().count(), 3300 - 3);
    assert!(lines.next().unwrap().starts_with("0,3,train,"));
    assert!(lines.last().unwrap().starts_with("3296,3299,test,"));
    for (option, value, said) in [
        ("--vocabulary", "1", "--vocabulary must be at least 2"),
        ("--context", "0", "--context must be at least 1"),
        ("--context", "3300", "the text has 3300 symbols"),
    ] {
        let error = fails(path, 1, &["examples", "song.txt", option, value]);
        assert!(error.contains(said), "{error}");
    }
    let names = ["examples", "song.txt", "--names", "--context", "5", "--out", "e.csv"];
    succeeds(path, &names);
    let table = fs::read_to_string(path.join("e.csv")).unwrap();
    assert_eq!(table.lines().nth(1), Some("0,5,train,After,one,\",\",says,the,miller's"));
}

/// Starts a training that would last for long, and waits for its first checkpoint.
fn start(path: &Path) -> Child {
    let mut train = command(path, &LONG);
    let child = train.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !path.join("state/000.state").exists() {
        assert!(Instant::now() < deadline, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

const LONG: [&str; 11] = [
    "train",
    "song.txt",
    "--hidden",
    "16",
    "--epochs",
    "8",
    "--checkpoint",
    "state",
    "--out",
    "model.rnn",
    "--json",
];

#[test]
fn a_killed_training_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("song.txt"), song()).unwrap();
    succeeds(path, &[&LONG[..6], &["--out", "whole.rnn"]].concat());
    let mut child = start(path);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!path.join("model.rnn").exists());
    succeeds(path, &LONG);
    let read = |file: &str| fs::read(path.join(file)).unwrap();
    assert_eq!(read("whole.rnn"), read("model.rnn"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_best_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("song.txt"), song().repeat(20)).unwrap();
    let child = start(path);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let trained = json(text(&output.stdout));
    assert_eq!((&trained["stopped"], &trained["whole"]), (&true.into(), &false.into()));
    succeeds(path, &["generate", "model.rnn", "--length", "10"]);
}
