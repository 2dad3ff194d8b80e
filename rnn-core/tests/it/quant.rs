//! The integer cells against the naive reference: every cell, format and layout, sizes and extreme
//! values.

use crate::reference::integers::{Cell, Values, even};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::quant::block::{Block, Format, Layout, Width};
use rnn_core::quant::{BlockValues, Inputs, IntegerNetwork, Plan, Planned, pack};
use rnn_core::random::SplitMix64;

const LAYOUTS: [Layout; 3] = [Layout::Rows, Layout::Pairs, Layout::Panels];
const WIDTHS: [Width; 2] = [Width::Eight, Width::Sixteen];

/// Random weights, now and then at their ends, no row beyond what 32 bits hold.
fn random_values(block: Block, width: Width, random: &mut SplitMix64) -> Values {
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

fn packed(values: &Values, format: Format) -> Vec<i32> {
    let Values { block, bias, multipliers, wide, narrow } = values;
    let mut words = vec![0; block.words(format).iter().sum()];
    assert!(pack(*block, format, BlockValues { bias, multipliers, wide, narrow }, &mut words));
    words
}

/// A network and its reference, on the same random weights.
fn check(plan: Plan, seed: u64, steps: usize) {
    check_by(plan, seed, steps, |words| IntegerNetwork::new(plan, words));
}

/// The same for the network that `of` makes of its words.
fn check_by<P: Planned>(
    plan: Plan,
    seed: u64,
    steps: usize,
    of: impl FnOnce(&[i32]) -> Option<IntegerNetwork<'_, P>>,
) {
    let mut random = SplitMix64::new(seed);
    let mut words: Vec<i32> = (0..plan.scales()).map(|_| 128f32.to_bits() as i32).collect();
    let mut cells = Vec::new();
    for (i, layer) in plan.layers.iter(plan.inputs).enumerate() {
        let blocks = plan.blocks(i).into_iter().filter(|block| block.rows > 0);
        let values: Vec<Values> =
            blocks.map(|block| random_values(block, plan.format.width, &mut random)).collect();
        values.iter().for_each(|values| words.extend(packed(values, plan.format)));
        let (h, c) = (vec![0; layer.hidden], vec![0; layer.hidden]);
        cells.push(Cell { layer, first: i == 0, values, h, c });
    }
    let [block, ..] = plan.blocks(plan.layers.count());
    let readout = random_values(block, plan.format.width, &mut random);
    words.extend(packed(&readout, plan.format));

    let network = of(&words).expect("the plan counts the words");
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

/// A plan as a type.
#[derive(Clone, Copy)]
struct OfGrus<const LAYOUT: usize>;

impl<const LAYOUT: usize> Planned for OfGrus<LAYOUT> {
    fn plan(&self) -> &Plan {
        const {
            let layers = Layers::one(Kind::Gru(Reset::After), 37);
            let format = Format { width: Width::Eight, layout: LAYOUTS[LAYOUT] };
            &Plan { inputs: 2, symbols: false, layers, format }
        }
    }
}

#[test]
fn a_plan_may_be_a_type() {
    fn check<P: Planned>(planned: P) {
        check_by(*planned.plan(), 1, 20, |words| IntegerNetwork::of(planned, words));
    }
    check(OfGrus::<0>);
    check(OfGrus::<1>);
    check(OfGrus::<2>);
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
