//! Columns are set one after the other and read step by step.

use rnn_core::kernel::{Arithmetic, Training};

use crate::aligned::Aligned;

/// T x rows numbers of each of b columns.
#[derive(Debug)]
pub(super) struct Numbers {
    rows: usize,
    steps: usize,
    /// As they were set: spread over the steps one by one they would cost a pass of their own, and the
    /// end of each loop is seldom foreseen.
    columns: Aligned,
    /// T x (rows x b)
    blocks: Aligned,
}

impl Numbers {
    /// Zeros.
    pub(super) fn new(rows: usize, steps: usize, columns: usize) -> Self {
        let zeros = || Aligned::new(rows * steps * columns);
        Numbers { rows, steps, columns: zeros(), blocks: zeros() }
    }

    pub(super) fn set(&mut self, at: usize, column: &[f32]) {
        let length = self.rows * self.steps;
        check(length, &self.columns, column);
        self.columns[at * length..][..length].copy_from_slice(column);
    }

    /// Those of the first b columns, in whatever order.
    pub(super) fn of(&self, columns: usize) -> &[f32] {
        &self.columns[..self.rows * self.steps * columns]
    }

    /// A block of rows x b for each step.
    pub(super) fn blocks(&mut self, columns: usize) -> &[f32] {
        let Numbers { rows, steps, .. } = *self;
        let length = rows * steps;
        if steps == 1 {
            return self.of(columns);
        }
        if rows == 1 {
            let set = &self.columns[..length * columns];
            return <Training as Arithmetic<f32>>::transposed(
                set,
                steps,
                columns,
                &mut self.blocks,
            );
        }
        for at in 0..columns {
            let column = &self.columns[at * length..][..length];
            spread(&mut self.blocks, rows, steps, at, columns, column);
        }
        &self.blocks[..length * columns]
    }
}

/// Sets column `at` of `steps` blocks of rows x columns.
pub(super) fn spread<T: Copy>(
    blocks: &mut [T],
    rows: usize,
    steps: usize,
    at: usize,
    columns: usize,
    column: &[T],
) {
    check(rows * steps, blocks, column);
    // Not block by block: a few numbers each, such copies cost more as calls than as moves. By index:
    // `step_by` and `chunks` count at every step.
    for row in 0..rows {
        let (mut to, mut from) = (at * rows + row, row);
        for _ in 0..steps {
            blocks[to] = column[from];
            (to, from) = (to + columns * rows, from + rows);
        }
    }
}

/// # Panics
/// When `column` isn't as long, or there is no room for any.
fn check<T>(length: usize, room: &[T], column: &[T]) {
    assert!(!room.is_empty(), "the plan says that these are of the other kind");
    assert_eq!(column.len(), length, "numbers of a column");
}
