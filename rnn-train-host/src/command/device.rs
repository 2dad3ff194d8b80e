use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rnn_core::link::{Info, Learning, Part, Slot, Stats};
use rnn_core::model_file::ModelFile;
use rnn_train_host::device::{self, Device};
use serde_json::json;

use super::{Output, progress_bar};

/// Ask a device what it carries and how it is, or upload a model to it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Info(InfoArguments),
    Upload(UploadArguments),
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

/// Upload a model; the one that runs goes on until the new one is whole and has passed its self-tests there. On
/// an emulated device this is a rehearsal: the model is gone when it ends.
#[derive(Debug, clap::Args)]
pub(crate) struct UploadArguments {
    /// Model file, of the shape and number format that the firmware was built for.
    model: PathBuf,
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

pub(crate) fn run(command: &Command) -> Result<Output> {
    match command {
        Command::Info(arguments) => info(arguments),
        Command::Upload(arguments) => upload(arguments),
    }
}

fn upload(arguments: &UploadArguments) -> Result<Output> {
    let path = arguments.model.display();
    let file =
        fs::read(&arguments.model).with_context(|| format!("cannot read the model {path}"))?;
    ModelFile::parse(&file).with_context(|| format!("{path}"))?;
    let firmware = arguments.firmware.as_deref();
    let bar = progress_bar("uploading");
    bar.set_length(file.len() as u64);
    let uploaded = device::visit(&arguments.device, firmware, |session| {
        let before = session.info();
        let after = session.upload(&file, |sent| {
            bar.set_position(sent as u64);
            bar.set_message(format!("{sent} of {} bytes", file.len()));
            Ok(())
        })?;
        Ok((before, after))
    });
    bar.finish_and_clear();
    let ((before, after), told) = uploaded?;
    if arguments.json {
        return Ok(json!({
            "model_crc": crc(&after), "slot": slot(&after), "update": update(&after),
            "bytes": file.len(), "replaced_crc": crc(&before), "replaced_slot": slot(&before),
            "link_errors": told.link_errors,
        })
        .into());
    }
    Ok(format!(
        "{path}, {} bytes: runs on the device, {}\nbefore it: {} {}\n",
        file.len(),
        place(&after),
        crc(&before),
        place(&before)
    )
    .into())
}

fn crc(info: &Info) -> String {
    format!("{:#010x}", info.model_crc)
}

fn slot(info: &Info) -> Option<u8> {
    info.slot.map(|slot| slot.number)
}

/// How many models were uploaded to the device before this one.
fn update(info: &Info) -> Option<u32> {
    info.slot.map(|slot| slot.sequence)
}

fn place(info: &Info) -> String {
    match info.slot {
        Some(Slot { number, sequence }) => format!("from slot {number}, number {sequence}"),
        None => "from the firmware itself".into(),
    }
}

fn info(arguments: &InfoArguments) -> Result<Output> {
    let firmware = arguments.firmware.as_deref();
    let (info, told) = device::visit(&arguments.device, firmware, |session| Ok(session.info()))?;
    let Info { inputs, hidden, outputs, window, learning, .. } = info;
    let Stats { steps, link_errors, queue_overflows, stack_bytes, ram_bytes } = told.stats;
    if arguments.json {
        return Ok(json!({
            "model_crc": crc(&info), "slot": slot(&info), "update": update(&info),
            "inputs": inputs, "hidden": hidden, "outputs": outputs, "window": window,
            "steps": steps, "link_errors": link_errors, "queue_overflows": queue_overflows,
            "stack": stack_bytes, "ram": ram_bytes,
            "block": learning.map(|learning| learning.block),
            "readout_only": learning.map(|learning| learning.part == Part::Readout),
        })
        .into());
    }
    let learns = match learning {
        None => "doesn't learn".into(),
        Some(Learning { part: Part::Whole, block }) => {
            format!("learns from {block} samples at a time")
        }
        Some(Learning { part: Part::Readout, block }) => {
            format!("its readout learns from {block} samples at a time")
        }
    };
    let stream = match window {
        0 => "the state carried on".to_owned(),
        window => format!("windows of {window}"),
    };
    Ok(format!(
        "model      {}: {inputs} inputs, {hidden} hidden units, {outputs} outputs, {stream}\n\
         runs       {}, {learns}\n\
         steps      {steps} since it started\n\
         line       {link_errors} damaged frames, {queue_overflows} lost bytes\n\
         memory     {ram_bytes} bytes static, {stack_bytes} bytes of stack at most so far\n",
        crc(&info),
        place(&info)
    )
    .into())
}
