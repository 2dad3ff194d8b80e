//! Rows of weights as integers.

use anyhow::{Result, ensure};
use rnn_core::quant::block::{Block, Width};
use rnn_core::quant::{BlockValues, Plan, pack};

/// The weights of a block, column-major as the cells have them.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a> {
    /// N x I.
    pub(super) x: &'a [f32],
    /// N x H.
    pub(super) h: &'a [f32],
    /// N values, or empty for zeros.
    pub(super) b: &'a [f32],
    /// What each row's sums are multiplied by in front of tanh.
    pub(super) factors: Vec<f64>,
}

/// The columns of row i, filled up to an even number.
fn row(column_major: &[f32], rows: usize, i: usize) -> Vec<f64> {
    let mut row: Vec<f64> =
        column_major.iter().skip(i).step_by(rows).map(|&w| f64::from(w)).collect();
    row.resize(row.len().next_multiple_of(2), 0.0);
    row
}

fn largest(weights: &[f64]) -> f64 {
    weights.iter().fold(0.0, |most, w| most.max(w.abs()))
}

fn sum(weights: &[f64]) -> f64 {
    weights.iter().map(|w| w.abs()).sum()
}

/// The unit of the sums with which narrow weights fit into their width, and their sums into 32 bits.
pub(super) fn unit_of_narrow(width: Width, narrow: &[f64]) -> f64 {
    let state = 32768.0;
    (largest(narrow) / f64::from(width.limit()) / state).max(sum(narrow) / 2f64.powi(31))
}

impl Rows<'_> {
    /// Row i of the inputs' weights, and of the state's.
    pub(super) fn row(&self, i: usize) -> [Vec<f64>; 2] {
        [self.x, self.h].map(|w| row(w, self.factors.len(), i))
    }
}

/// The words of a block. `scales`: of the inputs, where the block reads them; their sums count bits
/// behind the point.
pub(super) fn integers(
    plan: &Plan,
    block: Block,
    rows: &Rows<'_>,
    scales: Option<&[f32]>,
    bits: u32,
) -> Result<Vec<i32>> {
    let width = plan.format.width;
    let one = scales.filter(|_| plan.symbols).and_then(|scales| scales.first());
    let (mut bias, mut multipliers, mut wide, mut narrow) = (vec![], vec![], vec![], vec![]);
    for (i, &factor) in rows.factors.iter().enumerate() {
        let [mut x, h] = rows.row(i);
        let state = match scales {
            Some(scales) => {
                let scales = scales.iter().cycle();
                x.iter_mut().zip(scales).for_each(|(w, &scale)| *w /= f64::from(scale));
                h
            }
            // Another cell's state is like one's own.
            None => std::mem::take(&mut x).into_iter().chain(h).collect(),
        };
        let b = f64::from(rows.b.get(i).copied().unwrap_or(0.0));
        // What inputs and state can come to, and by how much rounded weights can exceed it.
        let (inputs, columns) = match one {
            Some(&one) => (f64::from(one) * largest(&x), 1 + state.len()),
            None => (32768.0 * sum(&x), x.len() + state.len()),
        };
        let room = 2f64.powi(31) - 16384.0 * (columns as f64 + 1.0);
        let per_unit = factor * 2f64.powi(bits as i32 + 32);
        let unit = unit_of_narrow(width, &state)
            .max(largest(&x) / 32767.0)
            .max((b.abs() + inputs + sum(&state)) / room)
            // A multiplier of 15 bits at least, so that rounding it costs nothing.
            .max(16384.0 / per_unit);
        let multiplier = (unit * per_unit).round();
        ensure!(
            multiplier <= f64::from(i32::MAX),
            "row {} has a weight of {:.1}, which is beyond what {width} holds; train with more weight decay",
            i + 1,
            largest(&state).max(largest(&x))
        );
        bias.push((b / unit).round() as i32);
        multipliers.push(multiplier as i32);
        wide.extend(x.iter().map(|w| (w / unit).round() as i16));
        narrow.extend(state.iter().map(|w| (w / unit / 32768.0).round() as i16));
    }
    let mut words = vec![0; block.words(plan.format).iter().sum()];
    let values =
        BlockValues { bias: &bias, multipliers: &multipliers, wide: &wide, narrow: &narrow };
    ensure!(pack(block, plan.format, values, &mut words), "the weights don't fit into their block");
    Ok(words)
}
