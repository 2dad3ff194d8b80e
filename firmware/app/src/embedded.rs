//! The model that this image carries, its shape checked when it is compiled.

use rnn_core::model_file::{Error, ModelFile};

/// The model file, as it was named to the build; a damaged one ends the build here.
pub const FILE: ModelFile<'static> = match ModelFile::parse(include_bytes!(env!(
    "RNN_MODEL",
    "set RNN_MODEL to the absolute path of a model file; `rnn train` writes one"
))) {
    Ok(file) => file,
    Err(_) => panic!("RNN_MODEL names a file that is no model, or a damaged one"),
};

/// Channels in a sample and in a prediction.
pub const CHANNELS: usize = FILE.header.inputs;
/// Hidden units.
pub const HIDDEN: usize = FILE.header.layers.hidden();
/// Samples per window; 0 when the state is carried for ever.
pub const WINDOW: usize = FILE.header.window;

/// The model with weights of floating-point numbers, its cells of this type and with this value.
#[allow(unused_macros)] // A model has one kind of numbers.
macro_rules! float_model {
    ($cell:ty, $value:expr) => {
        #[allow(unused_imports)] // Which cells there are depends on the model.
        use rnn_core::{
            cell::Stack,
            elman::Elman,
            gru::{Gru, ResetAfter, ResetBefore},
            lstm::Lstm,
        };

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

/// The model with weights of integers.
#[allow(unused_macros)]
macro_rules! integer_model {
    () => {
        use rnn_core::quant::{self, IntegerNetwork, Plan};
        use rnn_core::scaling::Channel;

        const PLAN: Plan = match FILE.header.plan() {
            Some(plan) => plan,
            None => panic!("the model file isn't what the build script read"),
        };

        /// The network, in flash.
        static WORDS: [i32; PLAN.words()] = of_the_file(FILE.integer_words());

        /// The scales of its channels, in flash.
        static SCALES: [Channel; CHANNELS] = of_the_file(FILE.channels());

        /// The network's type.
        pub enum Network {}

        impl quant::Embedded for Network {
            const NETWORK: IntegerNetwork<'static> = match IntegerNetwork::new(PLAN, &WORDS) {
                Some(network) => network,
                None => panic!("the words are as many as the plan says"),
            };
        }

        /// The model with its state.
        pub type Predictor = quant::Predictor<Network, CHANNELS, { PLAN.memory() }, WINDOW>;

        const START: Predictor = Predictor::new(&SCALES, of_the_file(FILE.mode()));

        /// The model with its state at rest.
        pub fn predictor() -> Predictor {
            START
        }

        /// Of the file's self-test samples those whose predictions have other bits.
        pub fn self_test() -> usize {
            START.self_test(&FILE)
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/model.rs"));

/// What was read; the build ends here when it can't be.
const fn of_the_file<T: Copy>(read: Result<T, Error>) -> T {
    match read {
        Ok(value) => value,
        Err(_) => panic!("the model file isn't what the build script read"),
    }
}
