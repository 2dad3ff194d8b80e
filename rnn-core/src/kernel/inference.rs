//! The forms of [`Inference`] for `f32` on an x86-64 host, with the bits of the portable one: lanes
//! over the outputs, as many outputs at once as there are registers, products rounded before they
//! are added.
#![allow(unsafe_code)]

use core::arch::x86_64::{__m256, __m512};

use super::steps;
use super::vector::Vector;
use super::{Arithmetic, Columns, Elementwise, Inference, PARTIALS, Product, Work, fold};
use crate::activation::Activation;
use crate::elman::ElmanRef;
use crate::gru::GruRef;
use crate::lstm::LstmRef;

/// Runs `work` in the fastest form.
#[inline(always)]
pub(crate) fn run<W: Work<f32>>(work: &mut W) -> W::Output {
    if has_avx512() {
        // SAFETY: the processor has what the function was compiled for.
        unsafe { run_avx512(work) }
    } else if has_avx2() {
        // SAFETY: as above.
        unsafe { run_avx2(work) }
    } else {
        run_portable(work)
    }
}

#[inline(never)]
fn run_portable<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Inference>()
}

/// Which form that is.
pub(super) fn form() -> &'static str {
    match (has_avx512(), has_avx2()) {
        (true, _) => "AVX-512",
        (false, true) => "AVX2",
        _ => "portable",
    }
}

#[inline]
fn has_avx512() -> bool {
    std::is_x86_feature_detected!("avx512f")
}

#[inline]
fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2")
}

#[target_feature(enable = "avx512f,avx2")]
fn run_avx512<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Avx512>()
}

#[target_feature(enable = "avx2")]
fn run_avx2<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Avx2>()
}

/// 16 lanes, 32 registers.
struct Avx512;
/// 8 lanes, 16 registers.
struct Avx2;

/// A form's vectors; the rest is the same code.
trait Form {
    /// The widest vectors.
    type Vector: Vector;
    /// Vectors of outputs that are summed at once.
    const MOST: usize;
}

impl Form for Avx512 {
    type Vector = __m512;
    const MOST: usize = 16;
}

impl Form for Avx2 {
    type Vector = __m256;
    const MOST: usize = 8;
}

// SAFETY of all the blocks below: a form is private to this file and runs only in the function that
// was compiled for its instruction set; pointers stay within the slices that they come from.
impl<F: Form> Arithmetic<f32> for F {
    #[inline(always)]
    fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        // SAFETY: see above.
        unsafe { steps::elman::<F::Vector>(cell, x, memory) }
    }

    #[inline(always)]
    fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        // SAFETY: see above.
        unsafe { steps::gru::<F::Vector>(cell, x, memory) }
    }

    #[inline(always)]
    fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        // SAFETY: see above.
        unsafe { steps::lstm::<F::Vector>(cell, x, memory) }
    }

    #[inline(always)]
    fn affine(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
    ) {
        let (mut first, mut second) = (first, second);
        // An empty bias counts as zeros, and so does one that is too short.
        let bias = bias.get(..rows).unwrap_or_default();
        for column in out.chunks_exact_mut(rows.max(1)) {
            let (x_1, x_2);
            (x_1, first.x) = first.x.split(first.inputs, 1);
            (x_2, second.x) = second.x.split(second.inputs, 1);
            let products = [Product { x: x_1, ..first }, Product { x: x_2, ..second }];
            let mut row = 0;
            while row < rows {
                let left = (rows - row).div_ceil(F::Vector::LANES).min(F::MOST);
                // SAFETY: see above.
                row += unsafe {
                    match left {
                        16.. => block::<F::Vector, 16>(column, row, bias, products),
                        8.. => block::<F::Vector, 8>(column, row, bias, products),
                        4.. => block::<F::Vector, 4>(column, row, bias, products),
                        2.. => block::<F::Vector, 2>(column, row, bias, products),
                        _ => block::<F::Vector, 1>(column, row, bias, products),
                    }
                };
            }
        }
    }

    #[inline(always)]
    fn readout(out: &mut [f32], rows: usize, bias: &[f32], w: &[f32], x: &[f32], inputs: usize) {
        let columns = out.chunks_exact_mut(rows.max(1)).zip(x.chunks_exact(inputs.max(1)));
        for (column, x) in columns {
            for (row, o) in column.iter_mut().enumerate() {
                // SAFETY: see above.
                let sum = fold(unsafe { partials::<F::Vector>(rows, row, w, x) });
                *o = bias.get(row).copied().unwrap_or(0.0) + sum;
            }
        }
    }

    #[inline(always)]
    fn transposed<'a>(w: &'a [f32], _: usize, _: usize, _: &'a mut [f32]) -> &'a [f32] {
        w
    }

    #[inline(always)]
    fn transposed_len(_: usize, _: usize) -> usize {
        0
    }

    #[inline(always)]
    fn transpose_multiply(out: &mut [f32], w: &[f32], rows: usize, cols: usize, d: &[f32]) {
        Inference::transpose_multiply(out, w, rows, cols, d);
    }

    #[inline(always)]
    fn outer(w: &mut [f32], d: &[f32], rows: usize, x: Columns<'_, f32>, cols: usize) {
        Inference::outer(w, d, rows, x, cols);
    }

    #[inline(always)]
    fn activate(activation: Activation, z: &mut [f32]) {
        // SAFETY: see above.
        unsafe { each::<F::Vector>(activation, z) }
    }

    #[inline(always)]
    fn is_zero(_: &[f32]) -> bool {
        false
    }

    #[inline(always)]
    fn wide(work: impl Elementwise) {
        work.run();
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        Inference::tanh(x)
    }
}

/// The outputs of `column` from `row` on, up to N vectors of them; returns how many.
///
/// # Safety
/// As for [`Vector`]; more than N - 1 vectors of outputs are left.
#[inline(always)]
unsafe fn block<V: Vector, const N: usize>(
    column: &mut [f32],
    row: usize,
    bias: &[f32],
    products: [Product<'_, f32>; 2],
) -> usize {
    unsafe {
        let rows = column.len();
        let lanes = (rows - row).min(N * V::LANES);
        // Twice, so that whole vectors are loaded without a mask.
        if lanes == N * V::LANES {
            rows_of::<V, N>(column, row, bias, products, None);
        } else {
            let part = V::mask(lanes - (N - 1) * V::LANES);
            rows_of::<V, N>(column, row, bias, products, Some(part));
        }
        lanes
    }
}

/// N vectors of outputs of `column` from `row` on.
///
/// # Safety
/// As for [`Vector`]; the rows that are meant exist.
#[inline(always)]
unsafe fn rows_of<V: Vector, const N: usize>(
    column: &mut [f32],
    row: usize,
    bias: &[f32],
    products: [Product<'_, f32>; 2],
    part: Option<V::Mask>,
) {
    unsafe {
        let mut acc = [start::<V, N>(bias, row, part)];
        for Product { w, x, .. } in products {
            accumulate(&mut acc, [Rows { w, of: column.len(), from: row }], x, part);
        }
        let [acc] = acc;
        store(acc, column.as_mut_ptr().add(row), part);
    }
}

/// Some rows of a matrix, column-major.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// The matrix.
    pub w: &'a [f32],
    /// Its rows.
    pub of: usize,
    /// The first of those that are meant.
    pub from: usize,
}

/// acc += W x for N vectors of rows of each of G matrices, of the last vector the part that is given.
///
/// # Safety
/// As for [`Vector`]; the rows that are meant lie in the matrices.
#[inline(always)]
pub(super) unsafe fn accumulate<V: Vector, const N: usize, const G: usize>(
    acc: &mut [[V; N]; G],
    rows: [Rows<'_>; G],
    x: Columns<'_, f32>,
    part: Option<V::Mask>,
) {
    let mut columns = usize::MAX;
    for Rows { w, of, .. } in rows {
        columns = columns.min(w.len() / of);
    }
    let mut sums = *acc;
    match x {
        Columns::Values(x) => {
            for (j, &x) in x.split_at(x.len().min(columns)).0.iter().enumerate() {
                unsafe {
                    let x = V::splat(x);
                    for (acc, Rows { w, of, from }) in sums.iter_mut().zip(rows) {
                        let w: [V; N] = load(w.as_ptr().add(j * of + from), part);
                        for (acc, w) in acc.iter_mut().zip(w) {
                            *acc = acc.add(w.mul(x));
                        }
                    }
                }
            }
        }
        Columns::Symbols(symbols) => {
            for &symbol in symbols {
                if usize::from(symbol) >= columns {
                    continue;
                }
                for (acc, Rows { w, of, from }) in sums.iter_mut().zip(rows) {
                    unsafe {
                        let w = w.as_ptr().add(usize::from(symbol) * of + from);
                        let w: [V; N] = load(w, part);
                        for (acc, w) in acc.iter_mut().zip(w) {
                            *acc = acc.add(w);
                        }
                    }
                }
            }
        }
    }
    *acc = sums;
}

/// N values of a bias from row `from` on; an empty one counts as zeros.
///
/// # Safety
/// As for [`Vector`]; the rows that are meant lie in a bias that isn't empty.
#[inline(always)]
pub(super) unsafe fn start<V: Vector, const N: usize>(
    bias: &[f32],
    from: usize,
    part: Option<V::Mask>,
) -> [V; N] {
    unsafe {
        if bias.is_empty() { [V::splat(0.0); N] } else { load(bias.as_ptr().add(from), part) }
    }
}

/// N vectors, of the last one the part that is given.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub(super) unsafe fn load<V: Vector, const N: usize>(
    from: *const f32,
    part: Option<V::Mask>,
) -> [V; N] {
    unsafe {
        let mut vectors = [V::splat(0.0); N];
        for (i, vector) in vectors.iter_mut().enumerate() {
            let from = from.add(i * V::LANES);
            *vector = match part {
                Some(mask) if i + 1 == N => V::load_part(from, mask),
                _ => V::load(from),
            };
        }
        vectors
    }
}

/// Stores N vectors, of the last one the part that is given.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub(super) unsafe fn store<V: Vector, const N: usize>(
    vectors: [V; N],
    to: *mut f32,
    part: Option<V::Mask>,
) {
    unsafe {
        for (i, vector) in vectors.into_iter().enumerate() {
            let to = to.add(i * V::LANES);
            match part {
                Some(mask) if i + 1 == N => vector.store_part(to, mask),
                _ => vector.store(to),
            }
        }
    }
}

/// The interleaved partial sums of row `row` of W x. Lanes beyond the last input add 0 to a sum that
/// isn't -0: nothing.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn partials<V: Vector>(rows: usize, row: usize, w: &[f32], x: &[f32]) -> [f32; PARTIALS] {
    let mut partial = [0.0; PARTIALS];
    let inputs = x.len().min(w.len() / rows);
    unsafe {
        for (lane, partial) in partial.chunks_exact_mut(V::LANES).enumerate() {
            let mut acc = V::splat(0.0);
            for j in (lane * V::LANES..inputs).step_by(PARTIALS) {
                let (w, x) = (w.as_ptr().add(j * rows + row), x.as_ptr().add(j));
                let product = if rows == 1 && inputs - j >= V::LANES {
                    V::load(w).mul(V::load(x))
                } else {
                    let mask = V::mask(inputs - j);
                    V::gather(w, rows, mask).mul(V::load_part(x, mask))
                };
                acc = acc.add(product);
            }
            acc.store(partial.as_mut_ptr());
        }
    }
    partial
}

/// z = sigma(z).
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn each<V: Vector>(activation: Activation, z: &mut [f32]) {
    unsafe {
        let mut vectors = z.chunks_exact_mut(V::LANES);
        for z in &mut vectors {
            activate(activation, V::load(z.as_ptr())).store(z.as_mut_ptr());
        }
        let rest = vectors.into_remainder();
        if !rest.is_empty() {
            let mask = V::mask(rest.len());
            let z = activate(activation, V::load_part(rest.as_ptr(), mask));
            z.store_part(rest.as_mut_ptr(), mask);
        }
    }
}

/// sigma(z)
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub(super) unsafe fn activate<V: Vector>(activation: Activation, z: V) -> V {
    unsafe {
        let half = V::splat(0.5);
        match activation {
            Activation::Tanh => z.tanh(),
            Activation::Sigmoid => z.mul(half).tanh().mul(half).add(half),
            Activation::Relu => z.relu(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gru::Reset;
    use crate::layers::{Kind, Layers};
    use crate::network::{NetworkRef, Shape};
    use crate::random::SplitMix64;

    /// Values of both signs; with `wild` every eighth is one that breaks arithmetic.
    fn values(seed: u64, count: usize, bound: f32, wild: bool) -> Vec<f32> {
        const EDGES: [f32; 8] =
            [0.0, -0.0, 1e-40, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -1e20];
        let mut random = SplitMix64::new(seed);
        let mut values = vec![0.0; count];
        random.fill_uniform(bound, &mut values);
        for value in values.iter_mut().filter(|_| wild) {
            if random.below(8) == 0 {
                *value = EDGES[random.below(8)];
            }
        }
        values
    }

    /// The bits, all NaNs counted as one.
    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| if v.is_nan() { u32::MAX } else { v.to_bits() }).collect()
    }

    /// A piece of work and where its bits differ from the portable form's: nowhere, in every form that
    /// the processor has.
    fn assert_same<W: Work<f32, Output = Vec<f32>>>(name: &str, work: impl Fn() -> W) {
        let wanted = bits(&work().run::<Inference>());
        if has_avx512() {
            // SAFETY: the processor has what the function was compiled for.
            assert_eq!(bits(&unsafe { run_avx512(&mut work()) }), wanted, "AVX-512, {name}");
        }
        if has_avx2() {
            // SAFETY: as above.
            assert_eq!(bits(&unsafe { run_avx2(&mut work()) }), wanted, "AVX2, {name}");
        }
    }

    /// Affine and readout, with a column of values or a symbol.
    struct Verbs<'a> {
        rows: usize,
        inputs: usize,
        tensors: [&'a [f32]; 5],
        symbol: Option<u16>,
    }

    impl Work<f32> for Verbs<'_> {
        type Output = Vec<f32>;
        fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
            let Verbs { rows, inputs, tensors: [w, x, w_h, h, b], symbol } = *self;
            let symbol = symbol.map(|symbol| [symbol; 2]);
            let x_1 = symbol.as_ref().map_or(Columns::Values(x), |s| Columns::Symbols(s));
            let mut out = vec![7.0; 4 * rows];
            let (affine, readout) = out.split_at_mut(2 * rows);
            A::affine(affine, rows, b, Product { w, x: x_1, inputs }, Product::new(w_h, h, rows));
            A::readout(readout, rows, b, w, x, inputs);
            out
        }
    }

    #[test]
    fn verbs_have_the_portable_bits() {
        for rows in (1..=130).chain([256, 300]) {
            for (seed, wild) in [(1, false), (2, true)] {
                let inputs = 1 + (rows * 7 + seed as usize) % 70;
                let (w, x) =
                    (values(seed, rows * inputs, 1.5, wild), values(3, 2 * inputs, 1.0, wild));
                let (w_h, h) = (values(4, rows * rows, 0.5, wild), values(5, 2 * rows, 1.0, wild));
                let b = values(6, if rows % 3 == 0 { 0 } else { rows }, 1.0, wild);
                for symbol in [None, Some(0), Some(inputs as u16 - 1), Some(u16::MAX)] {
                    let tensors = [&w[..], &x, &w_h, &h, &b];
                    assert_same(&format!("{rows} x {inputs}, wild {wild}, {symbol:?}"), || Verbs {
                        rows,
                        inputs,
                        tensors,
                        symbol,
                    });
                }
            }
        }
    }

    struct Activated<'a>(Activation, &'a [f32]);

    impl Work<f32> for Activated<'_> {
        type Output = Vec<f32>;
        fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
            let mut z = self.1.to_vec();
            A::activate(self.0, &mut z);
            z
        }
    }

    /// Every 1009th bit pattern, and the neighbourhood of each border between two rows of the table.
    #[test]
    fn activations_have_the_portable_bits() {
        let mut z: Vec<f32> = (0..=u32::MAX / 1009).map(|i| f32::from_bits(i * 1009)).collect();
        for border in -66i32..=66 {
            for half in [1.0, 2.0] {
                let x = (f64::from(border) * half / (32.0 * 0.149_88)) as f32;
                z.extend((-40i32..=40).map(|i| f32::from_bits(x.to_bits().wrapping_add_signed(i))));
                let x = (f64::from(border) * half * 0.25 / 1.2) as f32;
                z.extend((-40i32..=40).map(|i| f32::from_bits(x.to_bits().wrapping_add_signed(i))));
            }
        }
        for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
            for z in [&z[..], &z[..5], &z[3..36]] {
                assert_same(&format!("{activation:?}"), || Activated(activation, z));
            }
        }
    }

    /// So many steps of a network.
    struct Steps<'a> {
        network: NetworkRef<'a, f32>,
        x: &'a [f32],
        symbols: bool,
    }

    impl Work<f32> for Steps<'_> {
        type Output = Vec<f32>;
        fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
            let Steps { network, x, symbols } = *self;
            let shape = network.shape();
            let mut memory = vec![0.0; shape.memory()];
            let mut out = vec![];
            for (t, x) in x.chunks_exact(shape.inputs).enumerate() {
                let symbol = [(t % (shape.inputs + 1)) as u16];
                let x = if symbols { Columns::Symbols(&symbol) } else { Columns::Values(x) };
                out.extend_from_slice(network.step::<A>(x, &mut memory));
            }
            out
        }
    }

    #[test]
    fn steps_have_the_portable_bits() {
        let tanh = Kind::Elman(Activation::Tanh);
        let relu = Kind::Elman(Activation::Relu);
        let kinds = [tanh, relu, Kind::Gru(Reset::After), Kind::Gru(Reset::Before), Kind::Lstm];
        for kind in kinds {
            for hidden in (1..=130).filter(|h| h % 9 < 3 || h % 16 < 2) {
                let steps = if hidden == 32 { 3000 } else { 12 };
                let inputs = 1 + hidden % 4;
                let layers = Layers::one(kind, hidden);
                let shape = Shape { inputs, layers, outputs: 1 };
                for (wild, symbols) in [(false, false), (true, false), (false, true)] {
                    let bound = 1.5 / (hidden as f32).sqrt();
                    let parameters = values(hidden as u64, shape.parameters(), bound, wild);
                    let x = values(9, steps * inputs, 2.0, wild);
                    let network = NetworkRef::new(shape, &parameters).expect("as many as it takes");
                    assert_same(&format!("{kind:?} {hidden}, wild {wild}"), || Steps {
                        network,
                        x: &x,
                        symbols,
                    });
                }
            }
        }
    }

    /// The checker catches a form whose sums are taken in another order.
    #[test]
    #[should_panic(expected = "wrong")]
    fn the_checker_can_fail() {
        struct Wrong;
        impl Work<f32> for Wrong {
            type Output = Vec<f32>;
            fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
                let x = values(1, 33, 1.0, false);
                let mut sum = vec![0.0];
                let mut order: Vec<f32> = x;
                if core::any::type_name::<A>().contains("Avx") {
                    order.reverse();
                }
                A::affine(&mut sum, 1, &[], Product::new(&order, &[1.0; 33], 33), Product::NONE);
                sum
            }
        }
        if !has_avx2() {
            panic!("wrong: this processor has no form to be checked");
        }
        assert_same("wrong", || Wrong);
    }
}
