//! An emulated chip: QEMU with a serial line to it, its log, and an end to every wait.

use super::log::Strings;
use anyhow::{Context, Result, bail};
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The emulator.
pub const PROGRAM: &str = "qemu-system-arm";
/// How to get it.
pub const INSTALL: &str = "install it: `apt-get install qemu-system-arm` (Debian, Ubuntu), \
    `dnf install qemu-system-arm` (Fedora), `brew install qemu` (macOS)";

/// How long QEMU may take to start.
const START_WITHIN: Duration = Duration::from_secs(20);
/// How long one read of the serial line may wait.
const READ_WITHIN: Duration = Duration::from_millis(100);
/// How often a wait looks again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running emulator; dropping it ends it.
pub struct Qemu {
    child: Child,
    serial: TcpStream,
    log: Option<JoinHandle<Vec<String>>>,
    complaints: Option<JoinHandle<String>>,
}

/// How a run ended.
#[derive(Debug)]
pub struct End {
    /// The exit code, as the firmware gave it.
    pub code: Option<i32>,
    /// The firmware's log, a line each.
    pub log: Vec<String>,
    /// What QEMU itself said.
    pub complaints: String,
}

impl End {
    /// # Errors
    /// When the firmware ended with a failure; the error tells which, and the log's last lines.
    pub fn check(&self) -> Result<()> {
        let how = match self.code {
            Some(0) => return Ok(()),
            Some(101) => "the firmware panicked".into(),
            Some(102) => "the firmware ran into a hardware fault".into(),
            Some(103) => "the firmware was compiled with other kernels than its board's".into(),
            Some(code) => format!("the firmware ended with exit code {code}"),
            None => "the emulator was killed".into(),
        };
        bail!("{how}{}", self.last_words())
    }

    fn last_words(&self) -> String {
        let last = &self.log[self.log.len().saturating_sub(10)..];
        let mut words: String = last.iter().map(|line| format!("\n  log: {line}")).collect();
        for line in self.complaints.lines() {
            words += &format!("\n  {PROGRAM}: {line}");
        }
        words
    }
}

impl Qemu {
    /// Starts `firmware` on a machine, with further options for QEMU, and connects its first
    /// serial line.
    ///
    /// # Errors
    /// When QEMU isn't there, the firmware can't be read, or the machine doesn't come up.
    pub fn start(machine: &str, firmware: &Path, options: &[&str]) -> Result<Self> {
        Self::start_reading(machine, firmware, options, |mut err| {
            let mut text = Vec::new();
            // What was read before an error is still worth showing.
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    }

    /// The same; `read` takes what QEMU writes on its standard error, until its end, and returns what
    /// of it are complaints.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_reading(
        machine: &str,
        firmware: &Path,
        options: &[&str],
        read: impl FnOnce(ChildStderr) -> String + Send + 'static,
    ) -> Result<Self> {
        let strings = Strings::of(firmware)?;
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).context("no port for the serial line")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let mut child = Command::new(PROGRAM)
            .args(["-M", machine, "-display", "none", "-monitor", "none"])
            // Firmware of a real board ends with a restart: here that ends the run, with code 0.
            .arg("-no-reboot")
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(["-serial", &format!("tcp:127.0.0.1:{port},nodelay=on")])
            .args(options)
            .arg("-kernel")
            .arg(firmware)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => anyhow::anyhow!("{PROGRAM} is not there; {INSTALL}"),
                _ => anyhow::Error::new(error).context(format!("{PROGRAM} doesn't start")),
            })?;
        let log = child.stdout.take().map(|out| thread::spawn(move || strings.decode(out)));
        let complaints = child.stderr.take().map(|err| thread::spawn(move || read(err)));
        match accept(&listener, &mut child) {
            Ok(serial) => Ok(Self { child, serial, log, complaints }),
            Err(error) => {
                let words = finish(&mut child, log, complaints).last_words();
                Err(error.context(format!("{PROGRAM} didn't come up{words}")))
            }
        }
    }

    /// The serial line. A read that waits too long fails as timed out.
    pub fn serial(&mut self) -> &mut TcpStream {
        &mut self.serial
    }

    /// Waits until the firmware ends.
    ///
    /// # Errors
    /// When it hasn't ended in time; it is ended then.
    pub fn wait(mut self, within: Duration) -> Result<End> {
        let deadline = Instant::now() + within;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the firmware didn't end within {within:?}{}", self.end().last_words());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(self.end())
    }

    /// Ends a run that went wrong; returns its last words, to be told with the error.
    pub fn abandon(mut self) -> String {
        // A firmware that is about to end by itself says more.
        thread::sleep(READ_WITHIN);
        let end = self.end();
        match end.code {
            Some(_) => end.check().err().map_or_else(String::new, |error| error.to_string()),
            None => format!("on the emulated chip{}", end.last_words()),
        }
    }

    fn end(&mut self) -> End {
        finish(&mut self.child, self.log.take(), self.complaints.take())
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends the emulator if it still runs, and gathers what it left.
fn finish(
    child: &mut Child,
    log: Option<JoinHandle<Vec<String>>>,
    complaints: Option<JoinHandle<String>>,
) -> End {
    let code = match child.try_wait() {
        Ok(Some(status)) => status.code(),
        _ => {
            // Fails only for a process that has just ended.
            let _ = child.kill();
            let _ = child.wait();
            None
        }
    };
    End {
        code,
        log: log.and_then(|thread| thread.join().ok()).unwrap_or_default(),
        complaints: complaints.and_then(|thread| thread.join().ok()).unwrap_or_default(),
    }
}

fn accept(listener: &TcpListener, child: &mut Child) -> Result<TcpStream> {
    let deadline = Instant::now() + START_WITHIN;
    loop {
        match listener.accept() {
            Ok((serial, _)) => {
                serial.set_nonblocking(false)?;
                serial.set_nodelay(true)?;
                serial.set_read_timeout(Some(READ_WITHIN))?;
                serial.set_write_timeout(Some(START_WITHIN))?;
                return Ok(serial);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended at once ({status})");
        }
        if Instant::now() > deadline {
            bail!("no connection to its serial line within {START_WITHIN:?}");
        }
        thread::sleep(LOOK_EVERY);
    }
}
