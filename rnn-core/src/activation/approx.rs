//! Elementary functions in `f32`: fixed sequences of multiplications and additions, no branches on
//! data, no library. The same input gives the same bits on every machine.
//!
//! | function | largest error, and where the test looks |
//! |---|---|
//! | [`tanh_table`] | 3.3e-6 absolute, every 97th `f32` |
//! | [`tanh_rational`] | 1.2e-6 absolute, every 97th `f32` |
//! | [`sigmoid`] of the table | 1.7e-6 absolute, every 97th `f32` |
//! | [`exp`] | 2.5e-7 relative, -87 to 88 |
//! | [`ln`] | 2.5e-7 relative to max(1, \|ln x\|), all positive normal numbers |

/// Rows of the tanh table: 32 for each sign.
pub(crate) const ROWS: usize = 64;

/// Arguments are counted in units of 1 / (`SCALE` 2^28), so that a 32-bit integer just spans
/// +-6.67, where tanh differs from +-1 by 3.2e-6.
pub(crate) const SCALE: f64 = 1.2;

/// Cubics c0 + f (c1 + f (c2 + f c3)) for the 64 pieces of tanh, f = 0 ... 2^26 within a piece.
pub(crate) static TABLE: [[f32; 4]; ROWS] = table();

/// tanh x by a table of 64 cubics (1 KB). NaN gives 0, +-infinity the values at the table's ends.
///
/// q = x SCALE 2^28 as a saturated 32-bit integer; its top 6 bits choose the piece, the other 26
/// are the place within it.
#[inline(always)]
pub fn tanh_table(x: f32) -> f32 {
    // `as` saturates and maps NaN to 0: on an M4 one VCVT.
    let q = (x * (SCALE * (1u32 << 28) as f64) as f32) as i32;
    let [c0, c1, c2, c3] = TABLE[(q >> 26) as usize & (ROWS - 1)];
    let f = (q & 0x03FF_FFFF) as f32;
    ((c3 * f + c2) * f + c1) * f + c0
}

/// Arguments beyond have [`tanh_rational`] of it.
#[cfg(feature = "std")]
pub(crate) const TANH_LIMIT: f32 = 7.0;
/// P's coefficients, the constant one first.
#[cfg(feature = "std")]
pub(crate) const TANH_P: [f32; 4] = [9.999_957e-1, 1.230_218_3e-1, 2.276_988_2e-3, 3.930_007_6e-6];
/// Q's.
#[cfg(feature = "std")]
pub(crate) const TANH_Q: [f32; 4] = [1.0, 4.563_403e-1, 2.107_217_7e-2, 1.423_507_5e-4];

/// From this less the bits of q > 0 come those of 1 / q to 5 %.
#[cfg(feature = "std")]
pub(crate) const RECIPROCAL: u32 = 0x7EF1_27EA;

/// tanh x = x P(x^2) / Q(x^2), both of degree 3, minimax on +-7 and held constant beyond; products
/// fused, for training.
///
/// No table look-up and no division (1 / Q from its bits, then two steps of Newton's kind, the first
/// with its third-order term), so that the trainer's loops turn it into whole vectors. NaN gives NaN
/// here: the trainer stops on a loss that isn't finite.
#[cfg(feature = "std")]
#[inline(always)]
pub fn tanh_rational(x: f32) -> f32 {
    let x = if x > TANH_LIMIT { TANH_LIMIT } else { x };
    let x = if x < -TANH_LIMIT { -TANH_LIMIT } else { x };
    let s = x * x;
    let polynomial = |[c0, c1, c2, c3]: [f32; 4]| c3.mul_add(s, c2).mul_add(s, c1).mul_add(s, c0);
    let (p, q) = (x * polynomial(TANH_P), polynomial(TANH_Q));
    let y = f32::from_bits(RECIPROCAL.wrapping_sub(q.to_bits()));
    let e = (-q).mul_add(y, 1.0);
    let y = e.mul_add(e, e).mul_add(y, y);
    let h = p * y;
    (-q).mul_add(y, 1.0).mul_add(h, h)
}

/// 1 / (1 + e^-x) = (1 + tanh(x / 2)) / 2, with whichever tanh is given.
#[inline(always)]
pub fn sigmoid(x: f32, tanh: impl Fn(f32) -> f32) -> f32 {
    0.5 + 0.5 * tanh(0.5 * x)
}

/// ln 2 in two parts: the first has 9 zero bits at its end, so that n times it is exact.
pub(crate) const LN2_HIGH: f32 = 0.693_359_4;
pub(crate) const LN2_LOW: f32 = -2.121_944_4e-4;
/// 1.5 2^23: adding and subtracting it rounds to the nearest integer.
pub(crate) const EXP_ROUND: f32 = 12_582_912.0;
/// 1 / k!
pub(crate) const EXP_SERIES: [f32; 8] =
    [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];

/// e^x = 2^n 2^f, n = round(x / ln 2), |f| <= 1/2, 2^f by its series to degree 7.
/// Below -87 the result is e^-87, above 88 it is e^88: no denormals, no infinity.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * core::f32::consts::LOG2_E + EXP_ROUND;
    let n = shifted - EXP_ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let [c0, c1, c2, c3, c4, c5, c6, c7] = EXP_SERIES;
    let p = c4 + r * (c5 + r * (c6 + r * c7));
    let p = c0 + r * (c1 + r * (c2 + r * (c3 + r * p)));
    // n stands in the last bits of the shifted number; what is above them falls off.
    p * f32::from_bits((shifted.to_bits() + 127) << 23)
}

/// ln x = e ln 2 + ln m with m in [1/sqrt 2, sqrt 2), ln m = 2 artanh((m - 1) / (m + 1)).
/// Defined for positive normal numbers; 0 and denormals give ln of the smallest normal number.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3F35_04F3;
    let x = if x > f32::MIN_POSITIVE { x } else { f32::MIN_POSITIVE };
    let bits = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let e = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007F_FFFF).wrapping_add(SQRT_HALF_BITS));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let p = 1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0))));
    e * core::f32::consts::LN_2 + (2.0 * s + 2.0 * s * z * p)
}

/// The table, computed by the compiler: in each piece the cubic through tanh at the four Chebyshev
/// nodes; in the piece that starts at 0 the nodes are spread so that the first one is 0: tanh 0 = 0.
const fn table() -> [[f32; 4]; ROWS] {
    // cos(pi/8) and cos(3 pi/8): the nodes on [-1, 1] are -A, -B, B, A.
    const A: f64 = 0.923_879_532_511_286_7;
    const B: f64 = 0.382_683_432_365_089_8;
    let width = 0.25 / SCALE;
    let mut rows = [[0.0f32; 4]; ROWS];
    let mut row = 0;
    while row < ROWS {
        let piece = if row < ROWS / 2 { row as f64 } else { row as f64 - ROWS as f64 };
        let nodes = if row == 0 {
            [0.0, (A - B) / (1.0 + A), (A + B) / (1.0 + A), 2.0 * A / (1.0 + A)]
        } else {
            [0.5 - 0.5 * A, 0.5 - 0.5 * B, 0.5 + 0.5 * B, 0.5 + 0.5 * A]
        };
        // Newton's divided differences, then expansion to powers of t in [0, 1].
        let mut d = [0.0f64; 4];
        let mut i = 0;
        while i < 4 {
            d[i] = tanh_exact((piece + nodes[i]) * width);
            i += 1;
        }
        let mut order = 1;
        while order < 4 {
            let mut i = 3;
            while i >= order {
                d[i] = (d[i] - d[i - 1]) / (nodes[i] - nodes[i - order]);
                i -= 1;
            }
            order += 1;
        }
        let mut c = [d[3], 0.0, 0.0, 0.0];
        let mut i = 3;
        while i > 0 {
            i -= 1;
            let mut k = 3;
            while k > 0 {
                c[k] = c[k - 1] - nodes[i] * c[k];
                k -= 1;
            }
            c[0] = d[i] - nodes[i] * c[0];
        }
        // t = f 2^-26: the scale goes into the coefficients.
        let mut scale = 1.0f64;
        let mut k = 0;
        while k < 4 {
            rows[row][k] = (c[k] * scale) as f32;
            scale /= (1u32 << 26) as f64;
            k += 1;
        }
        row += 1;
    }
    rows
}

/// tanh in double precision for the compiler's use: e^x by its series at x / 2^10, squared ten times.
pub(crate) const fn tanh_exact(x: f64) -> f64 {
    let r = 2.0 * x / 1024.0;
    // e^r - 1, kept apart from the 1 so that small arguments lose nothing.
    let mut term = r;
    let mut sum = r;
    let mut k = 2.0;
    while k < 12.0 {
        term *= r / k;
        sum += term;
        k += 1.0;
    }
    let mut squarings = 0;
    while squarings < 10 {
        sum = sum * (sum + 2.0);
        squarings += 1;
    }
    sum / (sum + 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 97th bit pattern that isn't a NaN.
    fn sweep() -> impl Iterator<Item = f32> {
        (0..=u32::MAX / 97).map(|i| f32::from_bits(i * 97)).filter(|x| !x.is_nan())
    }

    fn largest_error(approximate: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        sweep().map(|x| (f64::from(approximate(x)) - exact(f64::from(x))).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn tanh_keeps_its_stated_error() {
        let table = largest_error(tanh_table, libm::tanh);
        assert!(table <= 3.3e-6, "table {table:e}");
        assert!(sweep().all(|x| tanh_table(x).abs() <= 1.0));
    }

    #[cfg(feature = "std")]
    #[test]
    fn tanh_of_training_keeps_its_stated_error() {
        let rational = largest_error(tanh_rational, libm::tanh);
        assert!(rational <= 1.2e-6, "rational {rational:e}");
        assert!(sweep().all(|x| tanh_rational(x).abs() <= 1.0));
        assert!(tanh_rational(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_keeps_its_stated_error() {
        let exact = |x: f64| 1.0 / (1.0 + libm::exp(-x));
        let error = largest_error(|x| sigmoid(x, tanh_table), exact);
        assert!(error <= 1.7e-6, "{error:e}");
    }

    #[test]
    fn special_values() {
        assert_eq!(tanh_table(f32::NAN).to_bits(), 0);
        assert_eq!(tanh_table(0.0).to_bits(), 0);
        assert!((tanh_table(f32::INFINITY) - 1.0).abs() < 3.3e-6);
        assert!((tanh_table(f32::NEG_INFINITY) + 1.0).abs() < 3.3e-6);
    }

    #[test]
    fn exp_and_ln_keep_their_stated_error() {
        let exp_error = (-86_999..=87_999)
            .map(|i| i as f32 * 1e-3)
            .map(|x| (f64::from(exp(x)) / libm::exp(f64::from(x)) - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(exp_error <= 2.5e-7, "exp {exp_error:e}");
        let ln_error = sweep()
            .filter(|x| x.is_normal() && *x > 0.0)
            .map(|x| {
                let exact = libm::log(f64::from(x));
                (f64::from(ln(x)) - exact).abs() / exact.abs().max(1.0)
            })
            .fold(0.0, f64::max);
        assert!(ln_error <= 2.5e-7, "ln {ln_error:e}");
        assert!(exp(f32::INFINITY).is_finite() && exp(f32::NEG_INFINITY) > 0.0);
        assert!(ln(0.0).is_finite());
    }
}
