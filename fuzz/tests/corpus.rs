//! The targets over their committed corpora and mutations of them; libFuzzer goes on from there.
//!
//! `UPDATE_GOLDEN=1 cargo test -p rnn-fuzz` writes the seeds anew. What else lies in a corpus was found
//! by fuzzing and stays.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use rnn_core::random::SplitMix64;
use rnn_fuzz::mutate::mutate;
use rnn_fuzz::{TARGETS, Target};

const MUTATIONS: usize = 4000;

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(target)).expect("a corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

#[test]
fn the_seeds_are_committed() {
    for target in &TARGETS {
        for (name, seed) in (target.seeds)() {
            let path = folder(target).join(name);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::create_dir_all(folder(target)).expect("a folder");
                fs::write(&path, &seed).expect("a file");
            }
            assert!(fs::read(&path).is_ok_and(|bytes| bytes == seed), "{}", path.display());
        }
    }
}

#[track_caller]
fn check(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let corpus = corpus(target);
    let run = |input: &[u8]| {
        // Base64 would be shorter, but nobody reads it.
        assert!(catch_unwind(|| (target.run)(input)).is_ok(), "{name}: {}", input.escape_ascii());
    };
    corpus.iter().for_each(|input| run(input));
    let mut random = SplitMix64::new(1);
    for _ in 0..MUTATIONS {
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        mutate(&mut random, &mut input, other);
        run(&input);
    }
}

#[test]
fn model_files() {
    check("model_file");
}

#[test]
fn frames() {
    check("link");
}

#[test]
fn logs() {
    check("csv");
}

#[test]
fn texts() {
    check("text");
}

#[test]
fn safetensors() {
    check("safetensors");
}

#[test]
fn slots() {
    check("slots");
}
