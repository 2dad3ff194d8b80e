//! One checker for all forms: every verb, to the bit, against the portable one.

use std::vec::Vec;

use super::{Form, portable, x86};
use crate::activation::Activation;
use crate::kernel::portable as any;
use crate::kernel::{Columns, EachUnit, Lanes, Outer, Product};
use crate::random::SplitMix64;

/// Rows and inputs: around the lengths of registers and blocks, and a text's 101 symbols.
const SIZES: [usize; 13] = [1, 2, 7, 8, 9, 15, 16, 17, 32, 33, 64, 101, 130];
const BATCHES: [usize; 4] = [1, 5, 8, 23];
const ACTIVATIONS: [Activation; 3] = [Activation::Tanh, Activation::Sigmoid, Activation::Relu];

/// Ordinary numbers with extreme ones among them.
fn random(seed: u64, count: usize) -> Vec<f32> {
    const EDGES: [f32; 8] = [0.0, -0.0, 1e-40, -1e-40, 1e-20, 30.0, -1e4, 1e15];
    let mut random = SplitMix64::new(seed);
    let mut values = std::vec![0.0; count];
    random.fill_uniform(2.0, &mut values);
    for value in &mut values {
        if random.below(16) == 0 {
            *value = EDGES[random.below(EDGES.len())];
        }
    }
    values
}

fn symbols(seed: u64, count: usize, known: usize) -> Vec<u16> {
    let mut random = SplitMix64::new(seed);
    // One of them stands for nothing.
    (0..count).map(|_| random.below(known + 1) as u16).collect()
}

/// NaNs count as one.
fn bits(values: &[f32]) -> Vec<u32> {
    let canonical = |v: &f32| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() };
    values.iter().map(canonical).collect()
}

/// Compares two results of the same verb on the same memory.
fn same(verb: &str, start: &[f32], one: impl Fn(&mut [f32]), other: impl Fn(&mut [f32])) {
    let (mut a, mut b) = (start.to_vec(), start.to_vec());
    one(&mut a);
    other(&mut b);
    assert_eq!(bits(&a), bits(&b), "{verb}");
}

fn outer<'a>(w: &'a mut [f32], x: Columns<'a, f32>, inputs: usize) -> Outer<'a, f32> {
    Outer { w, x, inputs }
}

/// Every gate and number from all others.
struct Mixed;

impl EachUnit<3, 2, 1> for Mixed {
    #[inline(always)]
    fn unit<V: Lanes>([a, b, c]: [V; 3], [d, e]: [V; 2], [f]: [V; 1]) -> ([V; 3], [V; 2]) {
        ([b * f, c - d, V::one() - a], [a + e * f, (d - e) * b])
    }
}

/// What one size needs.
struct Case {
    rows: usize,
    inputs: usize,
    w: Vec<f32>,
    v: Vec<f32>,
    x: Vec<f32>,
    h: Vec<f32>,
    b: Vec<f32>,
    symbols: Vec<u16>,
}

impl Case {
    fn all() -> impl Iterator<Item = Case> {
        let pairs = SIZES.into_iter().flat_map(|rows| SIZES.map(|inputs| (rows, inputs)));
        pairs.zip(BATCHES.into_iter().cycle()).map(|((rows, inputs), batch)| Case {
            rows,
            inputs,
            w: random(1, rows * inputs),
            v: random(2, rows * rows),
            x: random(3, inputs * batch),
            h: random(4, rows * batch),
            b: random(5, rows),
            symbols: symbols(6, batch, inputs),
        })
    }

    fn products(&self) -> [(Product<'_, f32>, Product<'_, f32>); 4] {
        let first = Product::new(&self.w, &self.x, self.inputs);
        let second = Product::new(&self.v, &self.h, self.rows);
        let x = Columns::Symbols(&self.symbols);
        [
            (first, Product::NONE),
            (first, second),
            (Product { x, ..first }, second),
            (first, Product { x, ..second }),
        ]
    }
}

macro_rules! check {
    ($form:ident, $case:expr) => {{
        use x86::$form as form;
        let case: &Case = $case;
        let Case { rows, inputs, .. } = *case;
        let Case { w, x, h, b, .. } = case;
        let some = ACTIVATIONS.map(Some);
        let activations = some.into_iter().chain([None]);
        // SAFETY: only called where the processor was found to have the form.
        #[allow(unsafe_code)]
        unsafe {
            for activation in activations {
                for (first, second) in case.products() {
                    for bias in [b.as_slice(), &[]] {
                        same(
                            "layer",
                            h,
                            |o| portable::layer(o, rows, bias, first, second, activation),
                            |o| form::layer(o, rows, bias, first, second, activation),
                        );
                    }
                }
                let through = activation.map(|activation| (activation, x.as_slice()));
                for held in [false, true] {
                    same(
                        "backward",
                        x,
                        |o| portable::backward(o, held, w, rows, inputs, h, through),
                        |o| form::backward(o, held, w, rows, inputs, h, through),
                    );
                }
            }
            // Three steps of the same, one behind the other.
            let batch = case.symbols.len();
            let (steps, x_steps) = (random(11, 3 * h.len()), [x.as_slice(); 2].concat());
            let symbol_steps = [case.symbols.as_slice(); 2].concat();
            for activation in ACTIVATIONS {
                for x in [Columns::Values(&x_steps), Columns::Symbols(&symbol_steps)] {
                    let input = Product { w, x, inputs };
                    same(
                        "recur",
                        &steps,
                        |h| portable::recur(h, rows, batch, b, input, &case.v, activation),
                        |h| form::recur(h, rows, batch, b, input, &case.v, activation),
                    );
                }
                let h = random(12, 2 * h.len());
                for held in [false, true] {
                    same(
                        "recur_backward",
                        &steps,
                        |d| portable::recur_backward(d, held, &case.v, rows, batch, activation, &h),
                        |d| form::recur_backward(d, held, &case.v, rows, batch, activation, &h),
                    );
                }
            }
            let other = random(9, h.len());
            let (first, second) = (Product::new(w, h, rows), Product::new(w, &other, rows));
            let d = random(10, x.len());
            for held in [false, true] {
                same(
                    "backward_both",
                    x,
                    |o| portable::backward_both(o, held, inputs, &d, first, second),
                    |o| form::backward_both(o, held, inputs, &d, first, second),
                );
            }
            for symbols in [None, Some(Columns::Symbols(&case.symbols))] {
                let x = symbols.unwrap_or(Columns::Values(x));
                for with_bias in [false, true] {
                    // All that is written, one behind the other: W, V, b.
                    let start = [w.as_slice(), &case.v, b].concat();
                    let split = |out: &mut [f32], run: &dyn Fn([&mut [f32]; 3])| {
                        let (w, rest) = out.split_at_mut(rows * inputs);
                        let (v, b) = rest.split_at_mut(rows * rows);
                        run([w, v, if with_bias { b } else { &mut [] }]);
                    };
                    same(
                        "affine_backward",
                        &start,
                        |out| {
                            split(out, &|[w, v, b]| {
                                let (first, second) =
                                    (outer(w, x, inputs), outer(v, Columns::Values(h), rows));
                                portable::affine_backward(h, rows, b, first, second);
                            });
                        },
                        |out| {
                            split(out, &|[w, v, b]| {
                                let (first, second) =
                                    (outer(w, x, inputs), outer(v, Columns::Values(h), rows));
                                form::affine_backward(h, rows, b, first, second);
                            });
                        },
                    );
                }
            }
            same(
                "readout",
                h,
                |o| portable::readout(o, rows, b, w, x, inputs),
                |o| form::readout(o, rows, b, w, x, inputs),
            );
            // Gates, d and e, one behind the other; two columns.
            let (units, read) = (random(7, 5 * 2 * rows), random(8, 2 * rows));
            let split = |all: &mut [f32], run: &dyn Fn(&mut [f32], [&mut [f32]; 2])| {
                let (gates, rest) = all.split_at_mut(3 * 2 * rows);
                run(gates, rest.split_at_mut(2 * rows).into());
            };
            same(
                "each_unit",
                &units,
                |all| {
                    split(all, &|gates, written| {
                        let read = [read.as_slice()];
                        any::each_unit::<f32, Mixed, 3, 2, 1>(rows, gates, written, read);
                    });
                },
                |all| {
                    split(all, &|gates, written| {
                        form::each_unit::<Mixed, 3, 2, 1>(rows, gates, written, [&read]);
                    });
                },
            );
            // Some labels stand for nothing.
            let labels = symbols(10, w.len() / rows, rows);
            same(
                "cross_entropies",
                &[w.as_slice(), &[0.0]].concat(),
                |all| {
                    let (sum, o) = all.split_last_mut().unwrap();
                    *sum = portable::cross_entropies(o, rows, &labels, 0.25);
                },
                |all| {
                    let (sum, o) = all.split_last_mut().unwrap();
                    *sum = form::cross_entropies(o, rows, &labels, 0.25);
                },
            );
            for activation in ACTIVATIONS {
                same(
                    "activate",
                    h,
                    |z| portable::activate(activation, z),
                    |z| form::activate(activation, z),
                );
            }
        }
    }};
}

#[test]
fn all_forms_give_the_portable_bits() {
    for case in Case::all() {
        if Form::Avx2.runs_here() {
            check!(avx2, &case);
        }
        if Form::Avx512.runs_here() {
            check!(avx512, &case);
        }
        let w = &case.w;
        same(
            "transposed",
            w,
            |o| _ = portable::transposed(w, case.rows, case.inputs, o),
            |o| _ = super::transpose::transposed(w, case.rows, case.inputs, o),
        );
    }
}

/// A form that takes the products in another order would not pass.
#[test]
#[should_panic(expected = "another order")]
fn the_order_of_the_products_shows() {
    for case in Case::all() {
        let (first, second) = case.products()[1];
        same(
            "another order",
            &case.h,
            |o| portable::layer(o, case.rows, &case.b, first, second, None),
            |o| portable::layer(o, case.rows, &case.b, second, first, None),
        );
    }
}

/// Sums over more columns than a piece holds.
#[test]
fn long_sums_stay_in_order() {
    let (rows, inputs, batch) = (33, 18, 700);
    let (d, x) = (random(1, rows * batch), random(2, inputs * batch));
    let start = random(3, rows * inputs);
    let x = Columns::Values(&x);
    for form in Form::ALL.into_iter().filter(|form| form.runs_here()) {
        same(
            "a long sum",
            &start,
            |w| portable::affine_backward(&d, rows, &mut [], outer(w, x, inputs), Outer::none()),
            |w| match form {
                // SAFETY: the processor has the form.
                #[allow(unsafe_code)]
                Form::Avx512 => unsafe {
                    x86::avx512::affine_backward(
                        &d,
                        rows,
                        &mut [],
                        outer(w, x, inputs),
                        Outer::none(),
                    );
                },
                // SAFETY: as above.
                #[allow(unsafe_code)]
                Form::Avx2 => unsafe {
                    x86::avx2::affine_backward(
                        &d,
                        rows,
                        &mut [],
                        outer(w, x, inputs),
                        Outer::none(),
                    );
                },
                Form::Portable => {
                    portable::affine_backward(
                        &d,
                        rows,
                        &mut [],
                        outer(w, x, inputs),
                        Outer::none(),
                    );
                }
            },
        );
    }
}
