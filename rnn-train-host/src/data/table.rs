//! The numbers of a log: one row per sample, one channel per feature.

use super::notice::Notice;
use super::time::TimeColumn;

/// The chosen columns of a log, as read: a missing value is NaN, and which NaN says why; see [`as_sent`].
///
/// [`as_sent`]: super::as_sent
#[derive(Debug, Clone)]
pub struct Table {
    /// The features' names, in the order in which they were asked for.
    pub channels: Vec<String>,
    /// The index of the target among the channels.
    pub target: usize,
    /// The time column, where there is one.
    pub time: Option<TimeColumn>,
    /// What was repaired or is odd.
    pub notices: Vec<Notice>,
    pub(super) values: Vec<f32>,
}

impl Table {
    /// All samples, n rows x channels; NaN = missing.
    pub fn rows(&self) -> Rows<'_> {
        Rows::new(&self.values, self.channels.len())
    }

    /// Keeps the first rows alone. What was counted while they were read stays as it is.
    pub fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows * self.channels.len());
        if let Some(time) = &mut self.time {
            time.times.truncate(rows);
        }
    }

    /// Carries the last value of each channel forward over missing ones. What is missing before
    /// a channel's first value stays NaN.
    pub fn forward_fill(&self) -> Filled {
        let channels = self.channels.len();
        let mut values = self.values.clone();
        let mut carried = 0;
        for i in channels..values.len() {
            let previous = values[i - channels];
            if values[i].is_nan() && !previous.is_nan() {
                values[i] = previous;
                carried += 1;
            }
        }
        Filled { channels, values, carried }
    }
}

/// Samples whose missing values have been carried forward: what a predictor gets to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// How many values were carried forward.
    pub carried: usize,
    channels: usize,
    values: Vec<f32>,
}

impl Filled {
    /// All samples, n rows x channels; NaN only before a channel's first value.
    pub fn rows(&self) -> Rows<'_> {
        Rows::new(&self.values, self.channels)
    }
}

/// A view of samples in time order, row-major: n rows x channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rows<'a> {
    values: &'a [f32],
    channels: usize,
}

impl<'a> Rows<'a> {
    /// `values` holds row after row of `channels` values each.
    ///
    /// # Panics
    /// If `channels` is 0 or doesn't divide the length.
    pub fn new(values: &'a [f32], channels: usize) -> Self {
        assert!(
            channels > 0 && values.len().is_multiple_of(channels),
            "{} values don't make rows of {channels}",
            values.len()
        );
        Self { values, channels }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.channels
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number of values in a row.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Row `t`.
    ///
    /// # Panics
    /// If `t` is not below `len()`.
    pub fn row(&self, t: usize) -> &'a [f32] {
        &self.values[t * self.channels..][..self.channels]
    }

    /// The value of channel `c` in row `t`.
    ///
    /// # Panics
    /// If `t` is not below `len()` or `c` not below `channels()`.
    pub fn get(&self, t: usize, c: usize) -> f32 {
        self.row(t)[c]
    }

    /// The rows before row `t`.
    ///
    /// # Panics
    /// If `t` is above `len()`.
    pub fn before(&self, t: usize) -> Rows<'a> {
        Rows { values: &self.values[..t * self.channels], channels: self.channels }
    }

    /// The values of channel `c` in time order.
    pub fn channel(&self, c: usize) -> impl ExactSizeIterator<Item = f32> + Clone + 'a {
        self.values.chunks_exact(self.channels).map(move |row| row[c])
    }
}
