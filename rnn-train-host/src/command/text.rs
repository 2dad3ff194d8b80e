use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use rnn_core::model_file::Unit;
use rnn_train_host::atomic::{check_writable, write_atomically};
use rnn_train_host::data::Part;
use rnn_train_host::device::stream::Sent;
use rnn_train_host::device::{self, Device};
use rnn_train_host::model::Model;
use rnn_train_host::text::eval::{self, evaluate};
use rnn_train_host::text::examples::Examples;
use rnn_train_host::text::generate::{self, generate, generate_by};
use rnn_train_host::text::train::{self, Options, Progress, Trained, train};
use rnn_train_host::text::{Corpus, Cut, UNKNOWN, unit};
use serde_json::json;

use super::train::Cell;
use super::{INTERRUPTED, Output, progress_bar, stop, threads};

/// Networks on text: train one, compare it with n-grams, let it write.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Train(TrainArguments),
    Eval(EvalArguments),
    Generate(GenerateArguments),
    Examples(ExamplesArguments),
}

pub(crate) fn run(command: &Command) -> Result<Output> {
    match command {
        Command::Train(arguments) => run_train(arguments),
        Command::Eval(arguments) => run_eval(arguments),
        Command::Generate(arguments) => run_generate(arguments),
        Command::Examples(arguments) => run_examples(arguments),
    }
}

/// What a symbol is.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum UnitChoice {
    /// Unicode characters, white space too.
    Char,
    /// Words and pieces of punctuation; white space only separates.
    Word,
}

impl UnitChoice {
    fn unit(self) -> Unit {
        match self {
            UnitChoice::Char => Unit::Character,
            UnitChoice::Word => Unit::Word,
        }
    }
}

/// Train a network on a text and write a model file.
///
/// The first 80 % of the text are learnt from, the next 10 % say for how long; then a network learns
/// from both. The last 10 % are for `rnn text eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArguments {
    /// Text file in UTF-8.
    corpus: PathBuf,
    /// What a symbol is.
    #[arg(long, value_enum, default_value_t = UnitChoice::Char)]
    unit: UnitChoice,
    /// Most symbols of the vocabulary, the unknown one among them: the most frequent ones
    /// [default: all characters, or 2000 words]
    #[arg(long, value_name = "N")]
    vocabulary: Option<usize>,
    /// Symbols that an error travels back in the text; the state goes on from there.
    #[arg(long, value_name = "N", default_value_t = train::CONTEXT)]
    context: usize,
    /// Kind of recurrent cell.
    #[arg(long, value_enum, default_value_t = Cell::Gru)]
    cell: Cell,
    /// Hidden units.
    #[arg(long, value_name = "N", default_value_t = 128)]
    hidden: usize,
    /// Cells on one another, of --hidden units each.
    #[arg(long, value_name = "N", default_value_t = 1)]
    layers: usize,
    /// Passes over the text, at most [default: as many as make 10000 updates]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Adam's step size at the start; it falls to 0 along half a cosine.
    #[arg(long, value_name = "RATE", default_value_t = train::RATE)]
    learning_rate: f32,
    /// Share of the units between layers that is left out at random in training.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    dropout: f32,
    /// Weight decay, as a multiple of the step size.
    #[arg(long, value_name = "SHARE", default_value_t = train::DECAY)]
    weight_decay: f32,
    /// Seed of the initial weights and of where in the text an epoch starts.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Threads [default: one per core]; the result is the same for any number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Folder in which the training's state is kept; after a crash the same command goes on there,
    /// and ends with the same bits.
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Where to write the model.
    #[arg(long, value_name = "FILE", default_value = "model.rnn")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn run_train(arguments: &TrainArguments) -> Result<Output> {
    let corpus = Corpus::read(&arguments.corpus, arguments.unit.unit())?;
    let options = Options {
        kind: arguments.cell.kind(),
        layers: arguments.layers,
        hidden: arguments.hidden,
        vocabulary: arguments.vocabulary,
        context: arguments.context,
        epochs: arguments.epochs,
        rate: arguments.learning_rate,
        decay: arguments.weight_decay,
        dropout: arguments.dropout,
        seed: arguments.seed,
        threads: threads(arguments.threads),
        checkpoint: arguments.checkpoint.clone(),
    };
    check_writable(&arguments.out)?;
    let started = Instant::now();
    let bar = progress_bar("training");
    let trained = train(&corpus, &options, stop(), &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let Trained { model, cut, best, looks, whole } = trained?;
    model.save(&arguments.out)?;
    say_cut(&cut, model.names.len());

    let stopped = stop().was_asked();
    let code = if stopped { INTERRUPTED } else { 0 };
    let seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        let output = Output::from(json!({
            "model": arguments.out,
            "stopped": stopped,
            "symbols": corpus.len(),
            "distinct": cut.distinct,
            "vocabulary": model.names.len(),
            "parameters": model.header.shape().parameters(),
            "seconds": seconds,
            "validation": best,
            "whole": whole,
            "looks": looks,
        }));
        return Ok(Output { code, ..output });
    }
    let mut text = format!(
        "{}: {} symbols, {} of them different; the vocabulary has {}\n\
         validation part: {:.4} bits per symbol after {:.1} epochs (training: {:.4})\n",
        arguments.corpus.display(),
        corpus.len(),
        cut.distinct,
        model.names.len(),
        best.bits,
        best.epoch,
        best.training_bits,
    );
    if whole {
        text += &format!(
            "trained anew for {:.1} epochs on the training and the validation part\n",
            best.epoch
        );
    }
    text += &format!(
        "\n{} written in {seconds:.0} s. Now the part that it has never seen:\n  rnn text eval {0} {}\n",
        arguments.out.display(),
        arguments.corpus.display()
    );
    if stopped {
        text += "Stopped early: this is the best so far.\n";
    }
    Ok(Output { text, code })
}

fn show(bar: &ProgressBar, progress: Progress) {
    let Progress { done, total, training_bits, bits } = progress;
    bar.set_length(total as u64);
    bar.set_position(done as u64);
    // A message costs more than a small update.
    if done == 1 || done.is_multiple_of(10) {
        let bits = bits.map_or("-".into(), |bits| format!("{bits:.3}"));
        bar.set_message(format!("{training_bits:.3} bits per symbol, validation {bits}"));
    }
}

/// What the vocabulary has no room for, on standard error.
fn say_cut(cut: &Cut, vocabulary: usize) {
    if let Some(longest) = cut.too_long.iter().max_by_key(|word| word.len()) {
        say!(
            "note: {} word(s) longer than the 32 bytes of a model file's symbol are unknown, such as '{longest}'",
            cut.too_long.len()
        );
    }
    let known = vocabulary - 1;
    let rare = cut.distinct - cut.too_long.len() - known;
    if rare > 0 {
        say!("note: the {rare} rarest of {} different symbols are unknown", cut.distinct);
    }
}

/// Compare a model with n-grams on a part of a text: bits per symbol and perplexity.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalArguments {
    /// Model file.
    model: PathBuf,
    /// The text that it was trained on, or another.
    corpus: PathBuf,
    /// Symbols to score: the last 10 %, the first 80 %, those in between, or all.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    part: Part,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn run_eval(arguments: &EvalArguments) -> Result<Output> {
    let (model, unit) = load(&arguments.model)?;
    let corpus = Corpus::read(&arguments.corpus, unit)?;
    let evaluation = evaluate(&model, &corpus, arguments.part)?;
    if arguments.json {
        return Ok(serde_json::to_value(&evaluation)?.into());
    }
    Ok(eval::text(&evaluation, unit).into())
}

fn load(path: &Path) -> Result<(Model, Unit)> {
    let model = Model::load(path)?;
    let unit = anyhow::Context::with_context(unit(&model), || path.display().to_string())?;
    Ok((model, unit))
}

/// Let a model write.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArguments {
    /// Model file.
    model: PathBuf,
    /// Text to go on from.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prompt: String,
    /// Symbols to write.
    #[arg(long, value_name = "N", default_value_t = 500)]
    length: usize,
    /// Below 1 the probable becomes more so; 0 always takes the most probable symbol.
    #[arg(long, value_name = "T", default_value_t = 1.0, value_parser = temperature)]
    temperature: f32,
    /// Seed of the choice.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Let a device write that carries the model: qemu:MACHINE, such as qemu:mps2-an386.
    #[arg(long, requires = "firmware")]
    device: Option<Device>,
    /// Firmware to start on it (an ELF file built with this model).
    #[arg(long, value_name = "ELF", requires = "device")]
    firmware: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn temperature(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(temperature) if (0.0..f32::INFINITY).contains(&temperature) => Ok(temperature),
        _ => Err("it must be a number, 0 or above".into()),
    }
}

fn run_generate(arguments: &GenerateArguments) -> Result<Output> {
    let (model, _) = load(&arguments.model)?;
    let options = generate::Options {
        length: arguments.length,
        temperature: arguments.temperature,
        seed: arguments.seed,
    };
    let prompt = &arguments.prompt;
    let written = match &arguments.device {
        Some(device) => {
            let firmware = arguments.firmware.as_deref();
            let written = device::converse(device, firmware, model.info()?, |session| {
                generate_by(&model, prompt, &options, |symbol, temperature, random| {
                    let sent = Sent::timeless(&[f32::from(symbol), temperature, random]);
                    Ok(session.step(&sent)?.prediction.first().map_or(UNKNOWN, |&next| next as u16))
                })
            })?;
            written.0
        }
        None => generate(&model, prompt, &options)?,
    };
    if !written.unknown.is_empty() {
        let mut symbols = written.unknown.clone();
        symbols.sort_unstable();
        symbols.dedup();
        say!(
            "note: {} of the {} symbols of the prompt are unknown to this model and read as such: {}",
            written.unknown.len(),
            written.prompt,
            symbols.iter().map(|symbol| format!("{symbol:?}")).collect::<Vec<_>>().join(" ")
        );
    }
    if arguments.json {
        return Ok(json!({
            "text": written.text,
            "prompt_symbols": written.prompt,
            "unknown": written.unknown,
            "length": arguments.length,
            "temperature": arguments.temperature,
            "seed": arguments.seed,
        })
        .into());
    }
    Ok((written.text + "\n").into())
}

/// Write next-word examples as CSV: n symbols as features and the one that follows as the label, all as
/// numbers of the vocabulary (0: unknown).
#[derive(Debug, clap::Args)]
pub(crate) struct ExamplesArguments {
    /// Text file in UTF-8.
    corpus: PathBuf,
    /// What a symbol is.
    #[arg(long, value_enum, default_value_t = UnitChoice::Word)]
    unit: UnitChoice,
    /// Most symbols of the vocabulary, the unknown one among them.
    #[arg(long, value_name = "N", default_value_t = 101)]
    vocabulary: usize,
    /// Features: symbols before the label.
    #[arg(long, value_name = "N", default_value_t = 3)]
    context: usize,
    /// Write the symbols themselves in place of their numbers; an unknown one is an empty field.
    #[arg(long)]
    names: bool,
    /// Where to write the examples [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn run_examples(arguments: &ExamplesArguments) -> Result<Output> {
    let &ExamplesArguments { vocabulary: most, context, .. } = arguments;
    ensure!(most > 1, "--vocabulary must be at least 2: the unknown symbol and another one");
    ensure!(context > 0, "--context must be at least 1");
    let corpus = Corpus::read(&arguments.corpus, arguments.unit.unit())?;
    let (vocabulary, cut) = corpus.vocabulary(most);
    let text = vocabulary.encode(corpus.tokens());
    ensure!(
        context < text.len(),
        "the text has {} symbols, and an example of --context {context} takes one more than that",
        text.len()
    );
    let examples = Examples::new(&text, arguments.context);
    let split = &corpus.split;

    let mut writer = csv::Writer::from_writer(Vec::new());
    let features = (1..=arguments.context).map(|n| format!("x_{n}"));
    let head = ["example", "label_index", "part"].map(str::to_owned);
    writer.write_record(head.into_iter().chain(features).chain(["label".to_owned()]))?;
    for (i, (features, label)) in examples.iter().enumerate() {
        let index = examples.label_index(i);
        let part = match index {
            index if index < split.train.end => "train",
            index if index < split.validation.end => "validation",
            _ => "test",
        };
        let symbol = |symbol: u16| match arguments.names {
            true => vocabulary.name(symbol).to_owned(),
            false => symbol.to_string(),
        };
        let symbols = features.iter().chain([&label]).map(|s| symbol(*s));
        let head = [i.to_string(), index.to_string(), part.to_owned()];
        writer.write_record(head.into_iter().chain(symbols))?;
    }
    let bytes = writer.into_inner()?;
    say_cut(&cut, vocabulary.len());
    let Some(path) = &arguments.out else {
        return Ok(String::from_utf8(bytes)?.into());
    };
    write_atomically(path, |file| Ok(file.write_all(&bytes)?))?;
    Ok(format!("{} examples written to {}\n", examples.len(), path.display()).into())
}
