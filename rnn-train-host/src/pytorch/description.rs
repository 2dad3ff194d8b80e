//! What a model file says beside the weights, as options of the import and as the metadata of a file
//! that an export wrote.

use anyhow::{Context, Result, bail, ensure};
use rnn_core::activation::Activation;
use rnn_core::model_file::{Task, Unit};
use rnn_core::scaling::{Channel, Mode};
use serde::{Deserialize, Serialize};

/// The key in the metadata of a safetensors file; its value is a [`Description`] as JSON.
pub const KEY: &str = "rnn";

/// What is known of a model; `None` is what isn't said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What the model is for.
    pub task: Option<TaskName>,
    /// Raw, residual or difference.
    pub mode: Option<ModeName>,
    /// The name of the channel that is scored.
    pub target: Option<String>,
    /// The channels' names, or the symbols.
    pub names: Option<Vec<String>>,
    /// The channels' scales.
    pub scales: Option<Vec<Scale>>,
    /// Steps of a prediction; 0 for a state that is carried.
    pub window: Option<usize>,
    /// Seed of the training.
    pub seed: Option<u64>,
    /// Of an `nn.RNN`.
    pub nonlinearity: Option<Nonlinearity>,
    /// The recurrent modules' names, separated by commas.
    pub recurrent: Option<String>,
    /// The linear module's name.
    pub linear: Option<String>,
    /// Whether both of PyTorch's biases, and its modules' names, are to be kept.
    pub two_biases: Option<bool>,
    /// The samples of the self-test.
    pub samples: Option<Vec<f32>>,
}

impl Description {
    /// This one, and what it doesn't say from another.
    pub fn or(self, other: Description) -> Description {
        Description {
            task: self.task.or(other.task),
            mode: self.mode.or(other.mode),
            target: self.target.or(other.target),
            names: self.names.or(other.names),
            scales: self.scales.or(other.scales),
            window: self.window.or(other.window),
            seed: self.seed.or(other.seed),
            nonlinearity: self.nonlinearity.or(other.nonlinearity),
            recurrent: self.recurrent.or(other.recurrent),
            linear: self.linear.or(other.linear),
            two_biases: self.two_biases.or(other.two_biases),
            samples: self.samples.or(other.samples),
        }
    }

    /// What the model is for, and the names of its `inputs` channels or symbols.
    pub fn task_and_names(&self, inputs: usize) -> Result<(Task, Vec<String>)> {
        let task = self.task.unwrap_or(TaskName::Forecast);
        let what = if task == TaskName::Forecast { "channels" } else { "symbols" };
        let names = match &self.names {
            Some(names) => names.clone(),
            None if task != TaskName::Forecast => {
                bail!("a text model needs its {inputs} symbols; give them with --symbols")
            }
            None => (0..inputs).map(|i| format!("x{i}")).collect(),
        };
        let count = names.len();
        ensure!(count == inputs, "{count} {what} are named, and the network has {inputs}");
        for (i, name) in names.iter().enumerate() {
            ensure!(!names[..i].contains(name), "two {what} have the name {name:?}");
            ensure!(!name.contains('\0'), "the name {name:?} holds a NUL");
        }
        let unit = match task {
            TaskName::Char => Some(Unit::Character),
            TaskName::Word => Some(Unit::Word),
            TaskName::Forecast => None,
        };
        if let Some(unit) = unit {
            let of_series = [
                (self.mode.is_some(), "--mode"),
                (self.target.is_some(), "--target"),
                (self.scales.is_some(), "scales"),
                (self.window.is_some_and(|window| window > 0), "--window"),
            ];
            if let Some((_, given)) = of_series.iter().find(|(given, _)| *given) {
                bail!("a text model has no {given}: that is of a series");
            }
            return Ok((Task::Text(unit), names));
        }
        let target = match &self.target {
            None => 0,
            Some(target) => names.iter().position(|name| name == target).with_context(|| {
                format!("there is no channel '{target}'; there are {}", names.join(", "))
            })?,
        };
        let mode = self.mode.unwrap_or(ModeName::Raw).into();
        Ok((Task::Forecast { mode, target }, names))
    }

    /// The scales of the channels of those names; levels and differences as they are where nothing
    /// is said.
    pub fn channels(&self, mode: Mode, names: &[String]) -> Result<Vec<Channel>> {
        let Some(scales) = &self.scales else {
            return Ok(vec![Channel::IDENTITY; names.len()]);
        };
        let (given, needed) = (scales.len(), names.len());
        ensure!(given == needed, "{given} channel(s) have scales, and the network has {needed}");
        names.iter().zip(scales).map(|(name, scale)| scale.channel(mode, name)).collect()
    }
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TaskName {
    /// Forecasts: a linear output for each channel.
    Forecast,
    /// Text of characters: softmax.
    Char,
    /// Text of words: softmax.
    Word,
}

/// [`Mode`] by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ModeName {
    /// Levels in, next level out.
    Raw,
    /// Levels in, the next level minus this one out.
    Residual,
    /// Differences in, the next difference out.
    Difference,
}

impl From<ModeName> for Mode {
    fn from(mode: ModeName) -> Mode {
        match mode {
            ModeName::Raw => Mode::Raw,
            ModeName::Residual => Mode::Residual,
            ModeName::Difference => Mode::Difference,
        }
    }
}

impl From<Mode> for ModeName {
    fn from(mode: Mode) -> ModeName {
        match mode {
            Mode::Raw => ModeName::Raw,
            Mode::Residual => ModeName::Residual,
            Mode::Difference => ModeName::Difference,
        }
    }
}

/// What an `nn.RNN` squashes with; its weights don't show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Nonlinearity {
    /// PyTorch's default.
    Tanh,
    /// nonlinearity="relu"
    Relu,
}

impl From<Nonlinearity> for Activation {
    fn from(nonlinearity: Nonlinearity) -> Activation {
        match nonlinearity {
            Nonlinearity::Tanh => Activation::Tanh,
            Nonlinearity::Relu => Activation::Relu,
        }
    }
}

/// Mean and standard deviation of a channel's level, as a `StandardScaler` has them in `mean_` and
/// `scale_`, and of its differences from sample to sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Of the level.
    pub mean: f32,
    /// Of the level, above 0.
    pub std: f32,
    /// Of the difference; must be there where the mode has differences.
    pub difference_mean: Option<f32>,
    /// Of the difference, above 0; must be there where the mode has differences.
    pub difference_std: Option<f32>,
}

impl Scale {
    fn channel(&self, mode: Mode, name: &str) -> Result<Channel> {
        let Scale { mean, std, difference_mean, difference_std } = *self;
        ensure!(
            mode == Mode::Raw || difference_mean.is_some() && difference_std.is_some(),
            "channel '{name}' has a scale for its level only, and this mode needs mean and standard deviation of the differences too (0 and 1 for none)"
        );
        let channel = Channel {
            level_mean: mean,
            level_deviation: std,
            difference_mean: difference_mean.unwrap_or(0.0),
            difference_deviation: difference_std.unwrap_or(1.0),
        };
        for (what, value, lowest) in [
            ("mean", channel.level_mean, f32::NEG_INFINITY),
            ("standard deviation", channel.level_deviation, 0.0),
            ("mean of the differences", channel.difference_mean, f32::NEG_INFINITY),
            ("standard deviation of the differences", channel.difference_deviation, 0.0),
        ] {
            let usable = value.is_finite() && value > lowest;
            ensure!(usable, "channel '{name}' has the unusable {what} {value}");
        }
        Ok(channel)
    }
}

impl From<&Channel> for Scale {
    fn from(channel: &Channel) -> Scale {
        Scale {
            mean: channel.level_mean,
            std: channel.level_deviation,
            difference_mean: Some(channel.difference_mean),
            difference_std: Some(channel.difference_deviation),
        }
    }
}
