//! Long streams: every state and output of 100,000 steps, for every cell and number format. A chip, a
//! host in each of its forms, and the naive reference of the tests must arrive at the same digests.

use super::Digest;
use crate::activation::Activation;
use crate::cell::{Cell, take};
use crate::elman::Elman;
use crate::gru::{Gru, Reset, ResetAfter, ResetBefore};
use crate::layers::{Kind, Layers};
use crate::lstm::Lstm;
use crate::network::Network;
use crate::quant::block::{Block, Format, Layout, Width};
use crate::quant::{BlockValues, Inputs, IntegerNetwork, Plan, pack};
use crate::random::SplitMix64;

/// Steps of a stream.
pub const STEPS: usize = 100_000;
/// I = O
pub const INPUTS: usize = 2;
/// H
pub const HIDDEN: usize = 11;

/// A stream, and the digest that it must have.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// Cell and number format.
    pub name: &'static str,
    /// The cell.
    pub kind: Kind,
    /// Bits of the weights; `None` for `f32`.
    pub width: Option<Width>,
    /// The digest on every machine.
    pub expected: u32,
}

const ELMAN: Kind = Kind::Elman(Activation::Tanh);
const AFTER: Kind = Kind::Gru(Reset::After);
const BEFORE: Kind = Kind::Gru(Reset::Before);
const W8: Option<Width> = Some(Width::Eight);
const W16: Option<Width> = Some(Width::Sixteen);

/// All streams.
pub const STREAMS: [Stream; 12] = [
    Stream { name: "elman f32", kind: ELMAN, width: None, expected: 0x3B81_2C1A },
    Stream { name: "elman w8a16", kind: ELMAN, width: W8, expected: 0xA735_F763 },
    Stream { name: "elman w16a16", kind: ELMAN, width: W16, expected: 0x54E2_EA87 },
    Stream { name: "gru, reset after, f32", kind: AFTER, width: None, expected: 0x4FC6_C309 },
    Stream { name: "gru, reset after, w8a16", kind: AFTER, width: W8, expected: 0xA8E7_43B1 },
    Stream { name: "gru, reset after, w16a16", kind: AFTER, width: W16, expected: 0x8EF1_153E },
    Stream { name: "gru, reset before, f32", kind: BEFORE, width: None, expected: 0xB74D_65DA },
    Stream { name: "gru, reset before, w8a16", kind: BEFORE, width: W8, expected: 0x7643_89FB },
    Stream { name: "gru, reset before, w16a16", kind: BEFORE, width: W16, expected: 0x9A3B_26A5 },
    Stream { name: "lstm f32", kind: Kind::Lstm, width: None, expected: 0x0CC1_45E7 },
    Stream { name: "lstm w8a16", kind: Kind::Lstm, width: W8, expected: 0x27C8_23E7 },
    Stream { name: "lstm w16a16", kind: Kind::Lstm, width: W16, expected: 0x06C8_447D },
];

impl Stream {
    /// Runs the stream; `layout` is that of integers, and changes nothing of the result.
    pub fn digest(&self, layout: Layout) -> u32 {
        match (self.width, self.kind) {
            (Some(width), kind) => integers(kind, Format { width, layout }),
            (None, Kind::Elman(_)) => floats::<Elman<f32, INPUTS, HIDDEN>>(),
            (None, Kind::Gru(Reset::After)) => floats::<Gru<f32, INPUTS, HIDDEN, ResetAfter>>(),
            (None, Kind::Gru(Reset::Before)) => floats::<Gru<f32, INPUTS, HIDDEN, ResetBefore>>(),
            (None, Kind::Lstm) => floats::<Lstm<f32, INPUTS, HIDDEN>>(),
        }
    }
}

/// The inputs of step t: mostly within +-2, now and then far out.
pub fn inputs(random: &mut SplitMix64) -> [f32; INPUTS] {
    let mut x = [0.0; INPUTS];
    let limit = if random.below(16) == 0 { 1000.0 } else { 2.0 };
    random.fill_uniform(limit, &mut x);
    x
}

fn floats<C: Cell<f32, INPUTS, HIDDEN>>() -> u32 {
    let mut digest = Digest::new();
    let network = Network::<f32, C, INPUTS, HIDDEN, INPUTS>::random(21);
    let mut random = random_inputs();
    let mut memory = network.rest();
    for _ in 0..STEPS {
        let y = network.step(&inputs(&mut random), &mut memory);
        digest.add(C::h(&memory));
        digest.add(&y);
    }
    digest.finish()
}

/// Most rows of a block, and most columns.
const ROWS: usize = 4 * HIDDEN;
const COLUMNS: usize = HIDDEN + 1;

/// The integers of a block, row after row.
#[derive(Clone, Debug)]
pub struct Values {
    block: Block,
    bias: [i32; ROWS],
    multipliers: [i32; ROWS],
    wide: [i16; ROWS * INPUTS],
    narrow: [i16; ROWS * COLUMNS],
}

impl Values {
    /// Weights up to the ends of their width (to 1/16 of it where it is 16 bits: more than that no sum
    /// of 32 bits would hold); sums in front of the activations within some units.
    pub fn random(block: Block, width: Width, random: &mut SplitMix64) -> Self {
        let limit = width.limit().min(2047);
        let mut within = |limit: i32| random.below(2 * limit as usize + 1) as i32 - limit;
        let mut values = Values {
            block,
            bias: [0; ROWS],
            multipliers: [(1 << 30) / limit; ROWS],
            wide: [0; ROWS * INPUTS],
            narrow: [0; ROWS * COLUMNS],
        };
        values.bias.iter_mut().for_each(|b| *b = within(limit << 14));
        values.wide.iter_mut().chain(&mut values.narrow).for_each(|w| *w = within(limit) as i16);
        values
    }

    /// For [`pack`]; a block that is too large is cut off.
    pub fn view(&self) -> BlockValues<'_> {
        let Block { rows, wide, narrow } = self.block;
        BlockValues {
            bias: self.bias.get(..rows).unwrap_or_default(),
            multipliers: self.multipliers.get(..rows).unwrap_or_default(),
            wide: self.wide.get(..rows * wide).unwrap_or_default(),
            narrow: self.narrow.get(..rows * narrow).unwrap_or_default(),
        }
    }
}

/// What the integers of a stream belong to.
pub fn plan(kind: Kind, format: Format) -> Plan {
    Plan { inputs: INPUTS, symbols: false, layers: Layers::one(kind, HIDDEN), format }
}

/// Units of an input's number that make up 1.
pub const SCALE: f32 = 4096.0;

/// Where the random integers of a stream start; its inputs are those of the `f32` streams.
pub fn random_integers() -> SplitMix64 {
    SplitMix64::new(23)
}

/// Where the random inputs of a stream start.
pub fn random_inputs() -> SplitMix64 {
    SplitMix64::new(22)
}

/// Words of the largest network, the LSTM's in tiles of 16 rows, and of the largest memory.
const WORDS: usize = 640;
const MEMORY: usize = 96;

/// Runs something on the network of integers of a stream, and its memory at rest. Nothing where it can't
/// be built, which would be an error here.
pub fn with_integers<T>(
    kind: Kind,
    format: Format,
    run: impl FnOnce(&IntegerNetwork<'_>, &mut [i32]) -> T,
) -> Option<T> {
    let plan = plan(kind, format);
    let (mut words, mut memory) = ([0; WORDS], [0; MEMORY]);
    let mut random = random_integers();
    let mut rest = words.get_mut(..plan.words())?;
    take(&mut rest, INPUTS).fill(SCALE.to_bits() as i32);
    for block in [plan.blocks(0), plan.blocks(1)].into_iter().flatten() {
        let values = Values::random(block, format.width, &mut random);
        let own = take(&mut rest, block.words(format).iter().sum());
        pack(block, format, values.view(), own).then_some(())?;
    }
    let network = IntegerNetwork::new(plan, words.get(..plan.words())?)?;
    Some(run(&network, memory.get_mut(..plan.memory())?))
}

fn integers(kind: Kind, format: Format) -> u32 {
    let run = |network: &IntegerNetwork<'_>, memory: &mut [i32]| {
        let mut random = random_inputs();
        let mut digest = Digest::new();
        let mut o = [0; INPUTS];
        for _ in 0..STEPS {
            let u = inputs(&mut random);
            let x: [i16; INPUTS] = core::array::from_fn(|i| network.number(i, u[i]));
            network.step(Inputs::Values(&x), memory);
            network.read(memory, &mut o);
            network.h(memory).iter().for_each(|&h| digest.add_bits(h.into()));
            o.iter().for_each(|&o| digest.add_bits(o));
        }
        digest.finish()
    };
    with_integers(kind, format, run).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Layout, STREAMS};

    #[test]
    fn digests_are_the_expected_ones() {
        for layout in [Layout::Rows, Layout::Pairs, Layout::Panels] {
            let hexadecimal = |name, digest: u32| format!("{name}: {digest:#010x}");
            let digests = STREAMS.map(|stream| hexadecimal(stream.name, stream.digest(layout)));
            let expected = STREAMS.map(|stream| hexadecimal(stream.name, stream.expected));
            assert_eq!(digests, expected, "{layout:?}");
        }
    }
}
