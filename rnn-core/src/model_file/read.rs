//! Reading, also in a `const`.

use nalgebra::{ArrayStorage, SMatrix};

use super::{CHANNEL, CRC, Error, HEADER, Header, MAGIC, NAME, VERSION};
use crate::activation::Activation;
use crate::dense::Dense;
use crate::elman::Elman;
use crate::forecast::Forecaster;
use crate::network::{Head, Network};
use crate::scaling::{Channel, Mode};
use crate::stream::Predictor;

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
        if let Err(error) = header.check_sizes() {
            return Err(error);
        }
        if u32_at(bytes, 24) as usize != header.inputs {
            return Err(Error::Field { offset: 24 });
        }
        let zeros = [15, 44, 45, 46, 47, 56, 57, 58, 59, 60, 61, 62, 63];
        let mut i = 0;
        while i < zeros.len() {
            if bytes[zeros[i]] != 0 {
                return Err(Error::Field { offset: zeros[i] });
            }
            i += 1;
        }
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

    /// The flat parameters, in the order of [`Shape::lengths`](crate::network::Shape::lengths).
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
