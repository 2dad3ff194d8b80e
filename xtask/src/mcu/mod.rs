//! `cargo xtask mcu`: what a step of the jobs takes on every chip, counted instruction by instruction.

mod bars;
mod cycles;
mod expected;
mod figures;
mod trace;

use crate::board::{BOARDS, Board, MAIN};
use crate::elf::{self, Program};
use crate::firmware::{self, Profile};
use crate::setup;
use anyhow::{Context, Result, ensure};
use figures::Figures;
use serde::Deserialize;
use std::collections::BTreeSet;

use bars::Ratio;
pub(crate) use expected::check;

/// Where the image has the functions of the jobs.
const JOBS: [&str; 2] = ["counts::float::", "counts::integers::"];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print a JSON object for each job.
    #[arg(long)]
    json: bool,
    /// Write the figures to firmware/expected, with which the tests compare.
    #[arg(long)]
    accept: bool,
    /// Only this board (a folder of firmware/boards); may be repeated.
    #[arg(long, value_name = "NAME", value_parser = Board::named)]
    board: Vec<&'static Board>,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::firmware_tools()?;
    let all: Vec<_> = BOARDS.iter().collect();
    for &board in if arguments.board.is_empty() { &all } else { &arguments.board } {
        let figures = measure(board)?;
        if arguments.json {
            for figures in &figures {
                println!("{}", serde_json::to_string(figures)?);
            }
            for ratio in bars::ratios(&figures) {
                println!("{}", serde_json::to_string(&ratio)?);
            }
        } else {
            let ratios: Vec<_> = bars::ratios(&figures).iter().map(Ratio::to_string).collect();
            let table = figures::table(&format!("{} ({})", board.core, board.name), &figures);
            println!("{table}  {}\n", ratios.join("\n  "));
        }
        if arguments.accept {
            expected::accept(board, &figures)?;
        }
    }
    if !arguments.json {
        println!(
            "instructions and cycles of a step, readout included; the cycles of a Cortex-M4 are \
             modelled (docs/src/mcu.md); flash is code alone"
        );
    }
    Ok(true)
}

/// A line of the image's log.
#[derive(Deserialize)]
struct Job {
    job: String,
    format: String,
    kernel: String,
    function: String,
    calls: usize,
    macs: u64,
    ram: u64,
    stack: u64,
}

/// Builds the jobs for a board and counts; on the main board compiled for size too.
pub(crate) fn measure(board: &Board) -> Result<Vec<Figures>> {
    let mut figures = measure_at(board, Profile::Release)?;
    if board.name == MAIN.name {
        figures.append(&mut measure_at(board, Profile::Small)?);
    }
    Ok(figures)
}

fn measure_at(board: &Board, profile: Profile) -> Result<Vec<Figures>> {
    let image = firmware::build_plain(board, profile, "counts")?;
    let program = elf::disassemble(board.cpu, &image)?;
    let entries: BTreeSet<u32> = JOBS.iter().flat_map(|path| program.find_within(path)).collect();
    let (log, calls) = trace::run(board, &image, entries)?;
    log.iter()
        .map(|line| {
            let job: Job = serde_json::from_str(line).with_context(|| format!("counts: {line}"))?;
            let calls = match program.find(&job.function)[..] {
                [entry] => calls.get(&entry).map(Vec::as_slice).unwrap_or_default(),
                _ => &[],
            };
            figures(board, profile, &program, job, calls)
        })
        .collect()
}

/// The figures of a job from its calls: the addresses of the instructions that each has executed.
fn figures(
    board: &Board,
    profile: Profile,
    program: &Program,
    job: Job,
    calls: &[Vec<u32>],
) -> Result<Figures> {
    let name = format!("{} {} on {}", job.job, job.format, board.name);
    ensure!(
        calls.len() == job.calls,
        "{name}: {} calls of {} were seen, {} made",
        calls.len(),
        job.function,
        job.calls
    );
    let counts: Vec<usize> = calls.iter().map(Vec::len).collect();
    ensure!(
        !board.fpu || counts.iter().all(|&count| count == counts[0]),
        "{name}: calls took different numbers of instructions, {counts:?}"
    );
    let longest = calls.iter().max_by_key(|call| call.len()).context("no calls")?;
    let executed = executed(program, longest).with_context(|| name.clone())?;
    let functions: BTreeSet<u32> = executed.iter().map(|&(function, ..)| function).collect();
    let flash = functions.iter().map(|function| program.functions[function].size).sum();
    let cycles = || cycles::cycles(executed.iter().map(|&(_, code, jumps)| (code, jumps)));
    Ok(Figures {
        job: job.job,
        machine: board.name.into(),
        format: job.format,
        opt_level: profile.opt_level().into(),
        kernel: job.kernel,
        instructions: longest.len() as u64,
        modelled_cycles: (board.name == MAIN.name).then(cycles),
        macs: job.macs,
        flash,
        ram: job.ram,
        stack: job.stack,
    })
}

/// The executed instructions: the function of each, and whether control went elsewhere than to the
/// next one.
fn executed<'p>(
    program: &'p Program,
    addresses: &[u32],
) -> Result<Vec<(u32, &'p elf::Instruction, bool)>> {
    let mut next = addresses.iter().skip(1);
    addresses
        .iter()
        .map(|address| {
            let unknown = || format!("{address:#x}: executed, but no instruction of a function");
            let function = program.around(*address).with_context(unknown)?;
            let code = &program.functions[&function].code;
            let behind = code.range(address + 1..).next().map(|(address, _)| address);
            Ok((function, &code[address], next.next() != behind))
        })
        .collect()
}
