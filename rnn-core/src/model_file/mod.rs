//! A trained model as bytes: little-endian, fixed-size header, exact length, CRC-32 over everything.
//!
//! | offset | field |
//! |---|---|
//! | 0 | magic `RNNMODEL` |
//! | 8 | version (u16) = 2 |
//! | 10 | task (u8): 1 forecast (linear readout), 2 text of characters, 3 text of words (softmax) |
//! | 11 | number of layers L (u8), 1 to 16 |
//! | 12 | number format (u8): 1 f32, 2 w8a16, 3 w16a16 |
//! | 13 | layout of the tensors (u8): 1 plain column-major (f32); of integers 2 rows, 3 pairs, 4 panels (of 16 bits; of 8 bits 5): see [`Layout`] |
//! | 14 | mode (u8): 0 raw, 1 residual, 2 difference; 0 for text |
//! | 15 | 1 if what PyTorch's format has beside is kept: names of modules, two biases; else 0 (u8) |
//! | 16 | inputs I: channels, or symbols of the vocabulary (u32); there are as many outputs |
//! | 20 | window W (u32): 0 = state carried, else steps per prediction |
//! | 24 | index of the target channel (u32); 0 for text |
//! | 28 | number of self-test samples S (u32) |
//! | 32 | length of the whole file (u32) |
//! | 36 | bytes of a name N (u32): 64 for channels, 4 for characters, 32 for words |
//! | 40 | seed of the training (u64) |
//! | 48 | 1 if it says what is watched for, see [`watch`](crate::watch); else 0 (u8) |
//! | 49 | 0 (14 bytes) |
//! | 63 | 1 if the state of the model before it is handed over, 0 if it starts from rest (u8) |
//! | 64 | 16 layers: kind (u8): 1 Elman, 2 GRU, 3 LSTM; variant (u8): Elman 1 tanh, 2 sigmoid, 3 relu, GRU 1 reset after, 2 reset before, LSTM 0; hidden units (u16); zeros from L on |
//! | 128 | I names (N bytes each, UTF-8, padded with 0); each channel's is followed by the 4 scales of [`Channel`](crate::scaling::Channel) (f32) |
//! | | f32: the layers' tensors in the order of [`Layer::tensors`], W_hy (I x H), b_y (I) |
//! | | integers: the inputs' scales (f32; a single one for text), then the [blocks](Plan::blocks) of each layer and of the readout: biases, multipliers (i32), wide weights (i16), narrow weights, with the zeros that fill up their tiles |
//! | | where they are kept: the names of the recurrent modules and of the linear one (128 bytes each, UTF-8, padded with 0), each layer's b_ih and b_hh, G H values each (G gates), f32 |
//! | | S self-test samples, then the predictions that they give from rest, f32: I values each; for text a symbol's index, and the output o at that index |
//! | | where it says what is watched for: earliest, latest (f32), hold, warm_up (u32) of the [`Rules`](crate::watch::guard::Rules), the sampling period in seconds (f32; 0: unknown), the threshold (f32); for each channel low, high (f32), stuck (u32), residual, residual_tail, level, level_tail (f32) of its [`Limits`](crate::watch::guard::Limits) and of what is [`Usual`](crate::watch::score::Usual) |
//! | end - 4 | CRC-32 (ISO-HDLC) of all that is before |
//!
//! Reading is `const`: a corrupt file that is embedded in a firmware doesn't compile, and neither
//! does one of another shape.

use core::fmt;

use crate::activation::Activation;
use crate::gru::Reset;
use crate::layers::{Kind, Layer, Layers, MAX_LAYERS};
use crate::network::{Head, Shape};
use crate::quant::Plan;
use crate::quant::block::{Format, Layout, Width};
use crate::scaling::Mode;

mod difference;
mod embed;
mod encode;
mod error;
mod integers;
mod read;
mod watch;

pub use difference::Difference;
pub use encode::{Contents, WatchContents, encode};
pub use error::Error;
pub use read::ModelFile;

const MAGIC: [u8; 8] = *b"RNNMODEL";
/// Version of the files that are read and written.
pub const VERSION: u16 = 2;
const HAND_OVER_AT: usize = 63;
const LAYERS_AT: usize = 64;
/// Bytes of a header.
pub const HEADER: usize = LAYERS_AT + 4 * MAX_LAYERS;
/// Longest channel name in bytes.
pub const NAME: usize = 64;
/// Longest name of PyTorch's modules in bytes.
pub const MODULE: usize = 128;
/// Bytes of a channel's scales.
const SCALES: usize = 4 * 4;
/// Where the header says whether there is a part on what is watched for.
const WATCHED_AT: usize = 48;
/// 32-bit words of that part: of all channels, and of each.
const WATCH: [usize; 2] = [6, 7];
/// Largest number of channels, hidden units of a layer, window steps and self-test samples.
pub const LIMIT: usize = 4096;
/// Largest vocabulary: its symbols are numbered by a `u16`.
pub const VOCABULARY_LIMIT: usize = 65_535;
/// Longest file in bytes.
const LENGTH_LIMIT: u64 = 1 << 30;

pub(crate) const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The next sample of every channel; linear readout.
    Forecast {
        /// Raw, residual or difference.
        mode: Mode,
        /// Which channel is scored.
        target: usize,
    },
    /// The next symbol of a text; softmax.
    Text(Unit),
}

impl Task {
    /// Longest name of a channel or a symbol in bytes.
    pub const fn name_length(self) -> usize {
        match self {
            Task::Forecast { .. } => NAME,
            Task::Text(Unit::Character) => 4,
            Task::Text(Unit::Word) => 32,
        }
    }
}

/// What a symbol of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A Unicode scalar value.
    Character,
    /// A word or a piece of punctuation.
    Word,
}

/// What a model's tensors are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// `f32`, plain column-major.
    Float,
    /// Integers: see [`quant`](crate::quant).
    Integer(Format),
}

impl Numbers {
    /// The bytes for number format and layout.
    const fn bytes(self) -> [u8; 2] {
        match self {
            Numbers::Float => [1, 1],
            Numbers::Integer(Format { width, layout }) => {
                let layout = match (layout, width) {
                    (Layout::Rows, _) => 2,
                    (Layout::Pairs, _) => 3,
                    (Layout::Panels, Width::Sixteen) => 4,
                    // 4 were tiles of two columns.
                    (Layout::Panels, Width::Eight) => 5,
                };
                let width = match width {
                    Width::Eight => 2,
                    Width::Sixteen => 3,
                };
                [width, layout]
            }
        }
    }

    /// What those bytes say; the offset of the one that says nothing.
    const fn of(bytes: [u8; 2]) -> Result<Self, usize> {
        let width = match bytes[0] {
            1 if bytes[1] == 1 => return Ok(Numbers::Float),
            1 => return Err(13),
            2 => Width::Eight,
            3 => Width::Sixteen,
            _ => return Err(12),
        };
        let layout = match (bytes[1], width) {
            (2, _) => Layout::Rows,
            (3, _) => Layout::Pairs,
            (4, Width::Sixteen) | (5, Width::Eight) => Layout::Panels,
            _ => return Err(13),
        };
        Ok(Numbers::Integer(Format { width, layout }))
    }
}

/// f32, w8a16 or w16a16.
impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numbers::Float => f.write_str("f32"),
            Numbers::Integer(format) => fmt::Display::fmt(&format.width, f),
        }
    }
}

/// A model file's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the model is for.
    pub task: Task,
    /// Number of channels or symbols I, read and predicted.
    pub inputs: usize,
    /// The cells.
    pub layers: Layers,
    /// 0: the state is carried from sample to sample. W: every prediction runs over W samples.
    pub window: usize,
    /// Number of self-test samples.
    pub self_tests: usize,
    /// Whether the two biases of PyTorch's format are kept beside their sum, and its modules' names.
    pub two_biases: bool,
    /// What the tensors are made of.
    pub numbers: Numbers,
    /// Seed of the training.
    pub seed: u64,
    /// Whether the file says what is watched for.
    pub watched: bool,
    /// Whether it takes over the state of the model that ran before, if that one has its shape.
    pub hand_over: bool,
}

impl Header {
    /// A model in `f32` that carries its state and starts from rest, without self-test samples.
    pub const fn new(task: Task, inputs: usize, layers: Layers) -> Self {
        Header {
            task,
            inputs,
            layers,
            window: 0,
            self_tests: 0,
            two_biases: false,
            numbers: Numbers::Float,
            seed: 0,
            watched: false,
            hand_over: false,
        }
    }

    /// The network's sizes.
    pub const fn shape(&self) -> Shape {
        Shape { inputs: self.inputs, layers: self.layers, outputs: self.inputs }
    }

    /// The network of integers, where it is one.
    pub const fn plan(&self) -> Option<Plan> {
        match self.numbers {
            Numbers::Float => None,
            Numbers::Integer(format) => Some(Plan {
                inputs: self.inputs,
                symbols: matches!(self.task, Task::Text(_)),
                layers: self.layers,
                format,
            }),
        }
    }

    /// 32-bit words of the tensors.
    pub const fn tensor_words(&self) -> usize {
        match self.plan() {
            Some(plan) => plan.words(),
            None => self.shape().parameters(),
        }
    }

    /// What stands behind the readout.
    pub const fn head(&self) -> Head {
        match self.task {
            Task::Forecast { .. } => Head::Linear,
            Task::Text(_) => Head::Softmax,
        }
    }

    /// Longest name of a channel or a symbol in bytes.
    pub const fn name_length(&self) -> usize {
        self.task.name_length()
    }

    /// Numbers of a self-test sample, and of a prediction.
    pub const fn sample_length(&self) -> usize {
        match self.task {
            Task::Forecast { .. } => self.inputs,
            Task::Text(_) => 1,
        }
    }

    /// Numbers of the biases that are kept.
    pub const fn kept_biases(&self) -> usize {
        let (mut sum, mut i) = (0, 0);
        while self.two_biases && i < self.layers.count() {
            let Layer { kind, hidden, .. } = self.layers.get(i, self.inputs);
            sum += 2 * gates(kind) * hidden;
            i += 1;
        }
        sum
    }

    /// Whether every size exists and is within the limits, so that no length overflows;
    /// [`Error::Field`] names the first that isn't.
    pub const fn check_sizes(&self) -> Result<(), Error> {
        let (limit, target) = match self.task {
            Task::Forecast { target, .. } => (LIMIT, target),
            Task::Text(_) => (VOCABULARY_LIMIT, 0),
        };
        let offset = if self.inputs == 0 || self.inputs > limit {
            16
        } else if self.window > LIMIT {
            20
        } else if target >= self.inputs {
            24
        } else if self.self_tests > LIMIT {
            28
        } else if !self.is_coherent() {
            12
        } else if self.watched && matches!(self.task, Task::Text(_)) {
            WATCHED_AT
        } else {
            let (mut i, mut length) = (0, 0);
            while i < self.layers.count() {
                let Layer { kind, inputs, hidden } = self.layers.get(i, self.inputs);
                if hidden == 0 || hidden > LIMIT {
                    return Err(Error::Field { offset: LAYERS_AT + 4 * i });
                }
                length += 4 * (gates(kind) * hidden) as u64 * (inputs + hidden + 4) as u64;
                i += 1;
            }
            // With channels, readout and self-tests below 2^28.5 each.
            length += 4 * (self.inputs * (self.layers.hidden() + 1)) as u64;
            if length <= LENGTH_LIMIT {
                return Ok(());
            }
            32
        };
        Err(Error::Field { offset })
    }

    /// Whether there are networks of those numbers: integers have no relu, and no PyTorch biases.
    const fn is_coherent(&self) -> bool {
        match self.plan() {
            Some(plan) => plan.is_integer() && !self.two_biases,
            None => true,
        }
    }

    /// Bytes from one channel or symbol to the next.
    const fn name_stride(&self) -> usize {
        match self.task {
            Task::Forecast { .. } => NAME + SCALES,
            Task::Text(_) => self.name_length(),
        }
    }

    const fn tensors_at(&self) -> usize {
        HEADER + self.inputs * self.name_stride()
    }

    const fn modules_at(&self) -> usize {
        self.tensors_at() + 4 * self.tensor_words()
    }

    const fn biases_at(&self) -> usize {
        self.modules_at() + if self.two_biases { 2 * MODULE } else { 0 }
    }

    const fn self_tests_at(&self) -> usize {
        self.biases_at() + 4 * self.kept_biases()
    }

    const fn watch_at(&self) -> usize {
        self.self_tests_at() + self.self_tests * self.sample_length() * 8
    }

    const fn length_without_crc(&self) -> usize {
        let [all, each] = WATCH;
        self.watch_at() + if self.watched { 4 * (all + each * self.inputs) } else { 0 }
    }

    /// Length of the file in bytes, for sizes within the limits.
    pub const fn file_length(&self) -> usize {
        self.length_without_crc() + 4
    }
}

/// Gates whose weights a cell of that kind has.
const fn gates(kind: Kind) -> usize {
    match kind {
        Kind::Elman(_) => 1,
        Kind::Gru(_) => 3,
        Kind::Lstm => 4,
    }
}

/// The bytes for kind and variant.
const fn kind_bytes(kind: Kind) -> [u8; 2] {
    match kind {
        Kind::Elman(Activation::Tanh) => [1, 1],
        Kind::Elman(Activation::Sigmoid) => [1, 2],
        Kind::Elman(Activation::Relu) => [1, 3],
        Kind::Gru(Reset::After) => [2, 1],
        Kind::Gru(Reset::Before) => [2, 2],
        Kind::Lstm => [3, 0],
    }
}

/// Kind and variant of those bytes.
const fn kind_of(bytes: [u8; 2]) -> Option<Kind> {
    Some(match bytes {
        [1, 1] => Kind::Elman(Activation::Tanh),
        [1, 2] => Kind::Elman(Activation::Sigmoid),
        [1, 3] => Kind::Elman(Activation::Relu),
        [2, 1] => Kind::Gru(Reset::After),
        [2, 2] => Kind::Gru(Reset::Before),
        [3, 0] => Kind::Lstm,
        _ => return None,
    })
}
