//! `cargo xtask prove`: every promise that can be shown in minutes, a line of JSON for each.

use crate::board::{BOARDS, Board, MAIN};
use crate::command::{captured, cargo, root};
use crate::firmware::{self, Profile};
use crate::tally::Tally;
use crate::{chip, flood, setup};
use anyhow::{Context, Result, ensure};
use rnn_train_host::device::qemu::Qemu;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only on this emulated board (a folder of firmware/boards); may be repeated.
    #[arg(long, value_name = "NAME", value_parser = Board::named)]
    board: Vec<&'static Board>,
    /// Only on the chips, not the promises that the host's tests show.
    #[arg(long)]
    chips_only: bool,
    /// Instead: that each promise is seen to be broken when it is
    #[arg(long)]
    broken: bool,
    /// Instead: requantisation of all 2^32 sums with the multipliers that are the nastiest (minutes)
    #[arg(long)]
    requantisation: bool,
    /// Instead: learning from 2 x 10^7 samples on the host, and from 10^6 on the emulated M4 (many
    /// minutes)
    #[arg(long)]
    soak: bool,
}

/// How long the chip may take for that.
const SOAK_WITHIN: Duration = Duration::from_secs(3600);

/// How long a chip may take for its streams; many times of what it does when nothing else runs.
const STREAMS_WITHIN: Duration = Duration::from_secs(1200);

/// A promise, whether it held, and the figure that shows it.
#[derive(Debug, Serialize)]
struct Proof {
    promise: String,
    held: bool,
    figure: u64,
}

/// Tests of the host that show a promise: its name, the package, the test's file or the library, and the
/// part of the tests' names.
const HOST: [(&str, &str, &[&str]); 10] = [
    (
        "the naive reference comes to the streams' digests, every cell and format",
        "rnn-core",
        &["--test", "it", "streams::"],
    ),
    ("every form and layout on this host comes to them too", "rnn-core", &["--lib", "check::"]),
    (
        "integer cells are the naive reference's, every cell, format and layout, 1 to 130 units",
        "rnn-core",
        &["--test", "it", "quant::"],
    ),
    ("no argument makes the fixed-point functions overflow", "rnn-core", &["--lib", "quant::"]),
    (
        "a model file in which a sum could overflow is refused",
        "rnn-train-host",
        &["--test", "it", "quantize::"],
    ),
    (
        "no cut of the power, and no two, lose both model slots or an update that was acknowledged",
        "rnn-core",
        &["--test", "it", "slots::"],
    ),
    ("the core allocates nothing", "rnn-core", &["--test", "no_allocation"]),
    (
        "of 10^6 frames with bit errors at 10^-3, lost and doubled no wrong one is accepted",
        "rnn-core",
        &["--lib", "link::"],
    ),
    (
        "readers of files, frames and flash hold on the corpora and mutations of them",
        "rnn-fuzz",
        &["--test", "corpus"],
    ),
    (
        "a full disk or a kill leaves the old file and nothing else",
        "rnn-train-host",
        &["--test", "it", "full_disk::"],
    ),
];

/// Shows what can be shown; `true` when all held.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::firmware_tools()?;
    let mut all = true;
    let mut say = |proof: Proof| {
        println!("{}", serde_json::to_string(&proof)?);
        all &= proof.held;
        anyhow::Ok(())
    };
    if arguments.requantisation {
        say(requantisation()?)?;
        return Ok(all);
    }
    if arguments.soak {
        let promise = "learning from 2 x 10^7 samples: weights bounded, no drift";
        say(host(promise, "rnn-core", &["--test", "it", "adapt::", "--", "--ignored"])?)?;
        let image = firmware::build_plain(MAIN, Profile::Release, "streams")?;
        let image = image.with_file_name("soak");
        let end = Qemu::start(MAIN.name, &image, &["-icount", "shift=8"])?.wait(SOAK_WITHIN)?;
        end.log.iter().try_for_each(|line| say(proof(MAIN, line)?))?;
        end.check()?;
        return Ok(all);
    }
    if arguments.broken {
        broken(&mut say)?;
        return Ok(all);
    }
    if !arguments.chips_only {
        for (promise, package, tests) in HOST {
            say(host(promise, package, tests)?)?;
        }
    }
    let every: Vec<_> = BOARDS.iter().collect();
    for &board in if arguments.board.is_empty() { &every } else { &arguments.board } {
        streams(board)?.into_iter().try_for_each(&mut say)?;
        for tested in chip::models(board)?.iter().filter(|tested| tested.everywhere) {
            images(board, tested, &mut say)?;
        }
    }
    Ok(all)
}

/// Runs tests of the host in the build that ships; the figure is how many passed.
fn host(promise: &str, package: &str, tests: &[&str]) -> Result<Proof> {
    let mut command = cargo(&root());
    command.args(["test", "--release", "--package", package]);
    if package == "rnn-core" {
        command.args(["--features", "std,link"]);
    }
    let (status, output) = captured(command.args(tests))?;
    let Tally { passed, failed } = Tally::of_cargo_test(&output);
    let held = status.success() && failed == 0 && passed > 0;
    if !held {
        eprintln!("{output}");
    }
    Ok(Proof { promise: promise.into(), held, figure: passed as u64 })
}

fn requantisation() -> Result<Proof> {
    let promise = "requantisation of all 2^32 sums, ten multipliers each";
    let tests = ["--test", "it", "requantisation::", "--", "--ignored"];
    Ok(Proof { figure: 10 << 32, ..host(promise, "rnn-core", &tests)? })
}

/// A line of the streams' log.
#[derive(Deserialize)]
struct Line {
    test: String,
    ok: bool,
}

/// The long streams on a chip; the figure of each is its steps.
fn streams(board: &Board) -> Result<Vec<Proof>> {
    let image = firmware::build_plain(board, Profile::Release, "streams")?;
    let end = Qemu::start(board.name, &image, &["-icount", "shift=8"])?.wait(STREAMS_WITHIN)?;
    let proofs: Result<Vec<Proof>> = end.log.iter().map(|line| proof(board, line)).collect();
    let mut proofs = proofs?;
    if proofs.is_empty() || proofs.iter().all(|proof| proof.held) {
        // Something else is wrong, if anything.
        end.check()?;
    }
    let walks = crate::elf::walks(board.cpu, &image, "rnn_core::check::adaptations::adapt")?;
    let found = walks.iter().flat_map(|walk| walk.forbidden.iter().chain(&walk.unknown));
    let found: Vec<&String> = found.collect();
    found.iter().for_each(|path| eprintln!("{path}"));
    let promise = "panics, allocators and unknown jumps that a step of learning can reach";
    proofs.push(Proof {
        promise: format!("{}: {promise}", board.core),
        held: found.is_empty(),
        figure: found.len() as u64,
    });
    Ok(proofs)
}

fn proof(board: &Board, line: &str) -> Result<Proof> {
    let Line { test, ok } = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let figure = test.split([' ', ':']).find_map(|word| word.parse().ok()).unwrap_or_default();
    Ok(Proof { promise: format!("{}: {test}", board.core), held: ok, figure })
}

/// Counts the streams on a board as tests.
pub(crate) fn test_streams(board: &Board, tally: &mut Tally) -> Result<()> {
    count(streams(board)?, tally)
}

/// Counts the promises that are broken on purpose as tests.
pub(crate) fn test_broken(tally: &mut Tally) -> Result<()> {
    let mut proofs = Vec::new();
    broken(&mut |proof| {
        proofs.push(proof);
        Ok(())
    })?;
    count(proofs, tally)
}

fn count(proofs: Vec<Proof>, tally: &mut Tally) -> Result<()> {
    let (held, missed): (Vec<Proof>, Vec<Proof>) = proofs.into_iter().partition(|p| p.held);
    tally.passed += held.len();
    tally.failed += missed.len();
    let promises: Vec<String> = missed.into_iter().map(|proof| proof.promise).collect();
    ensure!(promises.is_empty(), "not held: {}", promises.join("; "));
    Ok(())
}

/// What the image of a model shows.
fn images(
    board: &Board,
    tested: &chip::Tested,
    say: &mut impl FnMut(Proof) -> Result<()>,
) -> Result<()> {
    let name = |what: &str| format!("{}, {}: {what}", board.core, tested.name);
    let built = firmware::build(board, &tested.path, Profile::Release)?;
    for (image, root, what) in [
        (&built.app, firmware::STEP, "a step"),
        (&built.app, "app::App::on_byte", "a byte of the link"),
        (&built.self_tests, "self_tests::load", "reading a model file"),
    ] {
        let walk = crate::elf::walk(board.cpu, image, root)?;
        let found = walk.forbidden.len() + walk.unknown.len();
        [&walk.forbidden[..], &walk.unknown].concat().iter().for_each(|path| eprintln!("{path}"));
        let walked = found == 0 && walk.functions.len() > 1;
        let promise = name(&format!("panics, allocators and unknown jumps that {what} can reach"));
        say(Proof { promise, held: walked, figure: found as u64 })?;
    }
    let measured = match firmware::self_tests(board, &built.self_tests) {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("{error:#}");
            return say(Proof { promise: name("the self-tests"), held: false, figure: 0 });
        }
    };
    let promise = name("self-tests: digests, samples, conversation, constant instructions");
    say(Proof { promise, held: true, figure: measured.passed as u64 })?;
    let bound = crate::elf::walk(board.cpu, &built.self_tests, firmware::STEP)?.stack;
    let stack = u64::from(measured.stack);
    let promise =
        name(&format!("bytes by which the stack's bound of {bound} exceeds the measured"));
    let gap = bound.saturating_sub(stack);
    say(Proof { promise, held: stack <= bound, figure: gap })?;
    if board.fpu {
        let promise = name("steps over all kinds of inputs that took the same instructions");
        say(Proof { promise, held: true, figure: measured.steps.into() })?;
    }
    let differing = chip::differing_bits(board.name, tested, &built.app, true)?;
    say(Proof {
        promise: name("bits that differ from the host's"),
        held: differing == 0,
        figure: differing,
    })?;
    let promise = name("bytes of garbage on the line that stopped no prediction");
    let flood = flood::run(board, tested, &built).inspect_err(|error| eprintln!("{error:#}"));
    say(Proof { promise, held: flood.is_ok(), figure: flood.unwrap_or_default() })
}

/// Builds firmware in which a promise is broken, and looks whether that is seen.
fn broken(say: &mut impl FnMut(Proof) -> Result<()>) -> Result<()> {
    let models = chip::models(MAIN)?;
    let tested = models.iter().find(|tested| tested.everywhere).context("no model")?;
    for promise in ["panic", "allocation", "time", "bits", "lane"] {
        let shown_by = if ["time", "lane"].contains(&promise) { "self-tests" } else { MAIN.name };
        let image = firmware::build_broken(MAIN, &tested.path, shown_by, promise)?;
        let forbidden = || {
            let walk = crate::elf::walk(MAIN.cpu, &image, firmware::STEP)?;
            anyhow::Ok(walk.forbidden.join("\n"))
        };
        let complaint = |text: &str| {
            let self_tests = firmware::self_tests(MAIN, &image);
            self_tests.is_err_and(|error| format!("{error:#}").contains(text))
        };
        let (what, seen) = match promise {
            "panic" => ("a panic planted in a step", forbidden()?.contains("a panic, by")),
            "allocation" => {
                ("an allocation planted in a step", forbidden()?.contains("an allocator, by"))
            }
            "time" => ("a longer way for NaN planted in a step", complaint("same instructions")),
            "lane" => (
                "two lanes swapped in the kernels",
                complaint("kernels, 1 to 130 rows") && complaint("integer sums, 1 to 130 rows"),
            ),
            _ => (
                "the last bit of predictions turned over",
                chip::differing_bits(MAIN.name, tested, &image, true)? > 0,
            ),
        };
        say(Proof { promise: format!("it is seen: {what}"), held: seen, figure: 1 })?;
    }
    Ok(())
}
