//! What a recurrent cell is: [`Recurrence`] on slices, [`Cell`] on arrays of fixed size, and cells
//! stacked on one another.
//!
//! Shapes: I inputs, H hidden units, B samples in a batch, T steps. A sequence is T blocks, each a
//! matrix with a column per sample: x is T x (I x B), h is T x (H x B). A device has B = 1.

use crate::kernel::{Arithmetic, Columns};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// What the passes over a sequence start from.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a, T> {
    /// B
    pub batch: usize,
    /// x_1 ... x_T
    pub x: Columns<'a, T>,
    /// The state before the first step: [`Recurrence::STATE`] blocks of H x B, h_0 first.
    pub start: &'a [T],
}

/// What a backward pass works on beside the weights.
#[derive(Debug)]
pub struct Errors<'a, T> {
    /// k: an error travels back through blocks of at most k steps, counted from the sequence's end;
    /// none crosses from one block to the one before it. k >= T is the full gradient.
    pub truncation: usize,
    /// Comes in as dL/dh_t from each step's own output, T x (H x B); what it holds afterwards is the
    /// cell's affair (Elman: dL/dz_t).
    pub d: &'a mut [T],
    /// The first step that has an output of its own, T - 1 at most: what `d` holds of the steps before
    /// counts as zeros.
    pub first: usize,
    /// dL/dx_t is added to it, T x (I x B); empty where nobody asks for it.
    pub dx: &'a mut [T],
    /// Scratch, [`Recurrence::space`] values.
    pub space: &'a mut [T],
}

/// A recurrent cell whose tensors lie elsewhere: one step, a sequence of them, and the way back.
///
/// All memory is the caller's, in blocks of H x B numbers (`units`).
pub trait Recurrence<T: Scalar>: Copy {
    /// Where the gradient of the parameters is added.
    type Gradient<'g>;

    /// Blocks of state that one step hands to the next: h, and what else the cell remembers.
    const STATE: usize;
    /// Blocks of memory of a cell that makes one step after the other: its state, then scratch.
    const MEMORY: usize;
    /// Blocks per step that [`forward`](Self::forward) leaves for [`backward`](Self::backward): the
    /// sections of the state first, h_1 ... h_T the very first.
    const CACHE: usize;

    /// I
    fn inputs(self) -> usize;
    /// H
    fn hidden(self) -> usize;

    /// One step: `memory` holds the state of t - 1 and then that of t, h_t in its first block.
    fn step<A: Arithmetic<T>>(self, x: Columns<'_, T>, memory: &mut [T]);

    /// T steps: fills `cache`, CACHE sections of T x (H x B).
    fn forward<A: Arithmetic<T>>(self, sequence: Sequence<'_, T>, cache: &mut [T]);

    /// The state after the last of `steps` steps, copied from what `forward` left in `cache` (and
    /// `backward` leaves there).
    fn last_state(units: usize, steps: usize, cache: &[T], state: &mut [T]) {
        for (section, block) in state.chunks_exact_mut(units.max(1)).enumerate() {
            let last = (section * steps + steps.saturating_sub(1)) * units;
            copy(cache.get(last..).unwrap_or_default(), block);
        }
    }

    /// Back-propagation through time over what `forward` computed; the gradient of the parameters is
    /// added to `gradient`. What is in `cache` beyond the [`STATE`](Self::STATE) is used up.
    fn backward<A: Arithmetic<T>>(
        self,
        sequence: Sequence<'_, T>,
        cache: &mut [T],
        errors: Errors<'_, T>,
        gradient: Self::Gradient<'_>,
    );

    /// Values of scratch that `backward` needs.
    fn space<A: Arithmetic<T>>(self) -> usize;
}

/// A recurrent cell of fixed size: I inputs, H hidden units, everything in arrays. Its gradient has
/// the same type.
pub trait Cell<T: Scalar, const I: usize, const H: usize>: Parameters<T> + Clone {
    /// What the cell remembers from step to step, and the scratch of a step.
    type Memory: Clone + core::fmt::Debug + PartialEq;
    /// What a sequence of so many steps leaves for its backward pass.
    type Trace<const STEPS: usize>: Clone + core::fmt::Debug;

    /// Cells in a stack, 1 for one alone.
    const LAYERS: usize;

    /// All parameters 0.
    fn zeros() -> Self;

    /// The memory at rest: all zeros.
    fn rest() -> Self::Memory;
    /// A trace to be filled.
    fn trace<const STEPS: usize>() -> Self::Trace<STEPS>;

    /// One step in the form `A` of the arithmetic.
    fn step<A: Arithmetic<T>>(&self, x: Columns<'_, T>, memory: &mut Self::Memory);
    /// h_t of the last step.
    fn h(memory: &Self::Memory) -> &[T; H];
    /// The same, to be set.
    fn h_mut(memory: &mut Self::Memory) -> &mut [T; H];

    /// T steps from the state in `start`.
    fn forward<const STEPS: usize>(
        &self,
        x: Columns<'_, T>,
        start: &Self::Memory,
        trace: &mut Self::Trace<STEPS>,
    );
    /// h_1 ... h_T.
    fn states<const STEPS: usize>(trace: &Self::Trace<STEPS>) -> &[[T; H]; STEPS];
    /// Copies the state after the last step into `memory`; a backward pass leaves it where it is.
    fn last_state<const STEPS: usize>(trace: &Self::Trace<STEPS>, memory: &mut Self::Memory);
    /// The way back; see [`Recurrence::backward`]. `d` is dL/dh_t, `dx` may be empty.
    #[allow(clippy::too_many_arguments)] // One name for each tensor of the equations.
    fn backward<const STEPS: usize>(
        &self,
        x: Columns<'_, T>,
        start: &Self::Memory,
        trace: &mut Self::Trace<STEPS>,
        truncation: usize,
        d: &mut [[T; H]; STEPS],
        dx: &mut [T],
        gradient: &mut Self,
    );
}

/// [`Cell`] for a type whose `view` is a [`Recurrence`]: its sections are arrays of `[T; H]`.
macro_rules! fixed_size_cell {
    ([$($generics:tt)*] $cell:ty, $view:ident) => {
        impl<T: Scalar, const I: usize, const H: usize, $($generics)*> Cell<T, I, H> for $cell {
            type Memory = [[T; H]; <$view<'static, f32> as Recurrence<f32>>::MEMORY];
            type Trace<const STEPS: usize> =
                [[[T; H]; STEPS]; <$view<'static, f32> as Recurrence<f32>>::CACHE];

            const LAYERS: usize = 1;

            fn zeros() -> Self {
                Self::zeros()
            }
            fn rest() -> Self::Memory {
                [[T::ZERO; H]; _]
            }
            fn trace<const STEPS: usize>() -> Self::Trace<STEPS> {
                [[[T::ZERO; H]; STEPS]; _]
            }
            #[inline(always)]
            fn step<A: Arithmetic<T>>(&self, x: Columns<'_, T>, memory: &mut Self::Memory) {
                self.view().step::<A>(x, memory.as_flattened_mut());
            }
            #[inline(always)]
            fn h(memory: &Self::Memory) -> &[T; H] {
                let [h, ..] = memory;
                h
            }
            fn h_mut(memory: &mut Self::Memory) -> &mut [T; H] {
                let [h, ..] = memory;
                h
            }
            #[inline]
            fn forward<const STEPS: usize>(
                &self,
                x: Columns<'_, T>,
                start: &Self::Memory,
                trace: &mut Self::Trace<STEPS>,
            ) {
                let sequence = Sequence { batch: 1, x, start: start.as_flattened() };
                let cache = trace.as_flattened_mut().as_flattened_mut();
                self.view().forward::<Inference>(sequence, cache);
            }
            fn states<const STEPS: usize>(trace: &Self::Trace<STEPS>) -> &[[T; H]; STEPS] {
                let [h, ..] = trace;
                h
            }
            fn last_state<const STEPS: usize>(
                trace: &Self::Trace<STEPS>,
                memory: &mut Self::Memory,
            ) {
                let cache = trace.as_flattened().as_flattened();
                let state = take(&mut memory.as_flattened_mut(), $view::<T>::STATE * H);
                $view::<T>::last_state(H, STEPS, cache, state);
            }
            #[inline]
            fn backward<const STEPS: usize>(
                &self,
                x: Columns<'_, T>,
                start: &Self::Memory,
                trace: &mut Self::Trace<STEPS>,
                truncation: usize,
                d: &mut [[T; H]; STEPS],
                dx: &mut [T],
                gradient: &mut Self,
            ) {
                let sequence = Sequence { batch: 1, x, start: start.as_flattened() };
                let cache = trace.as_flattened_mut().as_flattened_mut();
                let d = d.as_flattened_mut();
                let errors = Errors { truncation, d, first: 0, dx, space: &mut [] };
                self.view().backward::<Inference>(sequence, cache, errors, gradient.view_mut());
            }
        }
    };
}
pub(crate) use fixed_size_cell;

/// Two cells, one on the other: the lower one's h, M values, is what the upper one reads. Either
/// may be a stack itself. Its gradient has the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stack<A, B, const M: usize> {
    /// The cell that reads the inputs.
    pub lower: A,
    /// The cell that reads the lower one's h.
    pub upper: B,
}

impl<T: Scalar, A: Parameters<T>, B: Parameters<T>, const M: usize> Parameters<T>
    for Stack<A, B, M>
{
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        self.lower.tensors().chain(self.upper.tensors())
    }
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.lower.tensors_mut().chain(self.upper.tensors_mut())
    }
}

/// What a stack's sequence leaves for its backward pass.
#[derive(Clone, Debug)]
pub struct StackTrace<A, B, T, const M: usize, const STEPS: usize> {
    lower: A,
    upper: B,
    /// dL/dh_t of the lower cell.
    d: [[T; M]; STEPS],
}

impl<T, A, B, const I: usize, const M: usize, const H: usize> Cell<T, I, H> for Stack<A, B, M>
where
    T: Scalar,
    A: Cell<T, I, M>,
    B: Cell<T, M, H>,
{
    type Memory = (A::Memory, B::Memory);
    type Trace<const STEPS: usize> = StackTrace<A::Trace<STEPS>, B::Trace<STEPS>, T, M, STEPS>;

    const LAYERS: usize = A::LAYERS + B::LAYERS;

    fn zeros() -> Self {
        Stack { lower: A::zeros(), upper: B::zeros() }
    }
    fn rest() -> Self::Memory {
        (A::rest(), B::rest())
    }
    fn trace<const STEPS: usize>() -> Self::Trace<STEPS> {
        StackTrace { lower: A::trace(), upper: B::trace(), d: [[T::ZERO; M]; STEPS] }
    }
    #[inline(always)]
    fn step<F: Arithmetic<T>>(&self, x: Columns<'_, T>, (lower, upper): &mut Self::Memory) {
        self.lower.step::<F>(x, lower);
        self.upper.step::<F>(Columns::Values(A::h(lower)), upper);
    }
    #[inline(always)]
    fn h((_, upper): &Self::Memory) -> &[T; H] {
        B::h(upper)
    }
    fn h_mut((_, upper): &mut Self::Memory) -> &mut [T; H] {
        B::h_mut(upper)
    }
    #[inline]
    fn forward<const STEPS: usize>(
        &self,
        x: Columns<'_, T>,
        (lower, upper): &Self::Memory,
        trace: &mut Self::Trace<STEPS>,
    ) {
        self.lower.forward(x, lower, &mut trace.lower);
        let h = A::states(&trace.lower).as_flattened();
        self.upper.forward(Columns::Values(h), upper, &mut trace.upper);
    }
    fn states<const STEPS: usize>(trace: &Self::Trace<STEPS>) -> &[[T; H]; STEPS] {
        B::states(&trace.upper)
    }
    fn last_state<const STEPS: usize>(
        trace: &Self::Trace<STEPS>,
        (lower, upper): &mut Self::Memory,
    ) {
        A::last_state(&trace.lower, lower);
        B::last_state(&trace.upper, upper);
    }
    #[inline]
    fn backward<const STEPS: usize>(
        &self,
        x: Columns<'_, T>,
        (lower, upper): &Self::Memory,
        trace: &mut Self::Trace<STEPS>,
        truncation: usize,
        d: &mut [[T; H]; STEPS],
        dx: &mut [T],
        gradient: &mut Self,
    ) {
        let StackTrace { lower: below, upper: above, d: between } = trace;
        *between = [[T::ZERO; M]; STEPS];
        let h = Columns::Values(A::states(below).as_flattened());
        let d_h = between.as_flattened_mut();
        self.upper.backward(h, upper, above, truncation, d, d_h, &mut gradient.upper);
        self.lower.backward(x, lower, below, truncation, between, dx, &mut gradient.lower);
    }
}

/// `copy_from_slice` without its check of the lengths.
#[inline(always)]
pub(crate) fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

/// The first `count` values of `rest`, which moves on; fewer where there are fewer.
#[inline(always)]
pub(crate) fn take<'a, T>(rest: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let all = core::mem::take(rest);
    let count = count.min(all.len());
    let (first, others) = all.split_at_mut_checked(count).unwrap_or_default();
    *rest = others;
    first
}

/// Block `t` of blocks of `length`; empty beyond the end.
#[inline(always)]
pub(crate) fn block<T>(blocks: &[T], t: usize, length: usize) -> &[T] {
    blocks.get(t * length..(t + 1) * length).unwrap_or_default()
}

/// The same, to be changed.
#[inline(always)]
pub(crate) fn block_mut<T>(blocks: &mut [T], t: usize, length: usize) -> &mut [T] {
    blocks.get_mut(t * length..(t + 1) * length).unwrap_or_default()
}

/// Blocks t - 1 (empty for t = 0) and t.
#[inline(always)]
pub(crate) fn neighbours<T>(blocks: &mut [T], t: usize, length: usize) -> (&mut [T], &mut [T]) {
    let (before, rest) = blocks.split_at_mut_checked(t * length).unwrap_or_default();
    let previous = before.len().saturating_sub(length);
    (before.get_mut(previous..).unwrap_or_default(), rest.get_mut(..length).unwrap_or_default())
}

/// Whether step t is the first of its block of `truncation` steps, counted from the end; the first of
/// all always is, and T, behind the last one.
#[inline(always)]
pub(crate) fn starts_block(t: usize, steps: usize, truncation: usize) -> bool {
    t == 0 || truncation == 0 || (steps - t).is_multiple_of(truncation)
}
