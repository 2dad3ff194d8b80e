//! A trained model as bytes: little-endian, fixed-size header, exact length, CRC-32 over everything.
//!
//! | offset | field |
//! |---|---|
//! | 0 | magic `RNNMODEL` |
//! | 8 | version (u16) = 1 |
//! | 10 | cell (u8): 1 Elman |
//! | 11 | activation (u8): 1 tanh |
//! | 12 | number format (u8): 1 f32 |
//! | 13 | layout of the tensors (u8): 1 plain column-major |
//! | 14 | mode (u8): 0 raw, 1 residual, 2 difference |
//! | 15 | 0 |
//! | 16 | inputs I, hidden H, outputs O = I (u32 each) |
//! | 28 | window W (u32): 0 = state carried, else steps per prediction |
//! | 32 | index of the target channel (u32) |
//! | 36 | number of self-test samples S (u32) |
//! | 40 | length of the whole file (u32) |
//! | 44 | 0 (u32) |
//! | 48 | seed of the training (u64) |
//! | 56 | 0 (u64) |
//! | 64 | I channels: name (64 bytes, UTF-8, padded with 0), 4 scales of [`Channel`] (f32) |
//! | | W_xh (H x I), W_hh (H x H), b (H), W_hy (O x H), b_y (O), f32 |
//! | | S times: a sample (I f32) and the bits of the prediction it must give (I f32), from h = 0 |
//! | end - 4 | CRC-32 (ISO-HDLC) of all that is before |
//!
//! Reading is `const`: a corrupt file that is embedded in a firmware doesn't compile, and neither
//! does one of another shape.

use core::fmt;

use nalgebra::{ArrayStorage, SMatrix};

use crate::activation::Activation;
use crate::dense::Dense;
use crate::elman::Elman;
use crate::forecast::{Forecaster, ForecasterRef};
use crate::network::{Head, Network, Shape};
use crate::scaling::{Channel, Mode};
use crate::stream::Predictor;

const MAGIC: [u8; 8] = *b"RNNMODEL";
const VERSION: u16 = 1;
const HEADER: usize = 64;
/// Longest channel name in bytes.
pub const NAME: usize = 64;
const CHANNEL: usize = NAME + 4 * 4;
/// Largest number of channels, hidden units, window steps and self-test samples.
pub const LIMIT: usize = 4096;

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// What is wrong with the bytes of a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Shorter or longer than the header says (or than a header).
    Length {
        /// Bytes that the header asks for; 64 where there is no whole header.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The first bytes aren't those of a model file.
    NotAModel,
    /// Written by a version that this one doesn't know.
    Version(u16),
    /// The checksum doesn't fit: the file is damaged.
    Checksum,
    /// The field at this offset has a value that doesn't exist.
    Field {
        /// Offset in bytes.
        offset: usize,
    },
    /// The number at this offset is infinite, not a number, or a deviation that isn't above 0.
    Number {
        /// Offset in bytes.
        offset: usize,
    },
    /// The model's shape isn't the one that is asked for.
    Shape {
        /// Channels of the file.
        inputs: usize,
        /// Hidden units of the file.
        hidden: usize,
    },
    /// There is less room than the file needs.
    Room {
        /// Bytes needed.
        needed: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Length { expected, found } => write!(
                f,
                "the model file has {found} bytes where {expected} are expected: it was cut off or added to; copy or export it again"
            ),
            Error::NotAModel => {
                f.write_str("this is not a model file (it doesn't start with RNNMODEL)")
            }
            Error::Version(version) => write!(
                f,
                "the model file has version {version}, this program reads version {VERSION}: train it again or use the newer program"
            ),
            Error::Checksum => f.write_str(
                "the model file is damaged (its checksum doesn't fit): copy or export it again",
            ),
            Error::Field { offset } => {
                write!(f, "the model file has an unknown value in its field at byte {offset}")
            }
            Error::Number { offset } => {
                write!(f, "the model file has an unusable number at byte {offset}: train it again")
            }
            Error::Shape { inputs, hidden } => {
                write!(
                    f,
                    "the model file has {inputs} channels and {hidden} hidden units, which is not the shape asked for"
                )
            }
            Error::Room { needed } => write!(f, "the model needs {needed} bytes of room"),
        }
    }
}

impl core::error::Error for Error {}

/// A model file's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of channels I, read and predicted.
    pub inputs: usize,
    /// Hidden units H.
    pub hidden: usize,
    /// 0: the state is carried from sample to sample. W: every prediction runs over W samples.
    pub window: usize,
    /// Raw, residual or difference.
    pub mode: Mode,
    /// Which channel is scored.
    pub target: usize,
    /// Number of self-test samples.
    pub self_tests: usize,
    /// Seed of the training.
    pub seed: u64,
}

impl Header {
    /// Reads and checks the whole file: header, length, checksum, and that every number is finite
    /// and every deviation above 0.
    pub const fn parse(bytes: &[u8]) -> Result<Header, Error> {
        if bytes.len() < HEADER {
            return Err(Error::Length { expected: HEADER, found: bytes.len() });
        }
        let mut i = 0;
        while i < MAGIC.len() {
            if bytes[i] != MAGIC[i] {
                return Err(Error::NotAModel);
            }
            i += 1;
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version != VERSION {
            return Err(Error::Version(version));
        }
        // Cell, activation, number format, layout: one of each so far.
        let mut offset = 10;
        while offset < 14 {
            if bytes[offset] != 1 {
                return Err(Error::Field { offset });
            }
            offset += 1;
        }
        let mode = match bytes[14] {
            0 => Mode::Raw,
            1 => Mode::Residual,
            2 => Mode::Difference,
            _ => return Err(Error::Field { offset: 14 }),
        };
        let header = Header {
            inputs: u32_at(bytes, 16) as usize,
            hidden: u32_at(bytes, 20) as usize,
            window: u32_at(bytes, 28) as usize,
            mode,
            target: u32_at(bytes, 32) as usize,
            self_tests: u32_at(bytes, 36) as usize,
            seed: u32_at(bytes, 48) as u64 | (u32_at(bytes, 52) as u64) << 32,
        };
        if header.inputs == 0 || header.inputs > LIMIT {
            return Err(Error::Field { offset: 16 });
        }
        if header.hidden == 0 || header.hidden > LIMIT {
            return Err(Error::Field { offset: 20 });
        }
        if u32_at(bytes, 24) as usize != header.inputs {
            return Err(Error::Field { offset: 24 });
        }
        if header.window > LIMIT {
            return Err(Error::Field { offset: 28 });
        }
        if header.target >= header.inputs {
            return Err(Error::Field { offset: 32 });
        }
        if header.self_tests > LIMIT {
            return Err(Error::Field { offset: 36 });
        }
        let zeros = [15, 44, 45, 46, 47, 56, 57, 58, 59, 60, 61, 62, 63];
        let mut i = 0;
        while i < zeros.len() {
            if bytes[zeros[i]] != 0 {
                return Err(Error::Field { offset: zeros[i] });
            }
            i += 1;
        }
        // At most 64 + 4096 (80 + 4 (4096 + 4096 + 1 + 4096 + 1) + 8 4096) < 2^29: no overflow.
        let expected = header.file_length();
        if bytes.len() != expected || u32_at(bytes, 40) as usize != expected {
            return Err(Error::Length { expected, found: bytes.len() });
        }
        let (data, _) = bytes.split_at(expected - 4);
        if CRC.checksum(data) != u32_at(bytes, expected - 4) {
            return Err(Error::Checksum);
        }
        match header.check_numbers(bytes) {
            Ok(()) => Ok(header),
            Err(error) => Err(error),
        }
    }

    const fn check_numbers(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut channel = 0;
        while channel < self.inputs {
            let scales = HEADER + channel * CHANNEL + NAME;
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
        while offset < self.length_without_crc() {
            if !f32_at(bytes, offset).is_finite() {
                return Err(Error::Number { offset });
            }
            offset += 4;
        }
        Ok(())
    }

    /// The network's sizes.
    pub const fn shape(&self) -> Shape {
        Shape { inputs: self.inputs, hidden: self.hidden, outputs: self.inputs }
    }

    const fn tensors_at(&self) -> usize {
        HEADER + self.inputs * CHANNEL
    }

    const fn self_tests_at(&self) -> usize {
        self.tensors_at() + 4 * self.shape().parameters()
    }

    const fn length_without_crc(&self) -> usize {
        self.self_tests_at() + self.self_tests * self.inputs * 8
    }

    /// Length of the file in bytes.
    pub const fn file_length(&self) -> usize {
        self.length_without_crc() + 4
    }
}

/// A checked model file: its parts, read from the bytes where they lie.
#[derive(Clone, Copy, Debug)]
pub struct ModelFile<'a> {
    /// The header.
    pub header: Header,
    bytes: &'a [u8],
}

impl<'a> ModelFile<'a> {
    /// Checks the whole file; see [`Header::parse`].
    pub const fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match Header::parse(bytes) {
            Ok(header) => Ok(ModelFile { header, bytes }),
            Err(error) => Err(error),
        }
    }

    /// Name of channel `i`: what stands before the padding, "" where it isn't UTF-8.
    pub fn name(&self, i: usize) -> &'a str {
        let start = HEADER + i * CHANNEL;
        let field = self.bytes.get(start..start + NAME).unwrap_or_default();
        let name = field.split(|b| *b == 0).next().unwrap_or_default();
        core::str::from_utf8(name).unwrap_or_default()
    }

    /// Scales of channel `i` < I.
    pub const fn channel(&self, i: usize) -> Channel {
        let at = HEADER + i * CHANNEL + NAME;
        Channel {
            level_mean: f32_at(self.bytes, at),
            level_deviation: f32_at(self.bytes, at + 4),
            difference_mean: f32_at(self.bytes, at + 8),
            difference_deviation: f32_at(self.bytes, at + 12),
        }
    }

    /// The flat parameters, in the order of [`Shape::lengths`].
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        floats(self.bytes, self.header.tensors_at(), self.header.shape().parameters())
    }

    /// The flat parameters in place, for a file that lies on a 4-byte boundary of a little-endian
    /// machine; `None` elsewhere.
    pub fn parameters_in_place(&self) -> Option<&'a [f32]> {
        let tensors = self.bytes.get(self.header.tensors_at()..self.header.self_tests_at())?;
        if cfg!(target_endian = "little") { bytemuck::try_cast_slice(tensors).ok() } else { None }
    }

    /// The self-test samples and the predictions that they must give, S x I values each.
    pub fn self_tests(&self) -> impl Iterator<Item = (f32, f32)> + use<'a> {
        let count = self.header.self_tests * self.header.inputs;
        let at = self.header.self_tests_at();
        floats(self.bytes, at, count).zip(floats(self.bytes, at + 4 * count, count))
    }

    /// CRC-32 of the file: which model this is.
    pub const fn crc(&self) -> u32 {
        u32_at(self.bytes, self.bytes.len() - 4)
    }

    /// The model as a value of fixed size, for a `static` in flash. [`Error::Shape`] when I or H
    /// aren't the file's.
    pub const fn forecaster<const I: usize, const H: usize>(
        &self,
    ) -> Result<Forecaster<I, H>, Error> {
        if self.header.inputs != I || self.header.hidden != H {
            return Err(Error::Shape { inputs: self.header.inputs, hidden: self.header.hidden });
        }
        let at = self.header.tensors_at();
        let [l_xh, l_hh, l_b, l_hy, _] = self.header.shape().lengths();
        let (hh_at, b_at) = (at + 4 * l_xh, at + 4 * (l_xh + l_hh));
        let (hy_at, y_at) = (b_at + 4 * l_b, b_at + 4 * (l_b + l_hy));
        let mut channels = [Channel::IDENTITY; I];
        let mut i = 0;
        while i < I {
            channels[i] = self.channel(i);
            i += 1;
        }
        let cell = Elman {
            w_xh: matrix::<H, I>(self.bytes, at),
            w_hh: matrix::<H, H>(self.bytes, hh_at),
            b: Some(matrix::<H, 1>(self.bytes, b_at)),
            activation: Activation::Tanh,
        };
        let readout =
            Dense { w: matrix::<I, H>(self.bytes, hy_at), b: matrix::<I, 1>(self.bytes, y_at) };
        let network = Network { cell, readout, head: Head::Linear };
        Ok(Forecaster { network, channels, mode: self.header.mode })
    }
}

impl<const I: usize, const H: usize> Forecaster<I, H> {
    /// The model of a file, checked; usable in a `const`, where an error stops the compiler.
    pub const fn from_file(bytes: &[u8]) -> Result<Self, Error> {
        match ModelFile::parse(bytes) {
            Ok(file) => file.forecaster(),
            Err(error) => Err(error),
        }
    }

    /// Runs a file's self-test samples through `model` and counts the predictions whose bits differ.
    pub fn self_test<const W: usize>(&self, file: &ModelFile<'_>) -> usize {
        let mut predictor = Predictor::<I, H, W>::new(self);
        let mut tests = file.self_tests();
        let mut wrong = 0;
        for _ in 0..file.header.self_tests {
            let pairs: [(f32, f32); I] = core::array::from_fn(|_| tests.next().unwrap_or_default());
            let prediction = predictor.step(&pairs.map(|(sample, _)| sample));
            let differs =
                |((_, expected), p): (&(f32, f32), &f32)| expected.to_bits() != p.to_bits();
            wrong += usize::from(pairs.iter().zip(&prediction).any(differs));
        }
        wrong
    }
}

/// What [`encode`] writes beside the model itself.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The header; its numbers must be those of the model.
    pub header: Header,
    /// The model: a tanh network with bias and a linear readout.
    pub model: ForecasterRef<'a>,
    /// The flat parameters, in the order of [`Shape::lengths`].
    pub parameters: &'a [f32],
    /// One name per channel, at most [`NAME`] bytes each.
    pub names: &'a [&'a str],
    /// S samples of I values.
    pub samples: &'a [f32],
    /// The predictions that the samples give.
    pub predictions: &'a [f32],
}

/// Writes a model file into `out` and checks it; returns its length. [`Error::Room`] says how much
/// room is needed, [`Error::Field`] what doesn't fit together.
pub fn encode(contents: &Contents<'_>, out: &mut [u8]) -> Result<usize, Error> {
    let Contents { header, model, parameters, names, samples, predictions } = contents;
    let needed = header.file_length();
    let out = out.get_mut(..needed).ok_or(Error::Room { needed })?;
    let fits = parameters.len() == header.shape().parameters()
        && [names.len(), model.channels.len()] == [header.inputs; 2]
        && [samples.len(), predictions.len()] == [header.self_tests * header.inputs; 2];
    if !fits {
        return Err(Error::Field { offset: 16 });
    }
    let mut writer = Writer { out, at: 0 };
    writer.put(&MAGIC);
    writer.put(&VERSION.to_le_bytes());
    writer.put(&[1, 1, 1, 1]);
    writer.put(&[match header.mode {
        Mode::Raw => 0,
        Mode::Residual => 1,
        Mode::Difference => 2,
    }]);
    writer.put(&[0]);
    let numbers = [header.inputs, header.hidden, header.inputs, header.window, header.target];
    for number in numbers.into_iter().chain([header.self_tests, needed, 0]) {
        writer.put(&(number as u32).to_le_bytes());
    }
    writer.put(&header.seed.to_le_bytes());
    writer.put(&[0; 8]);
    for (i, (name, channel)) in names.iter().zip(model.channels).enumerate() {
        if name.len() > NAME || name.contains('\0') {
            return Err(Error::Field { offset: HEADER + i * CHANNEL });
        }
        let mut field = [0; NAME];
        field.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        writer.put(&field);
        writer.put_floats(&[channel.level_mean, channel.level_deviation]);
        writer.put_floats(&[channel.difference_mean, channel.difference_deviation]);
    }
    writer.put_floats(parameters);
    writer.put_floats(samples);
    writer.put_floats(predictions);
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

    fn put_floats(&mut self, values: &[f32]) {
        values.iter().for_each(|value| self.put(&value.to_le_bytes()));
    }

    fn written(&self) -> &[u8] {
        self.out.get(..self.at).unwrap_or_default()
    }
}

const fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

const fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

/// A column-major matrix that starts at byte `at`.
const fn matrix<const R: usize, const C: usize>(bytes: &[u8], at: usize) -> SMatrix<f32, R, C> {
    let mut columns = [[0.0; R]; C];
    let mut k = 0;
    while k < R * C {
        columns[k / R][k % R] = f32_at(bytes, at + 4 * k);
        k += 1;
    }
    SMatrix::from_array_storage(ArrayStorage(columns))
}

fn floats(bytes: &[u8], at: usize, count: usize) -> impl ExactSizeIterator<Item = f32> + use<'_> {
    let bytes = bytes.get(at..at + 4 * count).unwrap_or_default();
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
}
