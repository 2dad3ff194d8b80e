//! Single precision of IEEE 754 in integers, rounded to the nearest, halves to even: what a step needs of
//! it. Every operation is a [`multiply_add`], so there is one piece of code, of some 650 bytes.
//!
//! A number is 2^(e - 150) m with 24 bits of m, the topmost one set unless e = 1 (denormal numbers and 0);
//! as bits: its sign, e - 1 and m added up at their places, so that a carry from m raises e by itself.

use crate::activation::approx::{ROWS, SCALE, TABLE};

const SIGN: u32 = 1 << 31;
/// Above are the NaNs.
const INFINITY: u32 = 0x7F80_0000;
const NAN: u32 = 0x7FC0_0000;
/// The topmost bit of m.
const TOP: u32 = 1 << 23;
/// Bits behind those of m while there is something to round; the last one is set where any behind it was.
const GUARD: u32 = 7;

/// acc + a b, the product rounded before it is added. The code is there once, whoever calls it.
#[inline(never)]
pub(super) fn multiply_add(acc: f32, a: f32, b: f32) -> f32 {
    f32::from_bits(sum(acc.to_bits(), product(a.to_bits(), b.to_bits())))
}

/// a b
#[inline(always)]
pub(super) fn multiply(a: f32, b: f32) -> f32 {
    // -0 + x is x, whatever it is.
    multiply_add(-0.0, a, b)
}

/// a + b
#[inline(always)]
pub(super) fn add(a: f32, b: f32) -> f32 {
    multiply_add(a, 1.0, b)
}

/// a - b
#[inline(always)]
pub(super) fn subtract(a: f32, b: f32) -> f32 {
    multiply_add(a, -1.0, b)
}

/// tanh x as [`tanh_table`](crate::activation::approx::tanh_table) has it.
#[inline(never)]
pub(super) fn tanh(x: f32) -> f32 {
    let q = saturated(multiply(x, (SCALE * (1u32 << 28) as f64) as f32));
    let [c0, c1, c2, c3] = TABLE[(q >> 26) as usize & (ROWS - 1)];
    let f = from_integer(q as u32 & 0x03FF_FFFF);
    multiply_add(c0, multiply_add(c1, multiply_add(c2, c3, f), f), f)
}

/// 1 / (1 + e^-x) = (1 + tanh(x / 2)) / 2
#[inline(never)]
pub(super) fn sigmoid(x: f32) -> f32 {
    multiply_add(0.5, 0.5, tanh(multiply(0.5, x)))
}

/// max(x, 0), 0 for NaN.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if (1..=INFINITY).contains(&x.to_bits()) { x } else { 0.0 }
}

/// The bits of the number nearest to 2^(e - 150) m 2^-GUARD; infinity where that is too large.
#[inline(always)]
fn round(sign: u32, e: u32, m: u32) -> u32 {
    let odd = m >> GUARD & 1;
    let m = (m + (1 << (GUARD - 1)) - 1 + odd) >> GUARD;
    sign | ((e - 1) * TOP + m).min(INFINITY)
}

/// m 2^-by, by < 32; the last bit is set where any that falls off was.
#[inline(always)]
fn shift(m: u32, by: u32) -> u32 {
    let kept = m >> by;
    kept | u32::from(kept << by != m)
}

/// e and m as they are where a number isn't denormal, nor 0.
#[inline(always)]
fn parts(x: u32) -> (u32, u32) {
    ((x / TOP) & 0xFF, x & (TOP - 1) | TOP)
}

/// a b, by bits.
#[inline(always)]
fn product(a: u32, b: u32) -> u32 {
    let sign = (a ^ b) & SIGN;
    let ((e_a, mut m_a), (e_b, mut m_b)) = (parts(a), parts(b));
    let mut e = (e_a + e_b) as i32 - 126;
    if ![e_a, e_b].iter().all(|e| (1..255).contains(e)) {
        let (a, b) = (a & !SIGN, b & !SIGN);
        let (least, most) = (a.min(b), a.max(b));
        if most >= INFINITY {
            return if most > INFINITY || least == 0 { NAN } else { sign | INFINITY };
        }
        // What two denormal numbers make is nothing.
        if least == 0 || most < TOP {
            return sign;
        }
        // The exponent of a denormal number counts as 1.
        (e, m_a, m_b) = (e + 1, parts(most).1, least);
        while m_b < TOP {
            (e, m_b) = (e - 1, m_b << 1);
        }
    }
    let mut m = upper(m_a, m_b);
    if m < TOP << GUARD {
        (e, m) = (e - 1, m << 1);
    }
    if e < 1 {
        (e, m) = (1, shift(m, (1 - e).min(31) as u32));
    }
    round(sign, e as u32, m)
}

/// a b 2^-17 of numbers of 24 bits; the last bit is set where any that falls off was.
#[inline(always)]
fn upper(a: u32, b: u32) -> u32 {
    if cfg!(arm_mla) { upper_of_word(a, b) } else { upper_of_halves(a, b) }
}

/// For a UMULL.
#[inline(always)]
fn upper_of_word(a: u32, b: u32) -> u32 {
    let product = u64::from(a << 7) * u64::from(b << 8);
    (product >> 32) as u32 | u32::from(product as u32 != 0)
}

/// For an M0, whose products have 32 bits: from halves of 12.
#[inline(always)]
fn upper_of_halves(a: u32, b: u32) -> u32 {
    let [[a_1, a_0], [b_1, b_0]] = [a, b].map(|of| [of >> 12, of & 0xFFF]);
    let low = a_0 * b_0;
    let middle = a_1 * b_0 + a_0 * b_1 + (low >> 12);
    (((a_1 * b_1) << 7) + (middle >> 5)) | u32::from(low << 20 | middle << 27 != 0)
}

/// a + b, by bits.
#[inline(always)]
fn sum(a: u32, b: u32) -> u32 {
    // |a| >= |b|
    let (a, b) = if a << 1 >= b << 1 { (a, b) } else { (b, a) };
    let ((mut e_a, mut m_a), (mut e_b, mut m_b)) = (parts(a), parts(b));
    if e_a == 255 {
        return if a << 1 > INFINITY << 1 || b == a ^ SIGN { NAN } else { a };
    }
    if e_b == 0 {
        if b << 1 == 0 {
            return if a << 1 == 0 { a & b } else { a };
        }
        (e_b, m_b) = (1, m_b ^ TOP);
        if e_a == 0 {
            (e_a, m_a) = (1, m_a ^ TOP);
        }
    }
    // b is less than half of what a's last bit stands for, even where a - b loses a bit.
    if e_a - e_b > 25 {
        return a;
    }
    // One bit less behind those of m leaves one for a carry.
    let (m_a, m_b) = (m_a << (GUARD - 1), shift(m_b << (GUARD - 1), e_a - e_b));
    let mut m = if (a ^ b) & SIGN == 0 { m_a + m_b } else { m_a - m_b };
    if m == 0 {
        return 0;
    }
    let mut e = e_a + 1;
    while m < TOP << GUARD && e > 1 {
        (e, m) = (e - 1, m << 1);
    }
    round(a & SIGN, e, m)
}

/// x towards 0; what is too large saturates, and NaN gives 0.
#[inline(always)]
fn saturated(x: f32) -> i32 {
    let (bits, negative) = (x.to_bits() & !SIGN, x.to_bits() & SIGN != 0);
    let m = (bits | TOP) << 8;
    // |x| = 2^-right m
    match 158 - (bits / TOP) as i32 {
        _ if bits > INFINITY => 0,
        32.. => 0,
        right @ 1.. if negative => -((m >> right) as i32),
        right @ 1.. => (m >> right) as i32,
        _ if negative => i32::MIN,
        _ => i32::MAX,
    }
}

/// The number nearest to n < 2^30.
#[inline(always)]
fn from_integer(n: u32) -> f32 {
    if n == 0 {
        return 0.0;
    }
    let (mut e, mut m) = (150 + GUARD, n);
    while m < TOP << GUARD {
        (e, m) = (e - 1, m << 1);
    }
    f32::from_bits(round(0, e, m))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// Both signs of numbers at the ends of what exponents and fractions can be.
    fn edges() -> Vec<f32> {
        let exponents = [0, 1, 2, 23, 24, 25, 102, 103, 126, 127, 128, 150, 151, 253, 254, 255];
        let fractions = [0, 1, 2, 0x3F_FFFF, 0x40_0000, 0x40_0001, 0x55_5555, 0x7F_FFFE, 0x7F_FFFF];
        let each =
            |sign| exponents.iter().flat_map(move |e| fractions.map(|m| sign | (e * TOP) | m));
        each(0).chain(each(SIGN)).map(f32::from_bits).collect()
    }

    /// The bits, all NaNs counted as one.
    fn bits(x: f32) -> u32 {
        if x.is_nan() { NAN } else { x.to_bits() }
    }

    #[track_caller]
    fn assert_as_the_machine(acc: f32, a: f32, b: f32) {
        let got = bits(multiply_add(acc, a, b));
        assert_eq!(got, bits(acc + a * b), "{acc:e} + {a:e} * {b:e}");
    }

    #[test]
    fn edges_are_as_the_machine_has_them() {
        let edges = edges();
        for &a in &edges {
            for &b in &edges {
                assert_eq!(bits(multiply(a, b)), bits(a * b), "{a:e} * {b:e}");
                assert_eq!(bits(add(a, b)), bits(a + b), "{a:e} + {b:e}");
                assert_eq!(bits(subtract(a, b)), bits(a - b), "{a:e} - {b:e}");
                edges.iter().for_each(|&acc| assert_as_the_machine(acc, a, b));
            }
        }
    }

    /// Any bits; numbers of about the same size; products that are denormal; fractions of few bits, which
    /// make ties; sums that cancel.
    #[test]
    fn a_million_of_each_kind_is_as_the_machine_has_it() {
        let mut random = SplitMix64::new(1);
        let near = |bits: u32, exponent: u32| bits & (SIGN | 0x07FF_FFFF) | (exponent * TOP);
        for _ in 0..1_000_000 {
            let [any, more] = [random.next_u64(), random.next_u64()];
            let [acc, a, b] = [any as u32, (any >> 32) as u32, more as u32];
            let few = 0xFFFF_F000 << (more >> 60);
            let product = f32::from_bits(a) * f32::from_bits(b);
            let cancelling = -f32::from_bits(product.to_bits() ^ acc & 0xFF_FFFF >> (more >> 59));
            for [acc, a, b] in [
                [acc, a, b],
                [near(acc, 112), near(a, 112), near(b, 112)],
                [acc & (SIGN | 0x00FF_FFFF), near(a, 48), near(b, 48)],
                [near(acc, 112) & few, near(a, 112) & few, near(b, 112) & few],
                [cancelling.to_bits(), a, b],
            ] {
                let [acc, a, b] = [acc, a, b].map(f32::from_bits);
                assert_as_the_machine(acc, a, b);
            }
        }
    }

    #[test]
    fn products_of_halves_are_those_of_words() {
        let mut random = SplitMix64::new(2);
        for _ in 0..1_000_000 {
            let any = random.next_u64();
            let [a, b] = [any as u32, (any >> 32) as u32].map(|of| of >> 8 | TOP);
            let few = u32::MAX << (any & 15);
            for [a, b] in [[a, b], [a & few, b & few]] {
                assert_eq!(upper_of_halves(a, b), upper_of_word(a, b), "{a:#x} {b:#x}");
            }
        }
    }

    /// Every 1009th bit pattern and the edges.
    #[test]
    fn conversions_are_as_the_machine_has_them() {
        for x in (0..=u32::MAX / 1009).map(|i| f32::from_bits(1009 * i)).chain(edges()) {
            assert_eq!(saturated(x), x as i32, "{x:e}");
            assert_eq!(relu(x).to_bits(), if x > 0.0 { x } else { 0.0 }.to_bits(), "{x:e}");
        }
        for n in (0..1 << 26).step_by(61).chain(0..1 << 12).chain((1 << 26) - (1 << 12)..1 << 26) {
            assert_eq!(from_integer(n), n as f32, "{n}");
        }
    }
}
