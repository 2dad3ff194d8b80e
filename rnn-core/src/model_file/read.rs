//! Reading, also in a `const`.

use super::{
    CRC, Error, HAND_OVER_AT, HEADER, Header, LAYERS_AT, MAGIC, MODULE, NAME, Numbers, Task, Unit,
    VERSION, WATCHED_AT, integers, kind_of, watch,
};
use crate::layers::{Layers, MAX_LAYERS};
use crate::quant::IntegerNetwork;
use crate::scaling::{Channel, Mode};

impl Header {
    /// Reads and checks the whole file: header, length, checksum, and that every number is finite
    /// and every deviation above 0.
    pub const fn parse(bytes: &[u8]) -> Result<Header, Error> {
        if bytes.len() < HEADER {
            return Err(Error::Length { expected: HEADER, found: bytes.len() });
        }
        if u64::from_le_bytes(at(bytes, 0)) != u64::from_le_bytes(MAGIC) {
            return Err(Error::NotAModel);
        }
        let version = u16::from_le_bytes(at(bytes, 8));
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let numbers = match Numbers::of(at(bytes, 12)) {
            Ok(numbers) => numbers,
            Err(offset) => return Err(Error::Field { offset }),
        };
        let target = u32_at(bytes, 24) as usize;
        let ([task], [mode]) = (at(bytes, 10), at(bytes, 14));
        let task = match (task, mode) {
            (1, 0) => Task::Forecast { mode: Mode::Raw, target },
            (1, 1) => Task::Forecast { mode: Mode::Residual, target },
            (1, 2) => Task::Forecast { mode: Mode::Difference, target },
            (2, 0) => Task::Text(Unit::Character),
            (3, 0) => Task::Text(Unit::Word),
            (1..=3, _) => return Err(Error::Field { offset: 14 }),
            _ => return Err(Error::Field { offset: 10 }),
        };
        let [two_biases] = at(bytes, 15);
        if two_biases > 1 {
            return Err(Error::Field { offset: 15 });
        }
        let [watched] = at(bytes, WATCHED_AT);
        if watched > 1 {
            return Err(Error::Field { offset: WATCHED_AT });
        }
        let [hand_over] = at(bytes, HAND_OVER_AT);
        if hand_over > 1 {
            return Err(Error::Field { offset: HAND_OVER_AT });
        }
        let layers = match layers(bytes) {
            Ok(layers) => layers,
            Err(error) => return Err(error),
        };
        let header = Header {
            task,
            inputs: u32_at(bytes, 16) as usize,
            layers,
            window: u32_at(bytes, 20) as usize,
            self_tests: u32_at(bytes, 28) as usize,
            two_biases: two_biases == 1,
            numbers,
            seed: u32_at(bytes, 40) as u64 | (u32_at(bytes, 44) as u64) << 32,
            watched: watched == 1,
            hand_over: hand_over == 1,
        };
        if let Err(error) = header.check_sizes() {
            return Err(error);
        }
        if matches!(task, Task::Text(_)) && target != 0 {
            return Err(Error::Field { offset: 24 });
        }
        if u32_at(bytes, 36) as usize != header.name_length() {
            return Err(Error::Field { offset: 36 });
        }
        let mut offset = WATCHED_AT + 1;
        while offset < HAND_OVER_AT {
            let [byte] = at(bytes, offset);
            if byte != 0 {
                return Err(Error::Field { offset });
            }
            offset += 1;
        }
        let expected = header.file_length();
        if bytes.len() != expected || u32_at(bytes, 32) as usize != expected {
            return Err(Error::Length { expected, found: bytes.len() });
        }
        let data = match bytes.split_last_chunk::<4>() {
            Some((data, _)) => data,
            None => &[],
        };
        if CRC.checksum(data) != u32_at(bytes, expected - 4) {
            return Err(Error::Checksum);
        }
        match header.check_numbers(bytes) {
            Ok(()) => Ok(header),
            Err(error) => Err(error),
        }
    }

    /// Whether that can be a number of a self-test sample: of text, a symbol's.
    const fn is_sample(&self, value: f32) -> bool {
        match self.task {
            Task::Forecast { .. } => true,
            Task::Text(_) => {
                value >= 0.0 && value < self.inputs as f32 && value as u32 as f32 == value
            }
        }
    }

    const fn check_numbers(&self, bytes: &[u8]) -> Result<(), Error> {
        let channels = if matches!(self.task, Task::Forecast { .. }) { self.inputs } else { 0 };
        let mut channel = 0;
        while channel < channels {
            let scales = HEADER + channel * self.name_stride() + NAME;
            let mut k = 0;
            while k < 4 {
                let value = f32_at(bytes, scales + 4 * k);
                // Scales come in pairs of a mean and a deviation.
                if !value.is_finite() || k % 2 == 1 && value <= 0.0 {
                    return Err(Error::Number { offset: scales + 4 * k });
                }
                k += 1;
            }
            channel += 1;
        }
        let mut offset = self.tensors_at();
        if let Some(plan) = self.plan() {
            if let Some(word) = integers::unusable(&plan, bytes, offset) {
                return Err(Error::Number { offset: offset + 4 * word });
            }
            offset = self.modules_at();
        }
        while offset < self.watch_at() {
            if self.two_biases && offset == self.modules_at() {
                offset = self.biases_at();
                continue;
            }
            let value = f32_at(bytes, offset);
            let is_sample = offset >= self.self_tests_at()
                && offset < self.self_tests_at() + 4 * self.self_tests * self.sample_length();
            if !value.is_finite() || is_sample && !self.is_sample(value) {
                return Err(Error::Number { offset });
            }
            offset += 4;
        }
        match watch::unusable(self, bytes) {
            Some(offset) => Err(Error::Number { offset }),
            None => Ok(()),
        }
    }
}

/// A checked model file: its parts, read from the bytes where they lie.
#[derive(Clone, Copy, Debug)]
pub struct ModelFile<'a> {
    /// The header.
    pub header: Header,
    pub(super) bytes: &'a [u8],
}

impl<'a> ModelFile<'a> {
    /// Checks the whole file; see [`Header::parse`].
    pub const fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match Header::parse(bytes) {
            Ok(header) => Ok(ModelFile { header, bytes }),
            Err(error) => Err(error),
        }
    }

    /// Name of channel or symbol `i`: what stands before the padding, "" where it isn't UTF-8.
    pub fn name(&self, i: usize) -> &'a str {
        self.text(HEADER + i * self.header.name_stride(), self.header.name_length())
    }

    /// Names of PyTorch's recurrent and linear module, "" where they aren't kept.
    pub fn modules(&self) -> [&'a str; 2] {
        let length = if self.header.two_biases { MODULE } else { 0 };
        [0, 1].map(|i| self.text(self.header.modules_at() + i * MODULE, length))
    }

    /// What stands before the padding, "" where it isn't UTF-8.
    fn text(&self, at: usize, length: usize) -> &'a str {
        let field = self.bytes.get(at..at + length).unwrap_or_default();
        let text = field.split(|b| *b == 0).next().unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }

    /// Scales of channel `i`; those of no scaling where there is no such channel.
    pub const fn channel(&self, i: usize) -> Channel {
        if i >= self.header.inputs || !matches!(self.header.task, Task::Forecast { .. }) {
            return Channel::IDENTITY;
        }
        let at = HEADER + i * self.header.name_stride() + NAME;
        Channel {
            level_mean: f32_at(self.bytes, at),
            level_deviation: f32_at(self.bytes, at + 4),
            difference_mean: f32_at(self.bytes, at + 8),
            difference_deviation: f32_at(self.bytes, at + 12),
        }
    }

    /// The flat parameters, in the order of [`NetworkRef`](crate::network::NetworkRef); none of a
    /// network of integers.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        let count = match self.header.numbers {
            Numbers::Float => self.header.shape().parameters(),
            Numbers::Integer(_) => 0,
        };
        floats(self.bytes, self.header.tensors_at(), count)
    }

    /// The words of a network of integers; none of another.
    pub fn integers(&self) -> impl ExactSizeIterator<Item = i32> + use<'a> {
        let words = match self.header.numbers {
            Numbers::Float => &[],
            Numbers::Integer(_) => self.tensors(),
        };
        words.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b))
    }

    /// Raw, residual or difference. [`Error::Field`] when the model isn't a forecaster.
    pub const fn mode(&self) -> Result<Mode, Error> {
        match self.header.task {
            Task::Forecast { mode, .. } => Ok(mode),
            Task::Text(_) => Err(Error::Field { offset: 10 }),
        }
    }

    /// The network of integers in place, for a file that lies on a 4-byte boundary of a little-endian
    /// machine; `None` elsewhere, and where the numbers are others.
    pub fn integer_network(&self) -> Option<IntegerNetwork<'a>> {
        let words = bytemuck::try_cast_slice(self.tensors()).ok()?;
        if cfg!(target_endian = "little") {
            IntegerNetwork::new(self.header.plan()?, words)
        } else {
            None
        }
    }

    /// The bytes of the tensors.
    fn tensors(&self) -> &'a [u8] {
        let range = self.header.tensors_at()..self.header.modules_at();
        self.bytes.get(range).unwrap_or_default()
    }

    /// The flat parameters in place, for a file that lies on a 4-byte boundary of a little-endian
    /// machine; `None` elsewhere.
    pub fn parameters_in_place(&self) -> Option<&'a [f32]> {
        let float = cfg!(target_endian = "little") && self.header.numbers == Numbers::Float;
        if float { bytemuck::try_cast_slice(self.tensors()).ok() } else { None }
    }

    /// The biases that are kept: b_ih and b_hh of every layer, or nothing.
    pub fn biases(&self) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        floats(self.bytes, self.header.biases_at(), self.header.kept_biases())
    }

    /// The self-test samples and the predictions that they must give,
    /// S x [`Header::sample_length`] values each.
    pub fn self_tests(&self) -> impl Iterator<Item = (f32, f32)> + use<'a> {
        let count = self.header.self_tests * self.header.sample_length();
        let at = self.header.self_tests_at();
        floats(self.bytes, at, count).zip(floats(self.bytes, at + 4 * count, count))
    }

    /// CRC-32 of the file: which model this is.
    pub const fn crc(&self) -> u32 {
        u32_at(self.bytes, self.bytes.len() - 4)
    }
}

/// The layer records of a header.
const fn layers(bytes: &[u8]) -> Result<Layers, Error> {
    let [count] = at(bytes, 11);
    let count = count as usize;
    if count == 0 || count > MAX_LAYERS {
        return Err(Error::Field { offset: 11 });
    }
    let mut layers: Option<Layers> = None;
    let mut i = 0;
    while i < MAX_LAYERS {
        let offset = LAYERS_AT + 4 * i;
        let hidden = u16::from_le_bytes(at(bytes, offset + 2)) as usize;
        if i >= count {
            if u32_at(bytes, offset) != 0 {
                return Err(Error::Field { offset });
            }
        } else {
            let Some(kind) = kind_of(at(bytes, offset)) else {
                return Err(Error::Field { offset });
            };
            layers = match layers {
                None => Some(Layers::one(kind, hidden)),
                Some(layers) => layers.with(kind, hidden),
            };
        }
        i += 1;
    }
    match layers {
        Some(layers) => Ok(layers),
        None => Err(Error::Field { offset: 11 }),
    }
}

/// N bytes from `offset` on; zeros where there aren't as many, so that no length can end in a panic.
pub(super) const fn at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    match bytes.split_at_checked(offset) {
        Some((_, rest)) => match rest.first_chunk::<N>() {
            Some(chunk) => *chunk,
            None => [0; N],
        },
        None => [0; N],
    }
}

pub(super) const fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(at(bytes, offset))
}

pub(super) const fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

fn floats(bytes: &[u8], at: usize, count: usize) -> impl ExactSizeIterator<Item = f32> + use<'_> {
    let bytes = bytes.get(at..at + 4 * count).unwrap_or_default();
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
}
