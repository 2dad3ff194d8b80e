//! out = b + W_1 x_1 + W_2 x_2 as the loops of [`panel`](super::panel) take it.
#![allow(unsafe_code)]

use super::panel::{Count, over_rows};
use crate::kernel::{Columns, Product};

/// Where W begins, where x begins, and the columns of W.
#[derive(Clone, Copy)]
#[repr(C)] // The loops read the fields in this order.
pub(super) struct Operand {
    pub(super) w: *const f32,
    pub(super) x: *const f32,
    pub(super) columns: Count,
}

/// One column of out = b + W_1 x_1 + W_2 x_2.
#[repr(C)]
pub(super) struct Affine {
    /// The first operand.
    pub(super) first: *const Operand,
    /// Behind the last one that has columns.
    pub(super) end: *const Operand,
    pub(super) out: *mut f32,
    /// b, or zeros.
    pub(super) bias: *const f32,
    /// Ones where b is indexed by the row, zeros where it isn't.
    pub(super) mask: usize,
    /// Rows of out, b and both W.
    pub(super) rows: usize,
}

/// What sums start from where there is no bias.
pub(super) static ZEROS: [f32; 24] = [0.0; 24];

/// out = b + W_1 x_1 + W_2 x_2 with one column of each X; a bias that is too short counts as zeros.
///
/// Inlined, so that sizes known to the compiler choose the panels that are linked.
#[inline(always)]
pub(super) fn affine(
    out: &mut [f32],
    bias: &[f32],
    first: Product<'_, f32>,
    second: Product<'_, f32>,
) {
    let rows = out.len();
    let (first, second) = (columns(first, rows), columns(second, rows));
    let used = if second.2 == 0 { 1 } else { 2 };
    let operands = [first, second].map(|(w, x, columns)| Operand {
        w: w.as_ptr(),
        x: x.as_ptr(),
        columns: Count::new(columns),
    });
    let (bias, mask) =
        bias.get(..rows).map_or((ZEROS.as_ptr(), 0), |bias| (bias.as_ptr(), usize::MAX));
    let job = Affine {
        first: operands.as_ptr(),
        end: operands[..used].as_ptr_range().end,
        out: out.as_mut_ptr(),
        bias,
        mask,
        rows,
    };
    // SAFETY: out, b and W have the rows and columns that are meant, x has an element for each.
    unsafe { over_rows(&job) }
    #[cfg(broken_lane)]
    if rows > 1 {
        out.swap(0, 1);
    }
}

/// W, x and the columns of a product with one column of X. A symbol is a column of W times 1, which changes no bit.
#[inline(always)]
fn columns<'a>(product: Product<'a, f32>, rows: usize) -> (&'a [f32], &'a [f32], usize) {
    static ONE: [f32; 1] = [1.0];
    let (w, x) = match product.x {
        Columns::Values(x) => (product.w, x.get(..product.inputs).unwrap_or(x)),
        Columns::Symbols(symbols) => {
            let symbol = symbols.first().map_or(usize::MAX, |&s| usize::from(s));
            (product.w.get(symbol.saturating_mul(rows)..).unwrap_or_default(), &ONE[..])
        }
    };
    // A product costs less than a division.
    let columns = match w.len() < x.len() * rows {
        true => w.len().checked_div(rows).unwrap_or_default(),
        false => x.len(),
    };
    (w, x, columns)
}
