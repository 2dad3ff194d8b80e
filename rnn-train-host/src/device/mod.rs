//! The way to a chip, or to an emulated one: [`qemu`] starts the emulator, [`serial`] opens a port,
//! [`stream`] talks over any line, [`own`] listens to a board's own samples, [`log`] reads what the firmware logs.

pub mod log;
pub mod own;
pub mod qemu;
pub mod serial;
pub mod stream;

use crate::adapt::Twin;
use crate::model::Model;
use anyhow::{Context, Result, bail, ensure};
use qemu::Qemu;
use rnn_core::link::{Info, Stats};
use serde::Serialize;
use std::io::{Read, Write};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use stream::{Comparison, Seen, Sent, Session};

/// A device as it is named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// `qemu:MACHINE`, a machine of `qemu-system-arm` that there is firmware for.
    Qemu(String),
    /// `serial:PORT` or `serial:PORT@BAUD`: a board whose firmware runs already.
    Serial {
        /// The port's name, as the operating system has it.
        port: String,
        /// Bits per second.
        baud: u32,
    },
}

/// Bits per second where none are named.
pub const BAUD: u32 = 115_200;

/// Machines that there is firmware for, the smallest core first.
pub const MACHINES: [&str; 7] = [
    "microbit",
    "mps2-an385",
    "mps2-an386",
    "netduinoplus2",
    "mps2-an500",
    "mps2-an505",
    "mps3-an547",
];

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(name) = name.strip_prefix("serial:") {
            let (port, baud) = name.rsplit_once('@').map_or((name, None), |(p, b)| (p, Some(b)));
            let baud = baud.map_or(Ok(BAUD), str::parse).ok().filter(|baud| *baud > 0);
            return match (port, baud) {
                ("", _) => Err("the port's name is missing, as in serial:/dev/ttyACM0".into()),
                (_, None) => Err(format!("\"{name}\" ends with no number of bits per second")),
                (port, Some(baud)) => Ok(Self::Serial { port: port.into(), baud }),
            };
        }
        match name.strip_prefix("qemu:") {
            Some(machine) if MACHINES.contains(&machine) => Ok(Self::Qemu(machine.into())),
            _ => Err(format!(
                "unknown device \"{name}\"; there are {}, and serial:PORT",
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
    /// Frames of the conversation that either side couldn't read.
    pub link_errors: u32,
    /// Bytes of it that the device lost.
    pub queue_overflows: u32,
    /// The device's deepest stack, bytes.
    pub stack_bytes: u32,
    /// The device's static variables, bytes.
    pub ram_bytes: u32,
    /// The device's log, a line each.
    pub log: Vec<String>,
}

/// Starts `firmware` (an ELF file) on an emulated `device`, streams `samples` through it, and compares what it makes
/// of them with what `model` does here, learning as the device learns, bit for bit; `each` hears of every one.
///
/// # Errors
/// As [`converse`]. Differing bits are no error: they are in the report.
pub fn run(
    device: &Device,
    firmware: Option<&Path>,
    model: &Model,
    samples: impl IntoIterator<Item = Sent>,
    each: impl FnMut(&Seen<'_>) -> Result<()>,
) -> Result<Report> {
    let (comparison, told) = converse(device, firmware, model.info()?, |session| {
        let mut twin = Twin::new(model, session.info().learning)?;
        session.compare(samples, |sent| twin.judge(sent), each)
    })?;
    Ok(Report::new(comparison, told))
}

/// As [`run`], with the samples of the board's own sensor, so many of them, one at least within `patience`. A board on a
/// serial port is started anew for it.
///
/// # Errors
/// As [`converse`] and [`own::listen`].
pub fn listen(
    device: &Device,
    firmware: Option<&Path>,
    model: &Model,
    samples: usize,
    patience: Duration,
    each: impl FnMut(&Seen<'_>) -> Result<()>,
) -> Result<Report> {
    let expected = model.info()?;
    let (comparison, told) = on_the_line(device, firmware, |mut line| {
        let mut learning = None;
        if let Device::Serial { .. } = device {
            let session = Session::open(&mut line)?;
            session.expect_model(expected)?;
            learning = session.info().learning;
            session.quit()?;
        }
        let mut twin = Twin::new(model, learning)?;
        let judge = |sent: &Sent| twin.judge(sent);
        let comparison = own::listen(&mut line, samples, patience, judge, each)?;
        let check = |session: &mut Session<&mut dyn Line>| {
            session.expect_model(expected)?;
            ensure!(
                session.info().learning == learning,
                "the device learns, and what it says of its own samples is known only where it is asked first"
            );
            Ok(())
        };
        let ((), told) = session(line, check)?;
        Ok((comparison, told))
    })?;
    Ok(Report::new(comparison, told))
}

impl Report {
    fn new(comparison: Comparison, told: Told) -> Self {
        let Told { stats, link_errors, queue_overflows, log } = told;
        Self {
            comparison,
            link_errors,
            queue_overflows,
            stack_bytes: stats.stack_bytes,
            ram_bytes: stats.ram_bytes,
            log,
        }
    }
}

/// What a device tells of a conversation when it has ended.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its counters, since it started.
    pub stats: Stats,
    /// Frames of the conversation that either side couldn't read.
    pub link_errors: u32,
    /// Bytes of it that the device lost.
    pub queue_overflows: u32,
    /// Its log, a line each.
    pub log: Vec<String>,
}

/// A line to a device.
pub trait Line: Read + Write {}

impl<L: Read + Write> Line for L {}

/// Starts `firmware` (an ELF file) on an emulated `device`, or opens the port of a real one, and talks
/// with it.
///
/// # Errors
/// When the device doesn't start, carries another model than `expected`, doesn't answer in time,
/// or ends with a failure; what `talk` fails with.
pub fn converse<T>(
    device: &Device,
    firmware: Option<&Path>,
    expected: Info,
    talk: impl FnOnce(&mut Session<&mut dyn Line>) -> Result<T>,
) -> Result<(T, Told)> {
    visit(device, firmware, |session| {
        session.expect_model(expected)?;
        talk(session)
    })
}

/// The same with whatever model the device carries.
///
/// # Errors
/// As [`converse`].
pub fn visit<T>(
    device: &Device,
    firmware: Option<&Path>,
    talk: impl FnOnce(&mut Session<&mut dyn Line>) -> Result<T>,
) -> Result<(T, Told)> {
    on_the_line(device, firmware, |line| session(line, talk))
}

/// A whole conversation: a greeting, what `talk` says, the counters, the end. What the device has counted before the
/// greeting, half of which it may have missed while it started, isn't of the conversation.
fn session<'l, T>(
    line: &'l mut dyn Line,
    talk: impl FnOnce(&mut Session<&'l mut dyn Line>) -> Result<T>,
) -> Result<(T, Told)> {
    let mut session = Session::open(line)?;
    let before = session.stats()?;
    let result = talk(&mut session)?;
    let stats = session.stats()?;
    let damaged = session.quit()?;
    let link_errors = damaged + stats.link_errors.saturating_sub(before.link_errors);
    let queue_overflows = stats.queue_overflows.saturating_sub(before.queue_overflows);
    Ok((result, Told { stats, link_errors, queue_overflows, log: Vec::new() }))
}

/// Starts an emulated device, or opens the port of a real one, and ends it when `all` has been said; adds its log to
/// what it has told.
fn on_the_line<T>(
    device: &Device,
    firmware: Option<&Path>,
    all: impl FnOnce(&mut dyn Line) -> Result<(T, Told)>,
) -> Result<(T, Told)> {
    match (device, firmware) {
        (Device::Qemu(machine), Some(firmware)) => {
            let mut qemu = Qemu::start(machine, firmware, &[])?;
            match all(qemu.serial()) {
                Ok((result, told)) => {
                    let end = qemu.wait(stream::ANSWER_WITHIN)?;
                    end.check()?;
                    Ok((result, Told { log: end.log, ..told }))
                }
                Err(error) => Err(error).context(qemu.abandon()),
            }
        }
        (Device::Qemu(_), None) => bail!(
            "an emulated chip needs its firmware: name the ELF file with --firmware (it is built with `RNN_MODEL=MODEL cargo build --release` in the board's folder)"
        ),
        (Device::Serial { .. }, Some(_)) => {
            bail!("a board on a serial port has its firmware already; leave --firmware away")
        }
        (Device::Serial { port, baud }, None) => all(&mut serial::open(port, *baud)?)
            .with_context(|| format!("on the port {port} at {baud} bits per second")),
    }
}

#[cfg(test)]
mod tests {
    use super::{BAUD, Device};

    #[test]
    fn devices_have_names() {
        for machine in ["microbit", "mps2-an386"] {
            assert_eq!(format!("qemu:{machine}").parse(), Ok(Device::Qemu(machine.into())));
        }
        let serial = |port: &str, baud| Ok(Device::Serial { port: port.into(), baud });
        assert_eq!("serial:/dev/ttyACM0".parse(), serial("/dev/ttyACM0", BAUD));
        assert_eq!("serial:COM3@9600".parse(), serial("COM3", 9600));
        for wrong in
            ["serial:", "serial:@9600", "serial:COM3@", "serial:COM3@fast", "serial:COM3@0"]
        {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
        let error = "qemu:toaster".parse::<Device>().unwrap_err();
        assert!(error.contains("toaster") && error.contains("qemu:mps2-an386"), "{error}");
    }
}
