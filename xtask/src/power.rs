//! The power of an emulated board, cut through QEMU's monitor: RAM survives it, so the slots stay as they are.

use crate::board::Board;
use anyhow::{Context, Result, ensure};
use rnn_train_host::device::qemu::Qemu;
use rnn_train_host::device::stream::ANSWER_WITHIN;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The switch of an emulated machine.
pub(crate) struct Power {
    monitor: BufReader<UnixStream>,
}

impl Power {
    /// Starts `firmware` on an emulated board.
    pub(crate) fn on(board: &Board, firmware: &Path) -> Result<(Qemu, Self)> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("qmp");
        let option = format!("unix:{},server=on,wait=off", socket.display());
        // A reset is no end here.
        let options = ["-action", "reboot=reset", "-qmp", &option];
        let qemu = Qemu::start(board.name, firmware, &options)?;
        let monitor = UnixStream::connect(socket).context("no way to QEMU's monitor")?;
        monitor.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut power = Power { monitor: BufReader::new(monitor) };
        power.ask("qmp_capabilities", "\"return\"")?;
        Ok((qemu, power))
    }

    /// Starts the machine anew; the slots stay as they are.
    pub(crate) fn cut(&mut self) -> Result<()> {
        self.ask("system_reset", "\"RESET\"")
    }

    /// Sends a command and waits for a line with `answer` in it.
    fn ask(&mut self, command: &str, answer: &str) -> Result<()> {
        writeln!(self.monitor.get_mut(), "{{\"execute\": \"{command}\"}}")?;
        let mut line = String::new();
        while !line.contains(answer) {
            line.clear();
            let length = self.monitor.read_line(&mut line).with_context(|| command.to_owned())?;
            ensure!(length > 0, "QEMU is gone before {command}");
        }
        Ok(())
    }
}
