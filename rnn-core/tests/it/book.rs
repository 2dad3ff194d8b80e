//! The book in docs/ quotes the source: each quoted block must still stand in the file that is named
//! before it, and the files and tests that it names must exist.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The chapters: their names and texts.
fn chapters() -> Vec<(String, String)> {
    let folders = ["docs/src", "docs/src/boards"].map(|folder| root().join(folder));
    let entries =
        folders.iter().flat_map(|folder| fs::read_dir(folder).expect("the book's folder"));
    let paths = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
    let chapters = paths.map(|path| (path.display().to_string(), read(&path)));
    chapters.collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Without the white space that moves when code is indented.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn quotations_stand_in_the_source() {
    let mut quotations = 0;
    for (chapter, text) in chapters() {
        let mut source = String::new();
        let mut block: Option<String> = None;
        for line in text.lines() {
            match &mut block {
                Some(code) if line == "```" => {
                    let stands = words(&source).contains(&words(code));
                    assert!(stands, "{chapter} quotes what its source doesn't say:\n{code}");
                    quotations += 1;
                    block = None;
                }
                Some(code) => *code += &format!("{line}\n"),
                None if line == "```rust" => block = Some(String::new()),
                None => {
                    if let Some(file) =
                        quoted(line).find(|q| q.contains("/src/") && q.ends_with(".rs"))
                    {
                        source = read(&root().join(file));
                    }
                }
            }
        }
    }
    assert!(quotations > 20, "only {quotations} quotations found");
}

#[test]
fn files_and_tests_that_are_named_exist() {
    for (chapter, text) in chapters() {
        let named = || text.lines().flat_map(quoted);
        let files: Vec<String> = named()
            .filter(|q| q.starts_with("rnn-core/") && q.ends_with(".rs"))
            .map(|file| read(&root().join(file)))
            .collect();
        // A name of four words or more is a function's, mostly a test's.
        for name in named().filter(|q| q.matches('_').count() > 2 && !q.contains(['.', '(', ' '])) {
            let definition = format!("fn {name}");
            let exists = files.iter().any(|file| file.contains(&definition));
            assert!(exists, "{chapter} names {name}, which is in none of the files it names");
        }
    }
}
