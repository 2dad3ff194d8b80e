//! Every instruction that an image executes on an emulated chip, between the start of a job's
//! function and its return.
//!
//! QEMU translates one instruction at a time and logs each block that it executes, with its address.

use crate::board::Board;
use crate::command::output;
use anyhow::{Context, Result};
use rnn_train_host::device::qemu::{PROGRAM, Qemu};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::mem;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

/// How long an image may run; on a chip without an FPU it executes some ten million instructions.
const WITHIN: Duration = Duration::from_secs(300);

/// The calls of each function, by its address: the addresses of the instructions that a call executed.
pub(crate) type Calls = BTreeMap<u32, Vec<Vec<u32>>>;

/// Runs an image; returns what it logged, and the calls of the functions that start at `entries`.
pub(crate) fn run(
    board: &Board,
    image: &Path,
    entries: BTreeSet<u32>,
) -> Result<(Vec<String>, Calls)> {
    let mut options = vec!["-d", "exec,nochain"];
    options.extend(one_instruction_per_block()?);
    let (sender, receiver) = mpsc::channel();
    let qemu = Qemu::start_reading(board.name, image, &options, move |log| {
        let mut windows = Windows::new(entries);
        let complaints = follow(log, &mut windows);
        // Nobody waits for it where the run has failed.
        let _ = sender.send(windows.calls);
        complaints
    })?;
    let end = qemu.wait(WITHIN)?;
    end.check()?;
    Ok((end.log, receiver.recv().context("the log of the instructions broke off")?))
}

/// QEMU's option for it, which has changed its name with version 8.1.
fn one_instruction_per_block() -> Result<Vec<&'static str>> {
    let text = output(Command::new(PROGRAM).arg("--version"))?;
    let version = version(&text).with_context(|| format!("{PROGRAM} --version: {text:?}"))?;
    Ok(if version >= (8, 1) {
        vec!["-accel", "tcg,one-insn-per-tb=on"]
    } else {
        vec!["-singlestep"]
    })
}

/// `QEMU emulator version 7.2.22 (...)`
fn version(text: &str) -> Option<(u32, u32)> {
    let version = text.split_once("version ")?.1;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Passes the address of every executed instruction on; returns the lines that say something else.
fn follow(log: impl Read, windows: &mut Windows) -> String {
    let mut complaints = String::new();
    // The last block: QEMU takes it back when it has logged it and then not executed it.
    let mut last = None;
    let mut lines = BufReader::with_capacity(1 << 16, log).split(b'\n');
    while let Some(Ok(line)) = lines.next() {
        if line.starts_with(b"Trace ") {
            last.take().into_iter().for_each(|address| windows.executed(address));
            last = address(&line);
        } else if line.starts_with(b"Stopped execution of TB chain") {
            last = None;
        } else {
            complaints.push_str(&String::from_utf8_lossy(&line));
            complaints.push('\n');
        }
    }
    last.into_iter().for_each(|address| windows.executed(address));
    complaints
}

/// `Trace 0: 0x7f3e00000100 [00400000/00000484/00000110/ff000201] main`: the second number.
fn address(line: &[u8]) -> Option<u32> {
    let from = line.iter().position(|&c| c == b'[')?;
    let field = line.get(from..)?.split(|&c| c == b'/').nth(1)?;
    u32::from_str_radix(str::from_utf8(field).ok()?, 16).ok()
}

/// Collects the calls.
struct Windows {
    entries: BTreeSet<u32>,
    calls: Calls,
    /// The call that is being followed: its function, the addresses so far, and where it returns to.
    open: Option<(u32, Vec<u32>, ReturnTo)>,
    previous: u32,
}

/// Just behind the call, which is two or four bytes long.
type ReturnTo = [u32; 2];

impl Windows {
    fn new(entries: BTreeSet<u32>) -> Self {
        Windows { entries, calls: BTreeMap::new(), open: None, previous: 0 }
    }

    fn executed(&mut self, address: u32) {
        let from = mem::replace(&mut self.previous, address);
        match &mut self.open {
            Some((function, addresses, returns)) if returns.contains(&address) => {
                let addresses = mem::take(addresses);
                self.calls.entry(*function).or_default().push(addresses);
                self.open = None;
            }
            Some((_, addresses, _)) => addresses.push(address),
            None if self.entries.contains(&address) => {
                self.open = Some((address, vec![address], [from + 2, from + 4]));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_qemu() {
        assert_eq!(version("QEMU emulator version 7.2.22 (Debian 1:7.2)\nCopyright"), Some((7, 2)));
        assert_eq!(version("QEMU emulator version 10.0.2\n"), Some((10, 0)));
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn calls_are_cut_out_of_the_log() {
        let executed = |address: u32| {
            format!("Trace 0: 0x7f3e00000100 [00400000/{address:08x}/00000110/ff000201] name\n")
        };
        let stopped = "Stopped execution of TB chain before 0x7f3e00000100 [00000204] name\n";
        let log = [
            executed(0x100),
            executed(0x200),
            executed(0x202),
            // A call from the function, and the way back.
            executed(0x300),
            executed(0x206),
            executed(0x104),
            executed(0x106),
            executed(0x200),
            "qemu: a complaint\n".to_owned(),
            executed(0x204),
            stopped.to_owned(),
            executed(0x204),
            // Behind a call of two bytes.
            executed(0x108),
            // Never returns.
            executed(0x200),
        ];
        let mut windows = Windows::new([0x200].into());
        let complaints = follow(log.concat().as_bytes(), &mut windows);
        assert_eq!(complaints, "qemu: a complaint\n");
        let calls = vec![vec![0x200, 0x202, 0x300, 0x206], vec![0x200, 0x204]];
        assert_eq!(windows.calls, [(0x200, calls)].into());
    }
}
