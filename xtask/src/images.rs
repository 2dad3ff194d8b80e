//! `cargo xtask images`: the real boards' images, their sizes held against those that the repository
//! has; the one whose chip QEMU has too runs there.

use crate::board::{Board, REAL, REAL_IN_QEMU};
use crate::chip::{self, Tested};
use crate::command::{cargo, root, run as run_command};
use crate::elf::{self, Sizes};
use crate::firmware::{Profile, STEP};
use crate::setup;
use crate::tally::Tally;
use anyhow::{Context, Result, ensure};
use rnn_train_host::atomic::write_atomically;
use rnn_train_host::device::own;
use rnn_train_host::device::qemu::Qemu;
use rnn_train_host::model::Model;
use rnn_train_host::watch::Watching;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How much an image may grow without the file being changed, per cent.
const GROWTH: u64 = 1;
/// A board's own samples that are listened to.
const OWN_SAMPLES: usize = 150;
/// How long QEMU may take for one.
const OWN_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print a JSON object for each board.
    #[arg(long)]
    json: bool,
    /// Write the sizes to firmware/expected, with which the tests compare.
    #[arg(long)]
    accept: bool,
}

/// The size of a board's image with the model that it is tested with.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Image {
    board: String,
    flash: u64,
    ram: u64,
}

/// Builds and prints.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::firmware_tools()?;
    let mut images = Vec::new();
    for board in &REAL {
        let image = size(board, &build(board, &model(board)?)?)?;
        if arguments.json {
            println!("{}", serde_json::to_string(&image)?);
        } else {
            println!("{}: {} bytes of flash, {} of RAM", image.board, image.flash, image.ram);
        }
        images.push(image);
    }
    if arguments.accept {
        write_atomically(&path(), |file| {
            for image in &images {
                serde_json::to_writer(&mut *file, image)?;
                writeln!(file)?;
            }
            Ok(())
        })?;
    }
    Ok(true)
}

fn path() -> PathBuf {
    root().join("firmware/expected/images.jsonl")
}

/// The model that images are tested with: of one channel, as the boards' sensors are.
fn model(board: &Board) -> Result<Tested> {
    let mut models = chip::models(board)?.into_iter();
    models.find(|tested| tested.everywhere).context("no model")
}

/// A command of cargo for a real board's firmware.
fn command(subcommand: &str, board: &Board, model: &Tested) -> Command {
    let mut command = cargo(&board.folder());
    command.args([subcommand, "--locked", "--quiet", "--profile", Profile::Release.name()]);
    command.args(["--package", board.name]).env("RNN_MODEL", &model.path);
    command
}

fn build(board: &Board, model: &Tested) -> Result<PathBuf> {
    run_command(&mut command("build", board, model))?;
    Ok(board.image(Profile::Release.name(), board.name))
}

fn size(board: &Board, image: &Path) -> Result<Image> {
    let Sizes { flash, ram } = elf::sizes(image)?;
    Ok(Image { board: board.name.into(), flash, ram })
}

/// The lints of a board's firmware, and of what it shares with the others.
pub(crate) fn lints(board: &Board) -> Result<Command> {
    let mut clippy = command("clippy", board, &model(board)?);
    clippy.args(["--package", "station", "--", "-D", "warnings"]);
    Ok(clippy)
}

/// Builds a board's image and examines it: its size, and whether the application's work can panic.
pub(crate) fn test(board: &Board, tally: &mut Tally) -> Result<()> {
    let model = model(board)?;
    let image = build(board, &model)?;
    for root in [STEP, "app::App::on_byte", "app::App::on_own_sample"] {
        elf::walk(board.cpu, &image, root)?.check(&image, root)?;
        tally.passed += 1;
    }
    if board.name == "rp2350" {
        boot_block(&elf::section(&image, ".start_block")?)?;
        tally.passed += 1;
    }
    let size = size(board, &image)?;
    let text = fs::read_to_string(path()).with_context(|| path().display().to_string())?;
    let expected = text.lines().map(serde_json::from_str::<Image>);
    let expected = expected.collect::<Result<Vec<_>, _>>()?;
    let old = expected.iter().find(|expected| expected.board == size.board);
    let accept =
        format!("`cargo xtask images --accept` writes the new sizes to {}", path().display());
    let old =
        old.with_context(|| format!("nothing is expected of {} yet; {accept}", board.name))?;
    ensure!(fits(old, &size), "{old:?} has become {size:?}; if it must be so: {accept}");
    tally.passed += 1;
    Ok(())
}

fn fits(old: &Image, new: &Image) -> bool {
    [(old.flash, new.flash), (old.ram, new.ram)]
        .iter()
        .all(|(old, new)| 100 * new <= (100 + GROWTH) * old)
}

/// The boot ROM of the RP2350 starts no image without its definition: a block between two marks in the first 4 KB of
/// the flash (datasheet, 5.9).
fn boot_block((address, bytes): &(u64, Vec<u8>)) -> Result<()> {
    const FLASH: u64 = 0x1000_0000;
    const START: [u8; 4] = 0xffff_ded3_u32.to_le_bytes();
    const END: [u8; 4] = 0xab12_3579_u32.to_le_bytes();
    let end = address + bytes.len() as u64;
    ensure!(*address > FLASH && end <= FLASH + 4096, "the boot block ends at {end:#x}");
    ensure!(bytes.starts_with(&START) && bytes.ends_with(&END), "no boot block: {bytes:x?}");
    Ok(())
}

/// Runs the image of the board that QEMU has too: samples of the host, then a run with those of the board's own
/// sensor, of which QEMU's converter gives rising ones; all bits compared.
pub(crate) fn test_in_qemu(tally: &mut Tally) -> Result<()> {
    let (board, machine) = REAL_IN_QEMU;
    let tested = model(board)?;
    let image = build(board, &tested)?;
    chip::expect_no_differing_bits(machine, &tested, &image, false)?;
    tally.passed += 1;
    let model = Model::load(&tested.path)?;
    let mut watching = Watching::new(&model);
    // 64 ns for an instruction: faster than in real time.
    let mut qemu = Qemu::start(machine, &image, &["-icount", "shift=6"])?;
    let mut sound = 0;
    let judge = |sent: &_| watching.judge(sent);
    let comparison = own::listen(qemu.serial(), OWN_SAMPLES, OWN_WITHIN, judge, |seen| {
        sound += usize::from(seen.told.verdict.step && seen.told.faults == [0]);
        Ok(())
    })?;
    let first = &comparison.first_difference;
    ensure!(comparison.differing_bits == 0, "own samples: the first difference is {first:?}");
    ensure!(sound > 10, "own samples: only {sound} were let in");
    tally.passed += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_grow_by_a_hundredth() {
        let image = |flash, ram| Image { board: "rp2350".into(), flash, ram };
        let old = image(20_000, 1000);
        assert!(fits(&old, &image(20_200, 1010)) && fits(&old, &image(10_000, 500)));
        assert!(!fits(&old, &image(20_201, 1000)) && !fits(&old, &image(20_000, 1011)));
    }

    #[test]
    fn a_boot_block_lies_between_its_marks_in_the_first_pages() {
        let bytes = |middle: &[u8]| [&[0xd3, 0xde, 0xff, 0xff], middle].concat();
        let block = bytes(&[1, 2, 3, 4, 0x79, 0x35, 0x12, 0xab]);
        assert!(boot_block(&(0x1000_0110, block.clone())).is_ok());
        assert!(boot_block(&(0x1000_0ff8, block)).is_err());
        assert!(boot_block(&(0x1000_0110, bytes(&[0; 4]))).is_err());
        assert!(boot_block(&(0x1000_0110, Vec::new())).is_err());
    }
}
