//! Writing.

use super::{
    CRC, Error, HAND_OVER_AT, HEADER, Header, MAGIC, MODULE, Numbers, Task, Unit, VERSION,
    WATCHED_AT, kind_bytes,
};
use crate::layers::MAX_LAYERS;
use crate::scaling::{Channel, Mode};
use crate::watch::Watched;
use crate::watch::guard::Rules;

/// What [`encode`] writes.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The header; its sizes are the model's.
    pub header: Header,
    /// One name per channel or symbol, at most [`Header::name_length`] bytes each, without NUL.
    pub names: &'a [&'a str],
    /// The channels' scales; none for text.
    pub channels: &'a [Channel],
    /// Flat parameters, in the order of [`NetworkRef`](crate::network::NetworkRef).
    pub parameters: &'a [f32],
    /// The words of a network of integers, in the order of [`Plan::words`](crate::quant::Plan); it has
    /// no parameters.
    pub integers: &'a [i32],
    /// Where the header says so: the names of PyTorch's recurrent and linear module, at most
    /// [`MODULE`] bytes each, without NUL.
    pub modules: [&'a str; 2],
    /// Where the header says so: b_ih and b_hh of every layer.
    pub biases: &'a [f32],
    /// S samples.
    pub samples: &'a [f32],
    /// The predictions that the samples give.
    pub predictions: &'a [f32],
    /// Where the header says so: what is watched for.
    pub watch: Option<WatchContents<'a>>,
}

/// What [`encode`] writes on what is watched for.
#[derive(Clone, Copy, Debug)]
pub struct WatchContents<'a> {
    /// Times.
    pub rules: Rules,
    /// The sampling period in seconds; 0: unknown.
    pub period: f32,
    /// The score above which a sample is an alarm.
    pub threshold: f32,
    /// The channels; mean and deviation are those of their scales.
    pub channels: &'a [Watched],
}

impl Contents<'_> {
    /// Whether the parts fit together and the format has a place for them; [`Error::Field`] names
    /// the first one that doesn't.
    fn check(&self) -> Result<(), Error> {
        let Contents { header, names, channels, parameters, integers, .. } = self;
        let Contents { samples, predictions, .. } = self;
        header.check_sizes()?;
        let scales = match header.task {
            Task::Forecast { .. } => header.inputs,
            Task::Text(_) => 0,
        };
        let tensors = match header.numbers {
            Numbers::Float => [header.tensor_words(), 0],
            Numbers::Integer(_) => [0, header.tensor_words()],
        };
        let watched = header.watched.then_some(header.inputs);
        let self_test_values = header.self_tests * header.sample_length();
        let fields = [
            (16, names.len() == header.inputs && channels.len() == scales),
            (28, [samples.len(), predictions.len()] == [self_test_values; 2]),
            (header.tensors_at(), [parameters.len(), integers.len()] == tensors),
            (header.biases_at(), self.biases.len() == header.kept_biases()),
            (WATCHED_AT, self.watch.map(|watch| watch.channels.len()) == watched),
        ];
        let fits = |name: &str, longest| name.len() <= longest && !name.contains('\0');
        let names = names
            .iter()
            .enumerate()
            .map(|(i, name)| (HEADER + i * header.name_stride(), fits(name, header.name_length())));
        let modules = self.modules.iter().enumerate().map(|(i, module)| {
            (header.modules_at() + i * MODULE, !header.two_biases || fits(module, MODULE))
        });
        match fields.into_iter().chain(names).chain(modules).find(|(_, fits)| !fits) {
            Some((offset, _)) => Err(Error::Field { offset }),
            None => Ok(()),
        }
    }
}

/// Writes a model file into the start of `out` and checks it; returns its length. [`Error::Field`]
/// names what doesn't fit together or is no such model, [`Error::Room`] how much room is needed,
/// [`Error::Number`] a value that isn't finite. What `out` holds after an error is no model.
pub fn encode(contents: &Contents<'_>, out: &mut [u8]) -> Result<usize, Error> {
    contents.check()?;
    let Contents { header, names, channels, parameters, integers, .. } = contents;
    let Contents { modules, biases, samples, predictions, .. } = contents;
    let needed = header.file_length();
    let out = out.get_mut(..needed).ok_or(Error::Room { needed })?;
    let mut writer = Writer { out, at: 0 };
    let (task, mode, target) = match header.task {
        Task::Forecast { mode: Mode::Raw, target } => (1, 0, target),
        Task::Forecast { mode: Mode::Residual, target } => (1, 1, target),
        Task::Forecast { mode: Mode::Difference, target } => (1, 2, target),
        Task::Text(Unit::Character) => (2, 0, 0),
        Task::Text(Unit::Word) => (3, 0, 0),
    };
    writer.put(&MAGIC);
    writer.put(&VERSION.to_le_bytes());
    let layers = header.layers.count() as u8;
    let [numbers, layout] = header.numbers.bytes();
    writer.put(&[task, layers, numbers, layout, mode, u8::from(header.two_biases)]);
    let numbers = [header.inputs, header.window, target, header.self_tests, needed];
    for number in numbers.into_iter().chain([header.name_length()]) {
        writer.put(&(number as u32).to_le_bytes());
    }
    writer.put(&header.seed.to_le_bytes());
    writer.put(&[u8::from(header.watched)]);
    writer.put(&[0; HAND_OVER_AT - WATCHED_AT - 1]);
    writer.put(&[u8::from(header.hand_over)]);
    for layer in header.shape().layers() {
        writer.put(&kind_bytes(layer.kind));
        writer.put(&(layer.hidden as u16).to_le_bytes());
    }
    for _ in header.layers.count()..MAX_LAYERS {
        writer.put(&[0; 4]);
    }
    let mut channels = channels.iter();
    for name in *names {
        writer.put_padded(name, header.name_length());
        if let Some(channel) = channels.next() {
            writer.put_floats(&[channel.level_mean, channel.level_deviation]);
            writer.put_floats(&[channel.difference_mean, channel.difference_deviation]);
        }
    }
    writer.put_floats(parameters);
    integers.iter().for_each(|word| writer.put(&word.to_le_bytes()));
    if header.two_biases {
        modules.iter().for_each(|module| writer.put_padded(module, MODULE));
    }
    for values in [biases, samples, predictions] {
        writer.put_floats(values);
    }
    if let Some(WatchContents { rules, period, threshold, channels }) = contents.watch {
        writer.put_floats(&[rules.earliest, rules.latest]);
        [rules.hold, rules.warm_up].iter().for_each(|word| writer.put(&word.to_le_bytes()));
        writer.put_floats(&[period, threshold]);
        for Watched { limits, usual } in channels {
            writer.put_floats(&[limits.low, limits.high]);
            writer.put(&limits.stuck.to_le_bytes());
            writer.put_floats(&[usual.residual, usual.residual_tail]);
            writer.put_floats(&[usual.level, usual.level_tail]);
        }
    }
    let crc = CRC.checksum(writer.written());
    writer.put(&crc.to_le_bytes());
    Header::parse(writer.written())?;
    Ok(needed)
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.out.iter_mut().skip(self.at).zip(bytes).for_each(|(to, from)| *to = *from);
        self.at += bytes.len();
    }

    /// A name that fits into `length` bytes.
    fn put_padded(&mut self, name: &str, length: usize) {
        self.put(name.as_bytes());
        (name.len()..length).for_each(|_| self.put(&[0]));
    }

    fn put_floats(&mut self, values: &[f32]) {
        values.iter().for_each(|value| self.put(&value.to_le_bytes()));
    }

    fn written(&self) -> &[u8] {
        self.out.get(..self.at).unwrap_or_default()
    }
}
