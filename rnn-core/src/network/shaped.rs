//! Networks whose shape is known when a program is compiled, used where their parameters lie.

use core::marker::PhantomData;

use super::{NetworkRef, Shape, layer_step};
use crate::cell::take;
use crate::kernel::{Arithmetic, Columns, Work};
use crate::layers::{Layer, MAX_LAYERS};
use crate::scalar::Scalar;

/// A shape as a type.
pub trait Shaped {
    /// The shape.
    const SHAPE: Shape;
}

/// A [`NetworkRef`] whose shape is a type: of its step only the code of these cells, for these sizes, is
/// compiled.
#[derive(Debug)]
pub struct ShapedRef<'a, S, T> {
    parameters: &'a [T],
    shape: PhantomData<S>,
}

impl<'a, S: Shaped, T: Scalar> ShapedRef<'a, S, T> {
    /// `None` when the parameters aren't as many as [`Shape::parameters`].
    #[inline(always)]
    pub fn new(parameters: &'a [T]) -> Option<Self> {
        let fits = parameters.len() == const { S::SHAPE.parameters() };
        fits.then_some(ShapedRef { parameters, shape: PhantomData })
    }

    /// The same network, its shape a value.
    #[inline(always)]
    pub fn flat(&self) -> NetworkRef<'a, T> {
        NetworkRef { shape: S::SHAPE, parameters: self.parameters }
    }

    /// See [`NetworkRef::step`].
    #[inline(always)]
    pub fn step<'m, A: Arithmetic<T>>(&self, x: Columns<'_, T>, memory: &'m mut [T]) -> &'m [T] {
        A::run(&mut Steps { network: self, x, memory })
    }
}

/// Layer `i`.
const fn layer<S: Shaped>(i: usize) -> Layer {
    S::SHAPE.layers.get(i, S::SHAPE.inputs)
}

/// One step of every layer: a loop written out, for each turn has a type of its own.
struct Steps<'a, 'm, S, T> {
    network: &'a ShapedRef<'a, S, T>,
    x: Columns<'a, T>,
    memory: &'m mut [T],
}

impl<'m, S: Shaped, T: Scalar> Work<T> for Steps<'_, 'm, S, T> {
    type Output = &'m [T];

    #[inline(always)]
    fn run<A: Arithmetic<T>>(&mut self) -> &'m [T] {
        let Steps { network, x, memory } = self;
        let (mut rest, parameters) = (core::mem::take(memory), network.parameters);
        let mut h: &[T] = &[];
        macro_rules! turns {
            ($($i:literal)*) => {$(
                if const { $i < S::SHAPE.layers.count() } {
                    let memory = take(&mut rest, const { layer::<S>($i).memory() });
                    let (from, to) = const {
                        (S::SHAPE.layer_parameters($i), S::SHAPE.layer_parameters($i + 1))
                    };
                    let own = parameters.get(from..to).unwrap_or_default();
                    let x = if $i == 0 { *x } else { Columns::Values(h) };
                    h = layer_step::<T, A>(const { layer::<S>($i) }, own, x, memory);
                }
            )*};
        }
        const { assert!(MAX_LAYERS == 16, "as many turns as there may be layers") };
        turns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        h
    }
}
