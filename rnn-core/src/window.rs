//! A series cut into windows with the next value as label.
//!
//! A series is stored sample after sample, F features each, so a window of T samples is simply a
//! piece of it: a column-major F x T matrix, and no value is copied.
//!
//! T counts the inputs. n points have n - T windows, because the last one must leave a point for its
//! label: 700 points and T = 20 give 680, 699 give 679. (A text that speaks of windows of "length 10"
//! and means nine inputs and their label counts T = 9.)

/// The windows of a series.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a, T> {
    series: &'a [T],
    features: usize,
    length: usize,
}

impl<'a, T> Windows<'a, T> {
    /// Windows of `length` samples over `series`, `features` values per sample. An incomplete last
    /// sample is not used; `features` or `length` of 0 give no windows.
    pub const fn new(series: &'a [T], features: usize, length: usize) -> Self {
        Windows { series, features, length }
    }

    /// n - T, or 0 when the series is too short for a single label.
    pub const fn len(&self) -> usize {
        if self.features == 0 || self.length == 0 {
            return 0;
        }
        (self.series.len() / self.features).saturating_sub(self.length)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Window `i`: its F x T inputs and the F values that follow.
    pub fn get(&self, i: usize) -> Option<(&'a [T], &'a [T])> {
        if i >= self.len() {
            return None;
        }
        let rest = self.series.get(i * self.features..)?;
        let (inputs, rest) = rest.split_at_checked(self.features * self.length)?;
        Some((inputs, rest.get(..self.features)?))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a [T], &'a [T])> + use<'a, '_, T> {
        (0..self.len()).map(|i| self.get(i).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_the_course() {
        let stock = [0.0f32; 700];
        assert_eq!(Windows::new(&stock, 1, 20).len(), 680);
        assert_eq!(Windows::new(&stock[..699], 1, 20).len(), 679);
        let stock_and_gold = [0.0f32; 1400];
        let windows = Windows::new(&stock_and_gold, 2, 20);
        assert_eq!(windows.len(), 680);
        assert!(windows.iter().all(|(x, label)| (x.len(), label.len()) == (2 * 20, 2)));
    }

    #[test]
    fn labels_are_the_next_sample() {
        // Two features, t and 100 + t.
        let series: [f32; 20] = core::array::from_fn(|i| (i / 2 + 100 * (i % 2)) as f32);
        let windows = Windows::new(&series, 2, 3);
        assert_eq!(windows.len(), 7);
        assert_eq!(windows.get(0), Some((&series[..6], &[3.0, 103.0][..])));
        assert_eq!(windows.get(6), Some((&series[12..18], &[9.0, 109.0][..])));
        assert_eq!(windows.get(7), None);
    }

    #[test]
    fn too_short_a_series_has_none() {
        let series = [1.0f32; 4];
        assert!(Windows::new(&series, 1, 4).is_empty());
        assert!(Windows::new(&series, 1, 9).is_empty());
        assert!(Windows::new(&series, 0, 2).is_empty());
        assert!(Windows::new(&series, 1, 0).is_empty());
    }
}
