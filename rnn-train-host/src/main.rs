//! The `rnn` command: arguments only; what is done stands in `command/` and in the library.
#![deny(clippy::print_stderr, clippy::print_stdout)] // They panic where nobody can read.

/// A line on standard error; where it can't be written, there is nobody to be told.
macro_rules! say {
    ($($what:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($what)*);
    }};
}

mod command;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use rnn_core::kernel::Form;

use command::{
    Output, adapt, detect, device, eval, export, forecast, import, inspect, quantize, stream, text,
    train, tune,
};

/// Small recurrent networks for a sensor: train on a log, compare with simple forecasts, put on a chip.
#[derive(Debug, Parser)]
#[command(name = "rnn", version, arg_required_else_help = true)]
enum Command {
    Train(train::Arguments),
    Tune(tune::Arguments),
    Eval(eval::Arguments),
    Detect(detect::Arguments),
    Adapt(adapt::Arguments),
    Forecast(forecast::Arguments),
    Inspect(inspect::Arguments),
    Quantize(quantize::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Stream(stream::Arguments),
    #[command(subcommand)]
    Device(device::Command),
    #[command(subcommand)]
    Text(text::Command),
}

/// A form of the kernels that is named and isn't there: the fastest is taken.
fn warn_of_unknown_form() {
    let Some(wanted) = std::env::var_os("RNN_KERNEL") else { return };
    if !Form::ALL.iter().any(|form| wanted == form.name()) {
        let names = Form::ALL.map(Form::name).join(", ");
        say!("warning: RNN_KERNEL={} names no form; there are {names}", wanted.display());
    }
}

fn main() -> ExitCode {
    let handler = ctrlc::set_handler(command::interrupt);
    if let Err(error) = handler {
        say!("warning: Ctrl-C won't be handled ({error})");
    }
    warn_of_unknown_form();
    let result = match Command::parse() {
        Command::Train(arguments) => train::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Detect(arguments) => detect::run(&arguments),
        Command::Adapt(arguments) => adapt::run(&arguments),
        Command::Forecast(arguments) => forecast::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Quantize(arguments) => quantize::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Stream(arguments) => stream::run(&arguments),
        Command::Device(command) => device::run(&command),
        Command::Text(command) => text::run(&command),
    };
    let output = result.unwrap_or_else(|error| {
        say!("error: {error:#}");
        Output { text: String::new(), code: command::failed() }
    });
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(output.text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say!("error: the output can't be written: {error}");
            ExitCode::FAILURE
        }
        // Whoever reads may stop reading: `rnn forecast ... | head`.
        _ => ExitCode::from(output.code),
    }
}
