use std::path::PathBuf;

use anyhow::Result;
use rnn_core::link::{Info, Stats};
use rnn_train_host::device::{self, Device};
use serde_json::json;

use super::Output;

/// Ask a device what it carries and how it is.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Info(InfoArguments),
}

/// The model on a device, and what it has counted since it started.
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArguments {
    /// The device: serial:PORT, serial:PORT@BAUD, or qemu:MACHINE.
    #[arg(long)]
    device: Device,
    /// Firmware to start on an emulated device.
    #[arg(long, value_name = "ELF")]
    firmware: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(Command::Info(arguments): &Command) -> Result<Output> {
    let firmware = arguments.firmware.as_deref();
    let (info, told) = device::visit(&arguments.device, firmware, |session| Ok(session.info()))?;
    let Info { inputs, hidden, outputs, window, model_crc } = info;
    let Stats { steps, link_errors, queue_overflows, stack_bytes, ram_bytes } = told.stats;
    if arguments.json {
        return Ok(json!({
            "model_crc": format!("{model_crc:#010x}"),
            "inputs": inputs, "hidden": hidden, "outputs": outputs, "window": window,
            "steps": steps, "link_errors": link_errors, "queue_overflows": queue_overflows,
            "stack": stack_bytes, "ram": ram_bytes,
        })
        .into());
    }
    let stream = match window {
        0 => "the state carried on".to_owned(),
        window => format!("windows of {window}"),
    };
    Ok(format!(
        "model      {model_crc:#010x}: {inputs} inputs, {hidden} hidden units, {outputs} outputs, {stream}\n\
         steps      {steps} since it started\n\
         line       {link_errors} damaged frames, {queue_overflows} lost bytes\n\
         memory     {ram_bytes} bytes static, {stack_bytes} bytes of stack at most so far\n"
    )
    .into())
}
