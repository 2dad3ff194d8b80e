//! A serial port of this machine.

use std::time::Duration;

use anyhow::{Context, Result};
use serialport::SerialPort;

/// How long one read may wait.
const READ_WITHIN: Duration = Duration::from_millis(100);

/// Opens a port: 8 bits, no parity, one stop bit.
///
/// # Errors
/// When there is no such port, or it may not be used; the error names those that there are.
pub fn open(port: &str, baud: u32) -> Result<Box<dyn SerialPort>> {
    serialport::new(port, baud).timeout(READ_WITHIN).open().with_context(|| {
        let ports = serialport::available_ports().unwrap_or_default();
        let names: Vec<String> = ports.into_iter().map(|port| port.port_name).collect();
        let there = match names.as_slice() {
            [] => "no serial port is found".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        format!("the port {port} can't be opened ({there})")
    })
}
