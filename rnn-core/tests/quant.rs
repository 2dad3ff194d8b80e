//! The integer cells against a naive reference, written from their description in 64 bits: every
//! cell, format and layout, sizes and extreme values.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer, Layers};
use rnn_core::quant::block::{Block, Format, Layout, Width};
use rnn_core::quant::{BlockValues, Inputs, IntegerNetwork, Plan, pack};
use rnn_core::random::SplitMix64;

const LAYOUTS: [Layout; 3] = [Layout::Rows, Layout::Pairs, Layout::Panels];
const WIDTHS: [Width; 2] = [Width::Eight, Width::Sixteen];

/// A block's numbers, row after row.
struct Values {
    block: Block,
    bias: Vec<i32>,
    multipliers: Vec<i32>,
    wide: Vec<i16>,
    narrow: Vec<i16>,
}

impl Values {
    /// Random weights, now and then at their ends, no row beyond what 32 bits hold.
    fn random(block: Block, width: Width, random: &mut SplitMix64) -> Self {
        let columns = (block.wide + block.narrow).max(1);
        let bound = (65535 / columns).min(32767) as i32;
        let limit = width.limit().min(bound);
        let mut weights = |count: usize, limit: i32| -> Vec<i16> {
            let one = |_| match random.below(8) {
                0 => limit,
                1 => -limit,
                2 => 0,
                _ => random.below(2 * limit as usize + 1) as i32 - limit,
            } as i16;
            (0..count).map(one).collect()
        };
        let wide = weights(block.rows * block.wide, bound);
        let narrow = weights(block.rows * block.narrow, limit);
        // From sums in the thousands to arguments within some units.
        let typical = f64::from(limit) * 32768.0 * (columns as f64).sqrt() / 6.0;
        let multiplier = (2f64.powi(49) / typical).clamp(1.0, f64::from(i32::MAX));
        let scatter = |random: &mut SplitMix64| (multiplier * (0.3 + random.uniform())) as i32;
        Values {
            block,
            bias: (0..block.rows).map(|_| random.below(1 << 15) as i32 - (1 << 14)).collect(),
            multipliers: (0..block.rows).map(|_| scatter(random).max(1)).collect(),
            wide,
            narrow,
        }
    }

    fn pack(&self, format: Format) -> Vec<i32> {
        let Values { block, bias, multipliers, wide, narrow } = self;
        let mut words = vec![0; block.words(format).iter().sum()];
        assert!(pack(*block, format, BlockValues { bias, multipliers, wide, narrow }, &mut words));
        words
    }

    /// out = requantised(b + W v); `wide` is what the wide columns read, `narrow` what the others do.
    fn multiply(&self, wide: &[i16], narrow: &[i16]) -> Vec<i64> {
        let row = |i: usize| {
            let product = |w: &[i16], v: &[i16]| -> i64 {
                let w = &w[i * (w.len() / self.block.rows)..];
                w.iter().zip(v).map(|(&w, &v)| i64::from(w) * i64::from(v)).sum()
            };
            let sum =
                i64::from(self.bias[i]) + product(&self.wide, wide) + product(&self.narrow, narrow);
            assert!(i32::try_from(sum).is_ok());
            (sum * i64::from(self.multipliers[i]) + (1 << 31)) >> 32
        };
        (0..self.block.rows).map(row).collect()
    }
}

fn tanh(z: i64) -> i64 {
    rnn_core::quant::fixed::tanh(z.clamp(i32::MIN.into(), i32::MAX.into()) as i32).into()
}

fn sigmoid(z: i64) -> i64 {
    (tanh(z) + 32768) >> 1
}

/// A cell of the reference: its blocks, h and c.
struct Cell {
    layer: Layer,
    first: bool,
    values: Vec<Values>,
    h: Vec<i16>,
    c: Vec<i64>,
}

/// Filled up with a zero to an even number.
fn even(v: &[i16]) -> Vec<i16> {
    let mut v = v.to_vec();
    v.resize(v.len().next_multiple_of(2), 0);
    v
}

impl Cell {
    /// W (x, state) + b of block k, requantised.
    fn sums(&self, k: usize, x: &[i16], state: &[i16]) -> Vec<i64> {
        let (x, state) = (even(x), even(state));
        if self.first {
            self.values[k].multiply(&x, &state)
        } else {
            self.values[k].multiply(&[], &[x, state].concat())
        }
    }

    fn step(&mut self, x: &[i16]) {
        let n = self.layer.hidden;
        match self.layer.kind {
            Kind::Elman(activation) => {
                let squash = if activation == Activation::Sigmoid { sigmoid } else { tanh };
                let z = self.sums(0, x, &self.h);
                self.h = z.iter().map(|&z| squash(z) as i16).collect();
            }
            Kind::Lstm => {
                let z = self.sums(0, x, &self.h);
                for k in 0..n {
                    let [i, f, g, o] = [z[k], z[n + k], z[2 * n + k], z[3 * n + k]];
                    let c = ((sigmoid(f) * self.c[k]) >> 15) + ((sigmoid(i) * tanh(g)) >> 10);
                    self.c[k] = c.clamp(-(1 << 26), (1 << 26) - 1);
                    self.h[k] = ((sigmoid(o) * tanh(self.c[k] >> 3) + (1 << 14)) >> 15) as i16;
                }
            }
            Kind::Gru(reset) => {
                let gates = self.sums(0, x, &self.h);
                let (r, z): (Vec<i64>, Vec<i64>) =
                    (0..n).map(|k| (sigmoid(gates[k]), sigmoid(gates[n + k]))).unzip();
                let candidate: Vec<i64> = match reset {
                    Reset::After => {
                        let from_x = self.sums(1, x, &[]);
                        let q = self.values[2].multiply(&[], &even(&self.h));
                        (0..n).map(|k| from_x[k] + ((r[k] * q[k]) >> 15)).collect()
                    }
                    Reset::Before => {
                        let q = (0..n)
                            .map(|k| ((i64::from(self.h[k]) * r[k] + (1 << 14)) >> 15) as i16);
                        self.sums(1, x, &q.collect::<Vec<_>>())
                    }
                };
                for k in 0..n {
                    let (h, n) = (i64::from(self.h[k]), tanh(candidate[k]));
                    self.h[k] = (n + ((z[k] * (h - n) + (1 << 14)) >> 15)) as i16;
                }
            }
        }
    }
}

/// A network and its reference, on the same random weights.
fn check(plan: Plan, seed: u64, steps: usize) {
    let mut random = SplitMix64::new(seed);
    let mut words: Vec<i32> = (0..plan.scales()).map(|_| 128f32.to_bits() as i32).collect();
    let mut cells = Vec::new();
    for (i, layer) in plan.layers.iter(plan.inputs).enumerate() {
        let blocks = plan.blocks(i).into_iter().filter(|block| block.rows > 0);
        let values: Vec<Values> =
            blocks.map(|block| Values::random(block, plan.format.width, &mut random)).collect();
        values.iter().for_each(|values| words.extend(values.pack(plan.format)));
        let (h, c) = (vec![0; layer.hidden], vec![0; layer.hidden]);
        cells.push(Cell { layer, first: i == 0, values, h, c });
    }
    let [block, ..] = plan.blocks(plan.layers.count());
    let readout = Values::random(block, plan.format.width, &mut random);
    words.extend(readout.pack(plan.format));

    let network = IntegerNetwork::new(plan, &words).expect("the plan counts the words");
    let mut memory = vec![0; plan.memory()];
    let mut o = vec![0; plan.inputs];
    for step in 0..steps {
        let symbol = random.below(plan.inputs) as u16;
        let mut x: Vec<i16> = if plan.symbols {
            let hot = |i| if i == usize::from(symbol) { 128 } else { 0 };
            (0..plan.inputs).map(hot).collect()
        } else {
            (0..plan.inputs).map(|_| (random.next_u64() as i16).max(-32767)).collect()
        };
        let input = if plan.symbols { Inputs::Symbol(symbol) } else { Inputs::Values(&x) };
        network.step(input, &mut memory);
        network.read(&mut memory, &mut o);
        for cell in &mut cells {
            cell.step(&x);
            x = cell.h.clone();
        }
        assert_eq!(network.h(&memory), x, "{plan:?}, step {step}");
        let expected = readout.multiply(&[], &even(&x));
        assert!(o.iter().map(|&o| i64::from(o)).eq(expected), "{plan:?}, step {step}");
    }
}

fn each_format(mut test: impl FnMut(Format)) {
    for layout in LAYOUTS {
        for width in WIDTHS {
            test(Format { width, layout });
        }
    }
}

const KINDS: [Kind; 5] = [
    Kind::Elman(Activation::Sigmoid),
    Kind::Elman(Activation::Tanh),
    Kind::Gru(Reset::After),
    Kind::Gru(Reset::Before),
    Kind::Lstm,
];

#[test]
fn all_sizes() {
    for hidden in (1..40).chain([63, 64, 65, 127, 128, 130]) {
        for (k, kind) in KINDS.into_iter().enumerate() {
            each_format(|format| {
                let layers = Layers::one(kind, hidden);
                let plan = Plan { inputs: 1 + hidden % 3, symbols: false, layers, format };
                check(plan, (10 * hidden + k) as u64, 4);
            });
        }
    }
}

#[test]
fn symbols_are_columns() {
    for kind in KINDS {
        each_format(|format| {
            let layers = Layers::one(kind, 13);
            check(Plan { inputs: 29, symbols: true, layers, format }, 3, 50);
        });
    }
}

#[test]
fn stacks() {
    for lower in KINDS {
        for upper in KINDS {
            each_format(|format| {
                let layers = Layers::one(lower, 7).with(upper, 12).expect("two layers fit");
                let layers = layers.with(lower, 5).expect("three layers fit");
                check(Plan { inputs: 3, symbols: false, layers, format }, 4, 30);
            });
        }
    }
}
