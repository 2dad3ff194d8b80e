//! The jobs in `w16a16` and `w8a16`, the weights in the layout that the chip's kernel is made for.

use crate::{J1, J2, J3, J4, J5, Job, calls};
use core::mem::size_of;
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::kernel::integer::{self, IntegerWork, Kernel, LAYOUT};
use rnn_core::layers::{Kind, Layers};
use rnn_core::quant::block::{Block, BlockRef, Format, Layout, Narrow, Width};
use rnn_core::quant::{Inputs, IntegerNetwork, Plan};
use rnn_core::random::SplitMix64;

const ELMAN: Kind = Kind::Elman(Activation::Tanh);
const GRU: Kind = Kind::Gru(Reset::After);

const fn plan(kind: Kind, inputs: usize, hidden: usize, width: Width) -> Plan {
    let format = Format { width, layout: LAYOUT };
    Plan { inputs, symbols: false, layers: Layers::one(kind, hidden), format }
}

/// Words of tensors, half of the bits set, so that no sum overflows and every multiplier is above 0.
const fn words<const N: usize>() -> [i32; N] {
    let mut random = SplitMix64::new(5);
    let (mut words, mut i) = ([0; N], 0);
    while i < N {
        words[i] = (random.next_u64() as u32 & 0x0f0f_0f0f) as i32 + 1;
        i += 1;
    }
    words
}

/// A job that makes steps of a network: `$function` is its own in the image.
macro_rules! job {
    ($task:expr, $width:expr, $format:literal, $within:literal, $function:ident, $kind:expr, $inputs:literal, $hidden:literal) => {{
        const PLAN: Plan = plan($kind, $inputs, $hidden, $width);
        type Memory = [i32; PLAN.memory()];
        static WORDS: [i32; PLAN.words()] = words();
        const NETWORK: IntegerNetwork<'static> = IntegerNetwork::new(PLAN, &WORDS).unwrap();

        #[inline(never)]
        fn $function(x: &[i16; $inputs], memory: &mut Memory) -> [i32; $inputs] {
            let mut o = [0; $inputs];
            NETWORK.step(Inputs::Values(x), memory);
            NETWORK.read(memory, &mut o);
            o
        }

        Job {
            task: $task,
            format: $format,
            kernel: integer::form,
            function: concat!("counts::integer::", $within, "::", stringify!($function)),
            memory: size_of::<Memory>(),
            run: || calls($function, [1000; $inputs], [0; PLAN.memory()]),
        }
    }};
}

/// J1 to J5 in one format; `$name` is also part of the functions' names in the image.
macro_rules! jobs {
    ($name:ident, $within:literal, $format:literal, $width:expr, $narrow:expr) => {
        pub(crate) const $name: [Job; 5] = [
            job!(J1, $width, $format, $within, elman_32, ELMAN, 1, 32),
            job!(J2, $width, $format, $within, elman_64, ELMAN, 2, 64),
            job!(J3, $width, $format, $within, gru_32, GRU, 2, 32),
            job!(J4, $width, $format, $within, lstm_32, Kind::Lstm, 1, 32),
            {
                #[inline(never)]
                fn product_64(x: &[i16; 64], out: &mut [i32; 64]) {
                    integer::run(MatrixVector { narrow: $narrow, x, out });
                }

                Job {
                    task: J5,
                    format: $format,
                    kernel: integer::form,
                    function: concat!("counts::integer::", $within, "::product_64"),
                    memory: size_of::<[i32; 64]>(),
                    run: || calls(product_64, [1000; 64], [0; 64]),
                }
            },
        ];
    };
}

jobs!(
    W16A16,
    "W16A16",
    "w16a16",
    Width::Sixteen,
    Narrow::Halves(bytemuck::must_cast_slice(&HALVES))
);
jobs!(
    W8A16,
    "W8A16",
    "w8a16",
    Width::Eight,
    match LAYOUT {
        Layout::Pairs => Narrow::Pairs(bytemuck::must_cast_slice(&BYTES)),
        Layout::Rows | Layout::Panels => Narrow::Bytes(bytemuck::must_cast_slice(&BYTES)),
    }
);

const BLOCK: Block = Block { rows: 64, wide: 0, narrow: 64 };
static BIAS: [i32; 64] = words();
static MULTIPLIERS: [i32; 64] = words();
static HALVES: [i32; 64 * 64 / 2] = words();
static BYTES: [i32; 64 * 64 / 4] = words();

/// J5: W x, requantised.
struct MatrixVector<'a> {
    narrow: Narrow<'static>,
    x: &'a [i16; 64],
    out: &'a mut [i32; 64],
}

impl IntegerWork for MatrixVector<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernel>(self) {
        let block = BlockRef {
            wide_columns: BLOCK.wide,
            narrow_columns: BLOCK.narrow,
            layout: LAYOUT,
            bias: &BIAS,
            multipliers: &MULTIPLIERS,
            wide: &[],
            narrow: self.narrow,
        };
        K::multiply(&block, None, self.x, self.out);
    }
}
