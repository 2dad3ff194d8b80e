//! Training, validation and test part: by rows, in the order of time.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A part of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What the weights and scalers are fitted on.
    Train,
    /// What choices are made on.
    Validation,
    /// What is reported.
    Test,
    /// The whole series.
    All,
}

/// The rows of each part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The first 70 % of the rows.
    pub train: Range<usize>,
    /// The next 15 %.
    pub validation: Range<usize>,
    /// The rest.
    pub test: Range<usize>,
}

impl Split {
    /// Splits `rows` rows: floor(0.70 rows) for training, floor(0.15 rows) for validation, the
    /// rest for the test. The products are double precision's, as in the published tables
    /// (0.7 * 2820 is 1973.99...), so the training part is sometimes one row short of 70 %.
    ///
    /// ```
    /// # use rnn_train_host::data::Split;
    /// assert_eq!(Split::of(1000).test, 850..1000);
    /// ```
    pub fn of(rows: usize) -> Self {
        let train = (0.70 * rows as f64) as usize;
        let validation = train + (0.15 * rows as f64) as usize;
        Self { train: 0..train, validation: train..validation, test: validation..rows }
    }

    /// The rows of a part.
    pub fn part(&self, part: Part) -> Range<usize> {
        match part {
            Part::Train => self.train.clone(),
            Part::Validation => self.validation.clone(),
            Part::Test => self.test.clone(),
            Part::All => 0..self.test.end,
        }
    }
}
