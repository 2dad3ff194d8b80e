//! Losses and their gradients over the columns of a batch. Sums over numbers are taken in 16
//! interleaved partial sums, folded by halves, as in a readout of one output.

use super::Training;
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
        let mut sum = 0.0;
        let work = CrossEntropies { o, outputs, labels, scale, sum: &mut sum };
        <Self as Arithmetic<f32>>::wide(work);
        sum
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

struct CrossEntropies<'a> {
    o: &'a mut [f32],
    outputs: usize,
    labels: &'a [u16],
    scale: f32,
    sum: &'a mut f32,
}

impl Elementwise for CrossEntropies<'_> {
    #[inline(always)]
    fn run(self) {
        let CrossEntropies { o, outputs, labels, scale, sum } = self;
        for (o, &label) in o.chunks_exact_mut(outputs.max(1)).zip(labels) {
            let Some(&of_label) = o.get(usize::from(label)) else {
                o.fill(0.0);
                continue;
            };
            let (max, total) = exponentials(o);
            *sum += ln(total) + (max - of_label);
            let share = scale / total;
            o.iter_mut().for_each(|o| *o *= share);
            o[usize::from(label)] -= scale;
        }
    }
}

/// o becomes e^(o - max); returns max and the sum.
#[inline(always)]
fn exponentials(o: &mut [f32]) -> (f32, f32) {
    let (whole, rest) = o.as_chunks_mut::<PARTIALS>();
    // What is missing in the last chunk is -infinity, and doesn't join the sum.
    let mut last = [f32::NEG_INFINITY; PARTIALS];
    last[..rest.len()].copy_from_slice(rest);
    let mut max = last;
    for o in whole.iter() {
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
