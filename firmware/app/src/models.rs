//! The kinds of models that an image can carry. Each macro defines, in `embedded.rs`:
//!
//! - `CHANNELS` and `OUTPUTS`, the numbers of a sample and of a prediction. A forecaster takes a sample
//!   and predicts the next one. A model of text takes a symbol's index, a temperature and a random
//!   number, and predicts the next symbol; see [`rnn_core::text::choose`];
//! - `Predictor`, with its `step`, and `predictor()`, one with its state at rest;
//! - `Stream`, a predictor behind its watch, with `start` and `take`;
//! - `self_test()`: how many of the file's self-test samples give other bits than they should.
#![allow(unused_macros, unused_imports)] // An image has one kind of model.

/// What all forecasters have.
macro_rules! forecaster {
    () => {
        /// Channels of a sample and of a prediction.
        pub const CHANNELS: usize = FILE.header.inputs;
        /// Numbers of a prediction.
        pub const OUTPUTS: usize = CHANNELS;

        /// What is watched for, in flash.
        static WATCH: rnn_core::watch::Watch<CHANNELS> = of_the_file(FILE.watch());

        /// The model in the middle of a stream that is watched.
        pub struct Stream {
            predictor: Predictor,
            watcher: rnn_core::watch::Watcher<'static, CHANNELS>,
        }

        impl Stream {
            /// Before the first sample.
            pub fn start() -> Self {
                Stream { predictor: predictor(), watcher: rnn_core::watch::Watcher::new(&WATCH) }
            }

            /// Judges a sample, `elapsed` periods after the last call, and makes a step on what is
            /// admitted of it; the verdict, the numbers of the faults, and the prediction.
            pub fn take(
                &mut self,
                sample: Option<&[f32; CHANNELS]>,
                elapsed: f32,
            ) -> (Verdict, [u8; OUTPUTS], [f32; OUTPUTS]) {
                let Stream { predictor, watcher } = self;
                let verdict = watcher.judge(sample, elapsed);
                if verdict.restart {
                    predictor.restart();
                }
                if verdict.step {
                    watcher.expect(crate::step(predictor, watcher.admitted()));
                }
                let faults = watcher.faults().map(|fault| fault.map_or(0, |fault| fault as u8));
                (verdict, faults, *watcher.expected())
            }
        }
    };
}

/// What all models of text have, around a writer of type `$writer` whose start is `$start`.
macro_rules! writer {
    ($writer:ty, $start:expr) => {
        /// A symbol's index, the temperature, a random number in [0, 1).
        pub const CHANNELS: usize = 3;
        /// The next symbol's index.
        pub const OUTPUTS: usize = 1;
        /// Symbols.
        const SYMBOLS: usize = FILE.header.inputs;

        /// The model with its state.
        pub struct Predictor($writer);

        impl Predictor {
            /// Reads a symbol, chooses the next one.
            #[inline(always)]
            pub fn step(&mut self, sample: &[f32; CHANNELS]) -> [f32; OUTPUTS] {
                let &[symbol, temperature, random] = sample;
                let symbol = symbol as u16;
                let known = if usize::from(symbol) < SYMBOLS { symbol } else { text::UNKNOWN };
                [f32::from(self.0.step(known, temperature, random))]
            }
        }

        /// The model with its state at rest.
        pub fn predictor() -> Predictor {
            Predictor($start)
        }

        /// The model in the middle of a text, in which anything may come.
        pub struct Stream(Predictor);

        impl Stream {
            /// Before the first symbol.
            pub fn start() -> Self {
                Stream(predictor())
            }

            /// Reads a symbol; where none came, an unknown one.
            pub fn take(
                &mut self,
                sample: Option<&[f32; CHANNELS]>,
                _: f32,
            ) -> (Verdict, [u8; OUTPUTS], [f32; OUTPUTS]) {
                let Stream(predictor) = self;
                let unknown = [f32::MAX, 0.0, 0.0];
                (Verdict::FITS, [0; OUTPUTS], crate::step(predictor, sample.unwrap_or(&unknown)))
            }
        }

        /// Of the file's self-test samples those whose outputs have other bits.
        pub fn self_test() -> usize {
            let Predictor(mut writer) = predictor();
            let differs = |(symbol, expected): (f32, f32)| {
                writer.step(symbol as u16, 0.0, 0.0);
                let output = writer.output().get(symbol as usize).copied().unwrap_or(f32::NAN);
                output.to_bits() != expected.to_bits()
            };
            FILE.self_tests().map(differs).filter(|differs| *differs).count()
        }
    };
}

/// Floating-point numbers: the types that build scripts name.
macro_rules! float_cells {
    () => {
        #[allow(unused_imports)] // Which cells there are depends on the model.
        use rnn_core::{
            cell::Stack,
            elman::Elman,
            gru::{Gru, ResetAfter, ResetBefore},
            lstm::Lstm,
            network::Network,
            text,
        };
    };
}

/// A forecaster whose cells are of this type and have this value.
macro_rules! float_forecaster {
    ($cell:ty, $value:expr) => {
        float_cells!();
        forecaster!();

        /// The network and its scaling, in flash.
        static MODEL: rnn_core::forecast::Forecaster<$cell, CHANNELS, HIDDEN> =
            of_the_file(FILE.forecaster($value));

        /// The model with its state.
        pub type Predictor = rnn_core::stream::Predictor<'static, $cell, CHANNELS, HIDDEN, WINDOW>;

        /// The model with its state at rest.
        pub fn predictor() -> Predictor {
            Predictor::new(&MODEL)
        }

        /// Of the file's self-test samples those whose predictions have other bits.
        pub fn self_test() -> usize {
            MODEL.self_test::<WINDOW>(&FILE)
        }
    };
}

/// A model of text, the same.
macro_rules! float_text {
    ($cell:ty, $value:expr) => {
        float_cells!();
        writer!(
            rnn_core::stream::Writer<'static, $cell, SYMBOLS, HIDDEN>,
            rnn_core::stream::Writer::new(&NETWORK)
        );

        /// The network, in flash.
        static NETWORK: Network<f32, $cell, SYMBOLS, HIDDEN, SYMBOLS> =
            of_the_file(FILE.network($value));
    };
}

/// A network of integers.
macro_rules! integers {
    () => {
        use rnn_core::quant::{self, IntegerNetwork, Plan};

        const PLAN: Plan = match FILE.header.plan() {
            Some(plan) => plan,
            None => panic!("the model file isn't what the build script read"),
        };

        /// The network, in flash.
        static WORDS: [i32; PLAN.words()] = of_the_file(FILE.integer_words());

        /// The network's type.
        pub enum Integers {}

        impl quant::Embedded for Integers {
            const NETWORK: IntegerNetwork<'static> = match IntegerNetwork::new(PLAN, &WORDS) {
                Some(network) => network,
                None => panic!("the words are as many as the plan says"),
            };
        }
    };
}

/// A forecaster of integers.
macro_rules! integer_forecaster {
    () => {
        integers!();
        forecaster!();

        /// The scales of its channels, in flash.
        static SCALES: [rnn_core::scaling::Channel; CHANNELS] = of_the_file(FILE.channels());

        /// The model with its state.
        pub type Predictor = quant::Predictor<Integers, CHANNELS, { PLAN.memory() }, WINDOW>;

        /// The model with its state at rest.
        pub fn predictor() -> Predictor {
            Predictor::new(&SCALES, const { of_the_file(FILE.mode()) })
        }

        /// Of the file's self-test samples those whose predictions have other bits.
        pub fn self_test() -> usize {
            predictor().self_test(&FILE)
        }
    };
}

/// A model of text of integers.
macro_rules! integer_text {
    () => {
        integers!();
        use rnn_core::text;
        writer!(
            quant::Writer<Integers, SYMBOLS, { PLAN.memory() }>,
            quant::Writer::new()
        );
    };
}

pub(crate) use {
    float_cells, float_forecaster, float_text, forecaster, integer_forecaster, integer_text,
    integers, writer,
};
