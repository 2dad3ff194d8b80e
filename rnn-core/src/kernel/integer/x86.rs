//! x86-64 hosts: AVX2, AVX-512 and AVX-512 with VNNI, whichever the processor has.
#![allow(unsafe_code)]

mod lanes;

use super::{EachUnit, IntegerWork, Kernel, OneHot, Portable, elsewhere, portable};
use crate::quant::block::{BlockRef, Layout, Narrow};
use lanes::{Lanes, Two, Zmm};

/// Rows of a tile.
const ROWS: usize = Layout::Panels.rows();

/// Runs `work` in the fastest form.
#[inline(always)]
pub(super) fn run<W: IntegerWork>(work: &mut W) -> W::Output {
    // SAFETY, for all three: the processor has what the function was compiled for.
    match Form::here() {
        Form::Avx512Vnni => unsafe { run_avx512_vnni(work) },
        Form::Avx512 => unsafe { run_avx512(work) },
        Form::Avx2 => unsafe { run_avx2(work) },
        Form::Portable => work.run::<Portable>(),
    }
}

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Avx512Vnni,
    Avx512,
    Avx2,
    Portable,
}

impl Form {
    /// The fastest that the processor has.
    #[inline]
    fn here() -> Self {
        use std::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512bw") && has!("avx512vl") {
            if has!("avx512vnni") { Form::Avx512Vnni } else { Form::Avx512 }
        } else if has!("avx2") {
            Form::Avx2
        } else {
            Form::Portable
        }
    }
}

/// The name of the fastest form.
pub(super) fn form() -> &'static str {
    match Form::here() {
        Form::Avx512Vnni => "avx512 vnni",
        Form::Avx512 => "avx512",
        Form::Avx2 => "avx2",
        Form::Portable => "portable",
    }
}

/// Vectors for which the rows of some tiles are compiled by themselves, once for all steps that don't
/// know their sizes.
trait Tilewise: Lanes {
    /// # Safety
    /// As for [`some`].
    unsafe fn some<W: Weight, const T: usize, const P: usize>(rows: &Rows, narrow: &Product<W>);
}

macro_rules! form {
    ($run:ident, $vector:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn $run<W: IntegerWork>(work: &mut W) -> W::Output {
            if W::INLINED {
                work.run::<Vectors<$vector, true>>()
            } else {
                work.run::<Vectors<$vector, false>>()
            }
        }

        impl Tilewise for $vector {
            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn some<W: Weight, const T: usize, const P: usize>(
                rows: &Rows,
                narrow: &Product<W>,
            ) {
                // SAFETY: the caller's.
                unsafe { some::<Self, W, T, P>(rows, narrow) }
            }
        }
    };
}

form!(run_avx512_vnni, Zmm<true>, "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2");
form!(run_avx512, Zmm<false>, "avx512f,avx512bw,avx512vl,avx512dq,avx2");
form!(run_avx2, Two, "avx2");

/// Runs work in each form that the processor has.
#[cfg(test)]
pub(super) fn each_form<W: IntegerWork>(work: impl Fn() -> W) {
    let fastest = Form::here();
    // SAFETY, for all three: the processor has what the function was compiled for.
    if fastest == Form::Avx512Vnni {
        unsafe { run_avx512_vnni(&mut work()) };
    }
    if matches!(fastest, Form::Avx512Vnni | Form::Avx512) {
        unsafe { run_avx512(&mut work()) };
    }
    if fastest != Form::Portable && std::is_x86_feature_detected!("avx2") {
        unsafe { run_avx2(&mut work()) };
    }
}

/// For [`Layout::Panels`]; what lies otherwise is left to [`Portable`].
struct Vectors<V, const INLINED: bool>(core::marker::PhantomData<V>);

impl<V: Tilewise, const INLINED: bool> Kernel for Vectors<V, INLINED> {
    #[inline(always)]
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
        let (rows, columns) = (out.len(), block.narrow_columns);
        let wide = if hot.is_some() { 0 } else { block.wide_columns };
        let (offsets, bytes): (&[i32], &[i8]) = match block.narrow {
            Narrow::Quads(words) => block.quads(words),
            Narrow::Bytes(_) | Narrow::Halves(_) | Narrow::Pairs(_) => (&[], &[]),
        };
        let narrow = match block.narrow {
            Narrow::Quads(_) => bytes.len(),
            Narrow::Halves(w) | Narrow::Pairs(w) => w.len(),
            Narrow::Bytes(_) => return elsewhere(block, hot, v, out),
        };
        let fits = block.layout == Layout::Panels
            && rows % ROWS == 0
            && block.bias.len() == rows
            && block.multipliers.len() == rows
            && block.wide.len() == rows * block.wide_columns
            && narrow == rows * columns
            && (offsets.len() == rows || bytes.is_empty())
            && v.len() == wide + columns
            && (wide | columns) % 2 == 0;
        if !fits {
            return elsewhere(block, hot, v, out);
        }
        let starts = if hot.is_some() {
            block.start(hot, out);
            out.as_ptr()
        } else {
            block.bias.as_ptr()
        };
        let x = v.as_ptr();
        let rows = Rows {
            starts,
            offsets: (V::OFFSET && !bytes.is_empty()).then_some(offsets.as_ptr()),
            multipliers: block.multipliers.as_ptr(),
            out: out.as_mut_ptr(),
            wide: Product { w: block.wide.as_ptr(), x, columns: wide },
        };
        let (x, tiles) = (x.wrapping_add(wide), out.len() / ROWS);
        // SAFETY: the sizes were checked; the form's instructions are there.
        unsafe {
            match block.narrow {
                Narrow::Quads(_) | Narrow::Bytes(_) => {
                    let w = bytes.as_ptr();
                    all::<V, i8, INLINED>(rows, Product { w, x, columns }, tiles);
                }
                Narrow::Halves(w) | Narrow::Pairs(w) => {
                    all::<V, i16, INLINED>(rows, Product { w: w.as_ptr(), x, columns }, tiles)
                }
            }
        }
    }

    #[inline(always)]
    fn each_unit<U: EachUnit<G>, const G: usize>(
        units: usize,
        gates: [&[i32]; G],
        c: &mut [i32],
        h: &mut [i16],
    ) {
        Self::units::<U, G>(units, gates, c, h);
    }
}

impl<V: Lanes, const INLINED: bool> Vectors<V, INLINED> {
    /// [`Kernel::each_unit`]: whole vectors, then what is left one by one.
    #[inline(always)]
    fn units<U: EachUnit<G>, const G: usize>(
        units: usize,
        gates: [&[i32]; G],
        c: &mut [i32],
        h: &mut [i16],
    ) {
        let with_c = !c.is_empty();
        let mut shortest = units.min(h.len());
        for gate in gates {
            shortest = shortest.min(gate.len());
        }
        if with_c {
            shortest = shortest.min(c.len());
        }
        let whole = shortest - shortest % ROWS;
        for k in (0..whole).step_by(ROWS) {
            // SAFETY: 16 numbers from k on are below all lengths; the form's instructions are there.
            unsafe {
                let mut of_units = [V::splat(0); G];
                for (to, gate) in of_units.iter_mut().zip(gates) {
                    *to = V::load(gate.as_ptr().add(k));
                }
                let old = if with_c { V::load(c.as_ptr().add(k)) } else { V::splat(0) };
                let (new, h_new) = U::unit(of_units, old, V::widen(h.as_ptr().add(k)));
                if with_c {
                    new.store(c.as_mut_ptr().add(k));
                }
                h_new.narrow(h.as_mut_ptr().add(k));
            }
        }
        portable::each_unit::<U, G>(whole..units, gates, c, h);
    }
}

/// Parts of a tile's sums: see [`Lanes::joined`].
type Parts<V> = [V; 2];

/// Weights of 8 or 16 bits.
trait Weight: Copy {
    /// Columns of a tile; two that are left make one of their own.
    const COLUMNS: usize = 2;

    /// Those of a tile of two columns.
    ///
    /// # Safety
    /// They are there.
    unsafe fn pair<V: Lanes>(w: *const Self) -> V;

    /// The products of the tiles from column j on.
    ///
    /// # Safety
    /// As for [`all`]; the columns are there.
    #[inline(always)]
    unsafe fn add_tiles<V: Lanes, const T: usize>(
        sums: &mut [Parts<V>; T],
        product: Product<Self>,
        j: usize,
    ) {
        unsafe { add_pairs(sums, product, j) }
    }
}

impl Weight for i16 {
    #[inline(always)]
    unsafe fn pair<V: Lanes>(w: *const Self) -> V {
        unsafe { V::load(w.cast()) }
    }
}

impl Weight for i8 {
    const COLUMNS: usize = 4;

    #[inline(always)]
    unsafe fn pair<V: Lanes>(w: *const Self) -> V {
        unsafe { V::bytes(w) }
    }

    #[inline(always)]
    unsafe fn add_tiles<V: Lanes, const T: usize>(
        sums: &mut [Parts<V>; T],
        Product { w, x, columns }: Product<Self>,
        j: usize,
    ) {
        unsafe {
            let x = V::quad(x.add(j));
            for (t, sum) in sums.iter_mut().enumerate() {
                *sum = V::add_quads(*sum, w.add(ROWS * (t * columns + j)), x);
            }
        }
    }
}

/// W x of a block's columns of one width.
#[derive(Clone, Copy)]
struct Product<W> {
    w: *const W,
    x: *const i16,
    columns: usize,
}

/// What belongs to the rows from some one on.
#[derive(Clone, Copy)]
struct Rows {
    starts: *const i32,
    offsets: Option<*const i32>,
    multipliers: *const i32,
    out: *mut i32,
    wide: Product<i16>,
}

/// All tiles' rows, as many at once as there are registers for.
///
/// # Safety
/// All that the arguments name is there.
#[inline(always)]
unsafe fn all<V: Tilewise, W: Weight, const INLINED: bool>(
    mut rows: Rows,
    mut narrow: Product<W>,
    mut tiles: usize,
) {
    unsafe {
        // Where sums of bytes are in two parts, half as many partial sums keep the processor busy.
        let two = V::OFFSET && W::COLUMNS == 4;
        while tiles > 0 {
            let now = match tiles {
                8.. if V::MANY => 8,
                4.. => 4,
                2.. => 2,
                _ => 1,
            };
            macro_rules! some {
                ($t:literal, $p:literal) => {
                    if INLINED {
                        some::<V, W, $t, $p>(&rows, &narrow);
                    } else {
                        V::some::<W, $t, $p>(&rows, &narrow);
                    }
                };
            }
            match now {
                8 => some!(8, 1),
                4 if two => some!(4, 1),
                4 => some!(4, 2),
                2 if two => some!(2, 2),
                2 => some!(2, 4),
                _ if two => some!(1, 4),
                _ => some!(1, 8),
            }
            tiles -= now;
            rows.starts = rows.starts.wrapping_add(now * ROWS);
            rows.offsets = rows.offsets.map(|offsets| offsets.wrapping_add(now * ROWS));
            rows.multipliers = rows.multipliers.wrapping_add(now * ROWS);
            rows.out = rows.out.wrapping_add(now * ROWS);
            rows.wide.w = rows.wide.w.wrapping_add(now * ROWS * rows.wide.columns);
            narrow.w = narrow.w.wrapping_add(now * ROWS * narrow.columns);
        }
    }
}

/// The rows of T tiles, each in P partial sums: one would wait for itself.
///
/// # Safety
/// As for [`all`].
#[inline(always)]
unsafe fn some<V: Lanes, W: Weight, const T: usize, const P: usize>(
    rows: &Rows,
    narrow: &Product<W>,
) {
    unsafe {
        let mut sums = [[[V::splat(0); 2]; T]; P];
        for (t, [sum, ..]) in sums[0].iter_mut().enumerate() {
            *sum = V::load(rows.starts.add(t * ROWS));
            if let Some(offsets) = rows.offsets {
                *sum = *sum + V::load(offsets.add(t * ROWS));
            }
        }
        add(&mut sums, rows.wide);
        add(&mut sums, *narrow);
        for t in 0..T {
            let [mut a, mut b] = sums[0][t];
            for parts in sums.iter().skip(1) {
                let [of_a, of_b] = parts[t];
                (a, b) = (a + of_a, b + of_b);
            }
            let m = V::load(rows.multipliers.add(t * ROWS));
            V::joined([a, b]).multiply_high(m).store(rows.out.add(t * ROWS));
        }
    }
}

/// sums += W x
///
/// # Safety
/// As for [`all`].
#[inline(always)]
unsafe fn add<V: Lanes, W: Weight, const T: usize, const P: usize>(
    sums: &mut [[Parts<V>; T]; P],
    product: Product<W>,
) {
    let tiles = product.columns / W::COLUMNS;
    let whole = tiles - tiles % P;
    // SAFETY: as for the function: the columns are there.
    unsafe {
        for j in (0..whole).step_by(P) {
            for (p, sums) in sums.iter_mut().enumerate() {
                W::add_tiles(sums, product, W::COLUMNS * (j + p));
            }
        }
        for j in whole..tiles {
            W::add_tiles(&mut sums[0], product, W::COLUMNS * j);
        }
        if !product.columns.is_multiple_of(W::COLUMNS) {
            add_pairs(&mut sums[0], product, W::COLUMNS * tiles);
        }
    }
}

/// The products of columns j and j + 1.
///
/// # Safety
/// As for [`all`]; the columns are there.
#[inline(always)]
unsafe fn add_pairs<V: Lanes, W: Weight, const T: usize>(
    sums: &mut [Parts<V>; T],
    Product { w, x, columns }: Product<W>,
    j: usize,
) {
    unsafe {
        let x = V::splat(x.add(j).cast::<i32>().read_unaligned());
        for (t, [sum, ..]) in sums.iter_mut().enumerate() {
            *sum = sum.add_products(W::pair(w.add(ROWS * (t * columns + j))), x);
        }
    }
}
