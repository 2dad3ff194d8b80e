//! W^T in blocks of 4 x 4: copies, so it is the same for every form; none where W is a single row or
//! column.

use core::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};

/// `space` becomes W^T, cols x rows.
pub(super) fn transposed<'a>(
    w: &'a [f32],
    rows: usize,
    cols: usize,
    space: &'a mut [f32],
) -> &'a [f32] {
    if rows == 1 || cols == 1 {
        return w;
    }
    let (w, space) = (&w[..rows * cols], &mut space[..rows * cols]);
    let (whole_rows, whole_cols) = (rows - rows % 4, cols - cols % 4);
    for col in (0..whole_cols).step_by(4) {
        for row in (0..whole_rows).step_by(4) {
            // SAFETY: SSE belongs to every x86-64; rows `row` ... `row + 3` and columns `col` ...
            // `col + 3` lie within both slices, whose lengths were checked above.
            #[allow(unsafe_code)]
            unsafe {
                let from = w.as_ptr().add(col * rows + row);
                let to = space.as_mut_ptr().add(row * cols + col);
                let [mut a, mut b, mut c, mut d] =
                    [0, 1, 2, 3].map(|i| _mm_loadu_ps(from.add(i * rows)));
                _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
                for (i, column) in [a, b, c, d].into_iter().enumerate() {
                    _mm_storeu_ps(to.add(i * cols), column);
                }
            }
        }
    }
    for col in 0..cols {
        let rest = if col < whole_cols { whole_rows } else { 0 };
        for row in rest..rows {
            space[row * cols + col] = w[col * rows + row];
        }
    }
    space
}
