//! Losses and their gradients over the columns of a batch. Sums over numbers are taken in 16
//! interleaved partial sums, folded by halves, as in a readout of one output.

#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Form, Training, portable};
use crate::activation::approx::{exp, ln};
use crate::kernel::{Arithmetic, Elementwise, PARTIALS, fold};

impl Training {
    /// Sum of (y - target)^2 over the targets that aren't NaN; `y` becomes `scale` (y - target), 0 at
    /// the others.
    pub fn squared_errors(y: &mut [f32], targets: &[f32], scale: f32) -> f32 {
        let mut sum = 0.0;
        <Self as Arithmetic<f32>>::wide(SquaredErrors { y, targets, scale, sum: &mut sum });
        sum
    }

    /// Sum of -ln softmax(o)_label over the columns of `o` (`outputs` x n) whose label is below
    /// `outputs`; `o` becomes `scale` (softmax(o) - 1 at the label), 0 in the other columns.
    pub fn cross_entropies(o: &mut [f32], outputs: usize, labels: &[u16], scale: f32) -> f32 {
        chosen!(cross_entropies(o, outputs, labels, scale))
    }
}

struct SquaredErrors<'a> {
    y: &'a mut [f32],
    targets: &'a [f32],
    scale: f32,
    sum: &'a mut f32,
}

impl Elementwise for SquaredErrors<'_> {
    #[inline(always)]
    fn run(self) {
        let mut partial = [0.0; PARTIALS];
        let scale = self.scale;
        for (y, targets) in self.y.chunks_mut(PARTIALS).zip(self.targets.chunks(PARTIALS)) {
            for ((y, &target), partial) in y.iter_mut().zip(targets).zip(&mut partial) {
                let error = if target.is_nan() { 0.0 } else { *y - target };
                *partial += error * error;
                *y = scale * error;
            }
        }
        *self.sum = fold(partial);
    }
}

/// Columns whose softmax is taken together.
pub(super) const COLUMNS: usize = 16;

/// See [`Training::cross_entropies`]; `softmax` is [`softmax`] or has its bits.
#[inline(always)]
pub(super) fn cross_entropies(
    o: &mut [f32],
    outputs: usize,
    labels: &[u16],
    scale: f32,
    softmax: impl Fn(&mut [f32], usize, f32) -> [(f32, f32); COLUMNS],
) -> f32 {
    let (outputs, mut sum) = (outputs.max(1), 0.0);
    for (o, labels) in o.chunks_mut(COLUMNS * outputs).zip(labels.chunks(COLUMNS)) {
        let columns = labels.len().min(o.len() / outputs);
        let o = &mut o[..columns * outputs];
        let mut of_labels = [None; COLUMNS];
        for ((to, o), &label) in of_labels.iter_mut().zip(o.chunks_exact(outputs)).zip(labels) {
            *to = o.get(usize::from(label)).copied();
        }
        let results = softmax(o, outputs, scale);
        for (c, o) in o.chunks_exact_mut(outputs).enumerate() {
            let Some(of_label) = of_labels[c] else {
                o.fill(0.0);
                continue;
            };
            let (max, total) = results[c];
            sum += ln(total) + (max - of_label);
            o[usize::from(labels[c])] -= scale;
        }
    }
    sum
}

/// Each column of `o` becomes `scale` softmax(o); returns for each the greatest o and the sum of all
/// e^(o - greatest).
#[inline(always)]
pub(super) fn softmax(o: &mut [f32], outputs: usize, scale: f32) -> [(f32, f32); COLUMNS] {
    let mut results = [(0.0, 0.0); COLUMNS];
    for (result, o) in results.iter_mut().zip(o.chunks_exact_mut(outputs)) {
        *result = exponentials(o);
        let share = scale / result.1;
        o.iter_mut().for_each(|o| *o *= share);
    }
    results
}

/// o becomes e^(o - max); returns max and the sum.
#[inline(always)]
fn exponentials(o: &mut [f32]) -> (f32, f32) {
    let (whole, rest) = o.as_chunks_mut::<PARTIALS>();
    // What is missing in the last chunk is -infinity, and doesn't join the sum.
    let mut last = [f32::NEG_INFINITY; PARTIALS];
    last[..rest.len()].copy_from_slice(rest);
    let mut max = [f32::NEG_INFINITY; PARTIALS];
    for o in whole.iter().chain([&last]) {
        for (max, &o) in max.iter_mut().zip(o) {
            *max = if o > *max { o } else { *max };
        }
    }
    let max = max.into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    let mut partial = [0.0; PARTIALS];
    for o in whole.iter_mut() {
        for (o, partial) in o.iter_mut().zip(&mut partial) {
            *o = exp(*o - max);
            *partial += *o;
        }
    }
    last.iter_mut().for_each(|o| *o = exp(*o - max));
    rest.copy_from_slice(&last[..rest.len()]);
    partial.iter_mut().zip(rest).for_each(|(partial, o)| *partial += *o);
    (max, fold(partial))
}
