//! A device on a serial port: a pseudo-terminal with a small device behind it.
#![cfg(unix)]

use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::thread;

use rnn_core::link::{Decoder, Frame, Info, MAX_FRAME, Message, Prediction, Slot, Stats, Values};
use rnn_core::watch::Verdict;
use rnn_train_host::device::stream::Sent;
use rnn_train_host::device::{Device, converse, visit};
use serialport::{SerialPort, TTYPort};

const INFO: Info = Info {
    inputs: 1,
    hidden: 4,
    outputs: 1,
    window: 0,
    model_crc: 0xABCD,
    slot: None,
    learning: None,
};

/// Answers until it is told to quit; its prediction is the sample itself. It has had a bad line once.
fn device(mut line: TTYPort) {
    let (mut decoder, mut steps, mut crc, mut link_errors) = (Decoder::new(), 0, 0, 5);
    loop {
        let mut byte = [0];
        match line.read(&mut byte) {
            Ok(1) => {}
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::TimedOut => continue,
            Err(_) => return,
        }
        let frame = match decoder.push(byte[0]) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => {
                link_errors += 1;
                continue;
            }
            None => continue,
        };
        let raw;
        let message = match frame.message {
            Message::Hello => Message::Info(INFO),
            Message::Sample(sample) => {
                steps += 1;
                raw = sample.values.to_array::<1>().unwrap().map(f32::to_le_bytes);
                let values = Values::new(&raw);
                Message::Prediction(Prediction {
                    verdict: Verdict::FITS,
                    event: None,
                    adapted: false,
                    faults: &[0],
                    values,
                })
            }
            Message::UpdateBegin(announced) => {
                crc = announced.crc;
                Message::Received(0)
            }
            Message::UpdateChunk(chunk) => {
                Message::Received(chunk.offset + chunk.bytes.len() as u32)
            }
            Message::UpdateFinish => Message::Info(Info {
                model_crc: crc,
                slot: Some(Slot { number: 2, sequence: 7 }),
                ..INFO
            }),
            Message::StatsRequest => {
                Message::Stats(Stats { steps, link_errors, queue_overflows: 9, ..Stats::default() })
            }
            _ => Message::Quit,
        };
        let quit = message == Message::Quit;
        let answer = Frame { sequence: frame.sequence, message };
        line.write_all(answer.encode(&mut [0; MAX_FRAME]).unwrap()).unwrap();
        if quit {
            return;
        }
    }
}

/// A port with a device behind it.
fn port() -> (String, TTYPort, thread::JoinHandle<()>) {
    let (master, slave) = TTYPort::pair().unwrap();
    let name = slave.name().unwrap();
    (name, slave, thread::spawn(move || device(master)))
}

#[test]
fn a_device_on_a_port_is_asked_and_streamed_to() {
    let (port, mut held, device) = port();
    let named: Device = format!("serial:{port}@9600").parse().unwrap();
    let (predictions, told) = converse(&named, None, INFO, |session| {
        held.write_all(b"two\0frames\0")?;
        let samples = [1.5, -2.0, f32::INFINITY].map(|value| Sent::timeless(&[value]));
        samples
            .iter()
            .map(|sent| Ok(session.step(sent)?.prediction[0]))
            .collect::<Result<Vec<_>, _>>()
    })
    .unwrap();
    assert_eq!(predictions, [1.5, -2.0, f32::INFINITY]);
    assert_eq!((told.stats.steps, told.stats.link_errors, told.stats.queue_overflows), (3, 7, 9));
    // What it has counted before isn't of this conversation.
    assert_eq!((told.link_errors, told.queue_overflows), (2, 0));
    device.join().unwrap();
}

#[test]
fn the_command_says_what_is_there() {
    let (port, _held, device) = port();
    let output = Command::new(env!("CARGO_BIN_EXE_rnn"))
        .args(["device", "info", "--device", &format!("serial:{port}"), "--json"])
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["model_crc"], &json["hidden"]), (&"0x0000abcd".into(), &4.into()), "{json}");
    device.join().unwrap();
}

#[test]
fn the_command_uploads() {
    let upload = |model: &str| {
        let (port, _held, device) = port();
        let output = Command::new(env!("CARGO_BIN_EXE_rnn"))
            .args(["device", "upload", model, "--device", &format!("serial:{port}"), "--json"])
            .output()
            .unwrap();
        (output, device)
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../rnn-core/tests/golden/tiny.rnn");
    let (output, device) = upload(file);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let crc = rnn_core::model_file::ModelFile::parse(&bytes).unwrap().crc();
    assert_eq!(json["model_crc"], format!("{crc:#010x}"));
    assert_eq!(json["replaced_crc"], "0x0000abcd");
    assert_eq!((&json["slot"], &json["update"]), (&2.into(), &7.into()), "{json}");
    assert_eq!(json["bytes"], bytes.len());
    device.join().unwrap();

    // What is no model isn't even tried.
    let (output, _) = upload(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("Cargo.toml") && error.contains("not a model file"), "{error}");
}

#[test]
fn ports_that_are_not_there_are_errors() {
    let device: Device = "serial:/dev/no-such-port".parse().unwrap();
    let error = format!("{:#}", visit(&device, None, |_| Ok(())).unwrap_err());
    assert!(error.contains("/dev/no-such-port can't be opened"), "{error}");
    let firmware = Some("app.elf".as_ref());
    let error = visit(&device, firmware, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("leave --firmware away"), "{error}");
    let emulated: Device = "qemu:mps2-an386".parse().unwrap();
    let error = visit(&emulated, None, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("--firmware"), "{error}");
}
