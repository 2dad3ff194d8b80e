//! The gradient engine: the derivative of the loss it returns, the same bits for any number of
//! threads, columns that don't see each other, states that are carried.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::kernel::Form;
use rnn_core::layers::{Kind, Layers};
use rnn_core::network::Shape;
use rnn_core::optimizer::{Adam, clip_norm};
use rnn_core::random::SplitMix64;
use rnn_train_host::train::gradient::{Engine, Inputs, Loss, NOT_SCORED, Plan, Targets};

const BATCH: usize = 37;
const STEPS: usize = 9;

/// Every cell, a stack with dropout, symbols in and out, labels at the end alone.
fn plans() -> Vec<Plan> {
    let elman = Layers::one(Kind::Elman(Activation::Tanh), 19);
    let gru = Layers::one(Kind::Gru(Reset::After), 17);
    let stack = gru.with(Kind::Lstm, 5).unwrap();
    let plan = |layers, outputs| {
        let shape = Shape { inputs: 3, layers, outputs };
        Plan::new(shape, BATCH, STEPS)
    };
    let text = Plan { inputs: Inputs::Symbols, targets: Targets::Symbols, ..plan(elman, 11) };
    vec![
        plan(elman, 2),
        Plan { scored: 1, ..plan(gru, 1) },
        Plan { scored: 4, ..plan(Layers::one(Kind::Gru(Reset::Before), 16), 3) },
        Plan { dropout: 0.3, ..plan(stack, 3) },
        Plan { carries: true, ..text },
        Plan { truncation: 4, scored: 1, targets: Targets::Symbols, ..plan(stack, 9) },
    ]
}

fn parameters(plan: &Plan) -> Vec<f32> {
    let mut parameters = vec![0.0; plan.shape.parameters()];
    SplitMix64::new(1).fill_uniform(0.4, &mut parameters);
    parameters
}

/// Fills the columns in use; some labels are missing.
fn fill(engine: &mut Engine, seed: u64) {
    let Plan { shape, steps, scored, inputs, targets, .. } = *engine.plan();
    let mut random = SplitMix64::new(seed);
    let mut values = |count: usize| {
        let mut values = vec![0.0f32; count];
        random.fill_uniform(1.0, &mut values);
        values
    };
    for column in 0..engine.columns() {
        let x = values(steps * shape.inputs);
        match inputs {
            Inputs::Values => engine.set_values(column, &x),
            Inputs::Symbols => {
                let symbols: Vec<u16> = x[..steps].iter().map(|x| (x.abs() * 3.0) as u16).collect();
                engine.set_symbols(column, &symbols);
            }
        }
        let mut y = values(scored * shape.outputs);
        match targets {
            Targets::Values => {
                y.iter_mut().for_each(|y| *y = if *y > 0.8 { f32::NAN } else { *y });
                engine.set_targets(column, &y);
            }
            Targets::Symbols => {
                let label = |y: &f32| if *y > 0.8 { NOT_SCORED } else { (y.abs() * 9.0) as u16 };
                let labels: Vec<u16> = y[..scored].iter().map(label).collect();
                engine.set_labels(column, &labels);
            }
        }
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Four updates of every plan, the last ones on smaller batches, as the CRC of all that comes out.
fn trained(threads: usize) -> Vec<u32> {
    let train = |plan: Plan| {
        let mut engine = Engine::new(plan, threads);
        let mut parameters = parameters(&plan);
        let mut adam = Adam::new(vec![0.0; parameters.len()]);
        let mut digest = CRC.digest();
        for (seed, columns) in [(1, BATCH), (2, BATCH), (3, 20), (4, 1)] {
            engine.set_columns(columns);
            fill(&mut engine, seed);
            let loss = engine.run(&parameters, seed);
            assert!(loss.sum > 0.0 && loss.labels > 0, "{loss:?}");
            clip_norm(engine.gradient_mut(), 1.0);
            adam.update(&mut parameters, engine.gradient_mut(), 0.01);
            digest.update(&loss.sum.to_le_bytes());
            bits(&state_of(&engine)).iter().for_each(|bits| digest.update(&bits.to_le_bytes()));
        }
        bits(&parameters).iter().for_each(|bits| digest.update(&bits.to_le_bytes()));
        digest.finalize()
    };
    plans().into_iter().map(train).collect()
}

static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// Elman, GRU of both kinds, a stack with dropout, text, truncation: one result for every form of the
/// kernels that this machine has, any number of threads, debug and release builds.
/// The states that the next batch starts from.
fn state_of(engine: &Engine) -> Vec<f32> {
    let mut state = Vec::new();
    engine.state_to(&mut state);
    state
}

#[test]
fn every_form_and_number_of_threads_gives_the_same_bits() {
    for form in Form::ALL {
        if form.choose_this() {
            for threads in [1, 2, 3] {
                let crcs = trained(threads);
                assert_eq!(crcs, EXPECTED, "{form}, {threads} threads: {crcs:#010x?}");
            }
        }
    }
}

/// One per plan.
const EXPECTED: [u32; 6] =
    [0xbcd8_2bb7, 0x6d62_09c2, 0xf75d_d469, 0xc6bb_80b3, 0x94cb_6727, 0x8d5f_c0b8];

/// Along the gradient the mean loss rises by the square of its norm. 1e-2: the step is small enough
/// for the second derivative and large enough for f32's rounding.
#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    for plan in plans() {
        let plan = Plan { carries: false, truncation: STEPS, ..plan };
        let parameters = parameters(&plan);
        let mut engine = Engine::new(plan, 1);
        fill(&mut engine, 5);
        let loss = engine.run(&parameters, 6);
        let gradient = engine.gradient().to_vec();
        let square: f64 = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
        let step = (1e-3 * loss.mean() / square) as f32;
        let mut at = |sign: f32| {
            let moved: Vec<f32> =
                parameters.iter().zip(&gradient).map(|(p, g)| p + sign * step * g).collect();
            engine.run(&moved, 6).mean()
        };
        let rise = (at(1.0) - at(-1.0)) / (2.0 * f64::from(step));
        assert!((rise / square - 1.0).abs() < 1e-2, "{rise} {square} {plan:?}");
    }
}

/// The first columns alone: the same loss as in the larger batch with the others unscored.
#[test]
fn columns_do_not_see_each_other() {
    let plan = plans()[0];
    let parameters = parameters(&plan);
    let mut few = Engine::new(plan, 1);
    few.set_columns(20);
    fill(&mut few, 7);
    let mut all = Engine::new(plan, 1);
    fill(&mut all, 7);
    (20..BATCH).for_each(|column| all.set_targets(column, &[f32::NAN; 2 * STEPS]));
    let [few_loss, all_loss] = [&mut few, &mut all].map(|engine| engine.run(&parameters, 0));
    assert_eq!(few_loss.labels, all_loss.labels);
    assert!((few_loss.mean() - all_loss.mean()).abs() < 1e-6 * few_loss.mean());
}

/// Errors of steps without a label are neither read nor left from the batch before, where a block of
/// truncated steps starts either.
#[test]
fn a_batch_before_does_not_show() {
    let tanh = Kind::Elman(Activation::Tanh);
    for kind in [tanh, Kind::Gru(Reset::After), Kind::Gru(Reset::Before), Kind::Lstm] {
        for (scored, truncation) in [(1, 3), (1, STEPS), (4, 3)] {
            let shape = Shape { inputs: 3, layers: Layers::one(kind, 17), outputs: 2 };
            let plan = Plan { scored, truncation, ..Plan::new(shape, BATCH, STEPS) };
            let parameters = parameters(&plan);
            let gradient_after = |seeds: &[u64]| {
                let mut engine = Engine::new(plan, 1);
                for &seed in seeds {
                    fill(&mut engine, seed);
                    engine.run(&parameters, 0);
                }
                bits(engine.gradient())
            };
            assert_eq!(gradient_after(&[1, 2]), gradient_after(&[2]), "{plan:?}");
        }
    }
}

#[test]
fn a_carried_state_goes_on_where_it_was() {
    let stack = Layers::one(Kind::Lstm, 6).with(Kind::Elman(Activation::Tanh), 4).unwrap();
    let shape = Shape { inputs: 3, layers: stack, outputs: 3 };
    let plan = Plan { carries: true, ..Plan::new(shape, 20, 4) };
    let parameters = parameters(&plan);
    let run = |engine: &mut Engine, seed| -> Loss {
        fill(engine, seed);
        engine.run(&parameters, 0)
    };
    let mut engine = Engine::new(plan, 2);
    run(&mut engine, 1);
    let state = state_of(&engine);
    assert!(state.iter().all(|number| *number != 0.0));
    let second = run(&mut engine, 2);
    // A resumed training puts the state back.
    let mut resumed = Engine::new(plan, 1);
    resumed.set_state(&state);
    assert_eq!(bits(&state_of(&resumed)), bits(&state));
    assert_eq!(run(&mut resumed, 2), second);
    // From rest it is another loss.
    resumed.rest();
    assert_ne!(run(&mut resumed, 2), second);
}
