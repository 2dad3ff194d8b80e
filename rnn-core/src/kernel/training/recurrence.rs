//! Products that read one another: the steps of an Elman cell, its job prepared once per sequence.

use super::memory::Multiples;
use super::product::{Checked, Columnwise, Dense, Finish, Job, Start};
use crate::activation::Activation;

/// All blocks of `h` (rows x batch) but the first become sigma(b + W_1 x_t + W_2 h_{t-1}), one after
/// the other; X_1 has a block for each of them.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn recur<V: Columnwise>(
    h: &mut [f32],
    rows: usize,
    batch: usize,
    bias: &[f32],
    [input, state]: [Dense<'_>; 2],
    activation: Activation,
) {
    let units = rows * batch;
    let Some(steps) = (h.len() / units.max(1)).checked_sub(1) else { return };
    let h = h.as_mut_ptr();
    let job = Job {
        out: h.wrapping_add(units),
        rows,
        batch,
        columns: Multiples::new(rows),
        start: Start::bias(bias).checked(rows, batch),
        products: [Checked::new(input, rows, steps * batch), Checked::new(state, rows, 0).of(h)],
        finish: Finish::Activate(activation),
    };
    // SAFETY: the lengths are those that were checked; so many blocks follow the first one.
    unsafe { job.steps::<V>(steps, units as isize, (input.inputs * batch) as isize) }
}

/// All blocks of `d` but the last become W d_{t+1} sigma'(h_t), W d_{t+1} added to what they hold
/// where they are `held`, from the last to the first; `h` has a block for each of them.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn recur_backward<V: Columnwise>(
    d: &mut [f32],
    held: bool,
    rows: usize,
    batch: usize,
    behind: Dense<'_>,
    finish: Finish<&[f32]>,
) {
    let units = rows * batch;
    let Some(steps) = (d.len() / units.max(1)).checked_sub(1) else { return };
    let (d, from) = (d.as_mut_ptr(), steps * units);
    let mut job = Job {
        out: d.wrapping_add(from),
        rows,
        batch,
        columns: Multiples::new(rows),
        start: if held { Start::Held } else { Start::Zero },
        products: [
            Checked::new(Dense::NONE, rows, 0),
            Checked::new(behind, rows, 0).of(d.wrapping_add(from + units)),
        ],
        finish: finish.checked(rows, steps * batch).moved(from as isize),
    };
    let back = -(units as isize);
    job.step(back, 0);
    // SAFETY: as above; so many blocks lie before the last one.
    unsafe { job.steps::<V>(steps, back, 0) }
}

#[allow(unsafe_code)]
impl Job {
    /// All rows so many times, a [`step`](Self::step) after each.
    ///
    /// # Safety
    /// As in [`run`](Self::run), and everything is there so many times.
    #[inline(always)]
    unsafe fn steps<V: Columnwise>(mut self, count: usize, units: isize, inputs: isize) {
        for _ in 0..count {
            // SAFETY: the caller's.
            unsafe { self.run::<V>() };
            self.step(units, inputs);
        }
    }

    /// On to the outputs, the second X and the h that lie `units` further and the first X that lies
    /// `inputs` further.
    #[inline(always)]
    fn step(&mut self, units: isize, inputs: isize) {
        let [first, second] = &mut self.products;
        first.x = first.x.wrapping_offset(inputs);
        second.x = second.x.wrapping_offset(units);
        self.out = self.out.wrapping_offset(units);
        self.finish = self.finish.moved(units);
    }
}

impl Finish<*const f32> {
    /// With the h that lies so much further.
    #[inline(always)]
    fn moved(self, by: isize) -> Self {
        match self {
            Finish::Backward(activation, h) => Finish::Backward(activation, h.wrapping_offset(by)),
            finish => finish,
        }
    }
}
