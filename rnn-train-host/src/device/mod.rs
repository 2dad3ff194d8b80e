//! The way to a chip, or to an emulated one: [`qemu`] starts the emulator, [`stream`] talks over
//! any serial line, [`log`] reads what the firmware logs.

pub mod log;
pub mod qemu;
pub mod stream;

use anyhow::{Context, Result};
use qemu::Qemu;
use rnn_core::link::{Info, Stats};
use serde::Serialize;
use std::net::TcpStream;
use std::path::Path;
use std::str::FromStr;
use stream::{Comparison, Sent, Session};

/// A device as it is named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// `qemu:MACHINE`, a machine of `qemu-system-arm` that there is firmware for.
    Qemu(String),
}

/// Machines that there is firmware for, the smallest core first.
pub const MACHINES: [&str; 6] =
    ["microbit", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"];

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.strip_prefix("qemu:") {
            Some(machine) if MACHINES.contains(&machine) => Ok(Self::Qemu(machine.into())),
            _ => Err(format!(
                "unknown device \"{name}\"; there are {}",
                MACHINES.map(|machine| format!("qemu:{machine}")).join(", ")
            )),
        }
    }
}

/// What streaming a series through a device has shown.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The device's predictions beside the host's.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Frames that either side couldn't read.
    pub link_errors: u32,
    /// Received bytes that the device lost.
    pub queue_overflows: u32,
    /// The device's deepest stack, bytes.
    pub stack_bytes: u32,
    /// The device's static variables, bytes.
    pub ram_bytes: u32,
    /// The device's log, a line each.
    pub log: Vec<String>,
}

/// Starts `firmware` (an ELF file) on `device`, streams `samples` through it, and compares what it makes
/// of them with what `judge` does, bit for bit.
///
/// # Errors
/// As [`converse`]. Differing bits are no error: they are in the report.
pub fn run(
    device: &Device,
    firmware: &Path,
    expected: Info,
    samples: impl IntoIterator<Item = Sent>,
    judge: impl FnMut(&Sent) -> stream::Told,
) -> Result<Report> {
    let (comparison, told) =
        converse(device, firmware, expected, |session| session.compare(samples, judge))?;
    let Told { stats, damaged, log } = told;
    Ok(Report {
        comparison,
        link_errors: stats.link_errors + damaged,
        queue_overflows: stats.queue_overflows,
        stack_bytes: stats.stack_bytes,
        ram_bytes: stats.ram_bytes,
        log,
    })
}

/// What a device tells of a conversation when it has ended.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its counters.
    pub stats: Stats,
    /// Frames from it that were damaged.
    pub damaged: u32,
    /// Its log, a line each.
    pub log: Vec<String>,
}

/// Starts `firmware` (an ELF file) on `device` and talks with it.
///
/// # Errors
/// When the device doesn't start, carries another model than `expected`, doesn't answer in time,
/// or ends with a failure; what `talk` fails with.
pub fn converse<T>(
    device: &Device,
    firmware: &Path,
    expected: Info,
    talk: impl FnOnce(&mut Session<&mut TcpStream>) -> Result<T>,
) -> Result<(T, Told)> {
    let Device::Qemu(machine) = device;
    let mut qemu = Qemu::start(machine, firmware, &[])?;
    let all = |serial| {
        let mut session = Session::open(serial)?;
        session.expect_model(expected)?;
        let result = talk(&mut session)?;
        let stats = session.stats()?;
        let damaged = session.quit()?;
        anyhow::Ok((result, stats, damaged))
    };
    match all(qemu.serial()) {
        Ok((result, stats, damaged)) => {
            let end = qemu.wait(stream::ANSWER_WITHIN)?;
            end.check()?;
            Ok((result, Told { stats, damaged, log: end.log }))
        }
        Err(error) => Err(error).context(qemu.abandon()),
    }
}

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn devices_have_names() {
        for machine in ["microbit", "mps2-an386"] {
            assert_eq!(format!("qemu:{machine}").parse(), Ok(Device::Qemu(machine.into())));
        }
        let error = "qemu:toaster".parse::<Device>().unwrap_err();
        assert!(error.contains("toaster") && error.contains("qemu:mps2-an386"), "{error}");
    }
}
