//! The jobs in integers.

use crate::{Job, calls};
use core::mem::size_of;
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::kernel::integer::{self, IntegerWork, Kernel, LAYOUT};
use rnn_core::layers::{Kind, Layers};
use rnn_core::quant::block::{Block, BlockRef, Format, Width};
use rnn_core::quant::{Inputs, IntegerNetwork, Plan};
use rnn_core::random::SplitMix64;

const ELMAN: Kind = Kind::Elman(Activation::Tanh);
const GRU: Kind = Kind::Gru(Reset::After);
const LSTM: Kind = Kind::Lstm;

const fn plan(kind: Kind, inputs: usize, hidden: usize, width: Width) -> Plan {
    let format = Format { width, layout: LAYOUT };
    Plan { inputs, symbols: false, layers: Layers::one(kind, hidden), format }
}

/// Words of a block, their values as they come: 8-bit weights any, 16-bit ones within +-512, so that no
/// sum overflows.
const fn fill(block: Block, format: Format, random: &mut SplitMix64, words: &mut [i32]) -> usize {
    let [bias, multipliers, wide, narrow] = block.words(format);
    let mut i = 0;
    while i < bias + multipliers + wide + narrow {
        let bits = random.next_u64();
        let halves = (bits & 0x03ff_03ff) as u32 as i32 - 0x0200_0200;
        words[i] = if i < bias + multipliers {
            (bits & 0xff_ffff) as i32
        } else if i >= bias + multipliers + wide && matches!(format.width, Width::Eight) {
            bits as u32 as i32
        } else {
            halves
        };
        i += 1;
    }
    i
}

const fn words<const N: usize>(plan: Plan) -> [i32; N] {
    let mut random = SplitMix64::new(5);
    let mut words = [0; N];
    let mut at = plan.scales();
    let mut i = 0;
    while i <= plan.layers.count() {
        let blocks = plan.blocks(i);
        let mut k = 0;
        while k < blocks.len() {
            let (_, rest) = words.split_at_mut(at);
            at += fill(blocks[k], plan.format, &mut random, rest);
            k += 1;
        }
        i += 1;
    }
    words
}

/// A job that makes steps of a network: `$function` is its own in the image.
macro_rules! job {
    ($name:literal, $format:literal, $function:ident, $kind:expr, $inputs:literal, $hidden:literal, $width:expr, $macs:literal) => {{
        const PLAN: Plan = plan($kind, $inputs, $hidden, $width);
        static WORDS: [i32; PLAN.words()] = words(PLAN);
        const NETWORK: IntegerNetwork<'static> = match IntegerNetwork::new(PLAN, &WORDS) {
            Some(network) => network,
            None => panic!("the words are as many as the plan says"),
        };

        #[inline(never)]
        fn $function(x: &[i16; $inputs], memory: &mut [i32; PLAN.memory()]) -> [i32; $inputs] {
            let mut o = [0; $inputs];
            NETWORK.step(Inputs::Values(x), memory);
            NETWORK.read(memory, &mut o);
            o
        }

        Job {
            name: $name,
            format: $format,
            kernel: || integer::form(LAYOUT),
            function: concat!("counts::integers::JOBS::", stringify!($function)),
            macs: $macs,
            memory: 4 * PLAN.memory(),
            run: || calls($function, [1000; $inputs], [0; PLAN.memory()]),
        }
    }};
}

/// J1 to J7 in both formats.
pub(crate) const JOBS: [Job; 14] = [
    job!("J1", "w16a16", elman_32_w16, ELMAN, 1, 32, Width::Sixteen, 1088),
    job!("J2", "w16a16", elman_64_w16, ELMAN, 2, 64, Width::Sixteen, 4352),
    job!("J3", "w16a16", gru_32_w16, GRU, 2, 32, Width::Sixteen, 3296),
    job!("J4", "w16a16", lstm_32_w16, LSTM, 1, 32, Width::Sixteen, 4256),
    product("w16a16", "counts::integers::product_w16", || calls(product_w16, [1000; 64], [0; 64])),
    job!("J6", "w16a16", elman_37_w16, ELMAN, 1, 37, Width::Sixteen, 1443),
    job!("J7", "w16a16", elman_40_w16, ELMAN, 1, 40, Width::Sixteen, 1680),
    job!("J1", "w8a16", elman_32_w8, ELMAN, 1, 32, Width::Eight, 1088),
    job!("J2", "w8a16", elman_64_w8, ELMAN, 2, 64, Width::Eight, 4352),
    job!("J3", "w8a16", gru_32_w8, GRU, 2, 32, Width::Eight, 3296),
    job!("J4", "w8a16", lstm_32_w8, LSTM, 1, 32, Width::Eight, 4256),
    product("w8a16", "counts::integers::product_w8", || calls(product_w8, [1000; 64], [0; 64])),
    job!("J6", "w8a16", elman_37_w8, ELMAN, 1, 37, Width::Eight, 1443),
    job!("J7", "w8a16", elman_40_w8, ELMAN, 1, 40, Width::Eight, 1680),
];

const fn product(format: &'static str, function: &'static str, run: fn() -> u32) -> Job {
    let memory = size_of::<[i16; 64]>() + size_of::<[i32; 64]>();
    Job { name: "J5", format, kernel: || integer::form(LAYOUT), function, macs: 4096, memory, run }
}

/// J5: W v alone, sums of 32 bits that nothing requantises.
struct MatrixVector<'a> {
    words: &'a [i32],
    width: Width,
    v: &'a [i16; 64],
    out: &'a mut [i32; 64],
}

const PRODUCT: Block = Block { rows: 64, wide: 0, narrow: 64 };

impl IntegerWork for MatrixVector<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernel>(&mut self) {
        let mut words = self.words;
        let format = Format { width: self.width, layout: LAYOUT };
        let block = BlockRef { multipliers: &[], ..BlockRef::take(PRODUCT, format, &mut words) };
        K::multiply(&block, None, self.v, self.out);
    }
}

const fn product_words<const N: usize>(width: Width) -> [i32; N] {
    let mut words = [0; N];
    fill(PRODUCT, Format { width, layout: LAYOUT }, &mut SplitMix64::new(6), &mut words);
    words
}

static WORDS_16: [i32; 64 * (2 + 32)] = product_words(Width::Sixteen);
static WORDS_8: [i32; 64 * (2 + 16)] = product_words(Width::Eight);

#[inline(never)]
fn product_w16(v: &[i16; 64], out: &mut [i32; 64]) {
    integer::run(&mut MatrixVector { words: &WORDS_16, width: Width::Sixteen, v, out });
}

#[inline(never)]
fn product_w8(v: &[i16; 64], out: &mut [i32; 64]) {
    integer::run(&mut MatrixVector { words: &WORDS_8, width: Width::Eight, v, out });
}
