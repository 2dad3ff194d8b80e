//! Four units in a register of Helium: A (q0), B (q1), C (q2) or D (q3).

/// What stands in front of the loop: nothing, constants are in general registers; not every loop
/// needs all of them.
macro_rules! constants {
    () => {
        "/* {a} {b} {row} */"
    };
}

/// A register of four units, or a constant: the table's units in 1, half of them, and one half.
macro_rules! s {
    (A) => {
        "q0"
    };
    (B) => {
        "q1"
    };
    (C) => {
        "q2"
    };
    (D) => {
        "q3"
    };
    (units) => {
        "{a}"
    };
    (half_units) => {
        "{b}"
    };
    (half) => {
        "{row}"
    };
}

/// Four units from where a pointer points, which moves on.
macro_rules! load {
    ($v:ident $from:literal) => {
        concat!("vldrw.u32 ", s!($v), ", [{", $from, "}], #16")
    };
}

/// The same; the pointer stays.
macro_rules! look {
    ($v:ident $from:literal) => {
        concat!("vldrw.u32 ", s!($v), ", [{", $from, "}]")
    };
}

/// Four units to where a pointer points, which moves on.
macro_rules! store {
    ($v:ident $to:literal) => {
        concat!("vstrw.32 ", s!($v), ", [{", $to, "}], #16")
    };
}

/// The same operation on four units.
macro_rules! four {
    ($op:literal: $to:ident $a:ident $b:ident) => {
        concat!($op, " ", s!($to), ", ", s!($a), ", ", s!($b), "\n")
    };
}

/// A or D = tanh of it. VCVT saturates, and NaN gives 0. Takes B, C and q4.
macro_rules! tanh {
    ($v:ident) => {
        tanh!($v units)
    };
    ($v:ident $units:ident) => {
        concat!(
            four!("vmul.f32": $v $v $units),
            "vcvt.s32.f32 ", s!($v), ", ", s!($v), "\n",
            // The row of each, and there the cubic; the place within it.
            "vshr.u32 q1, ", s!($v), ", #26\n",
            "vshl.i32 q1, q1, #4\n",
            "vadd.i32 q1, q1, {table}\n",
            "vbic.i32 ", s!($v), ", #0xfc000000\n",
            "vldrw.u32 q2, [q1, #12]\n",
            "vcvt.f32.s32 ", s!($v), ", ", s!($v), "\n",
            "vldrw.u32 q4, [q1, #8]\n",
            four!("vmul.f32": C C $v),
            "vadd.f32 q2, q2, q4\n",
            "vldrw.u32 q4, [q1, #4]\n",
            four!("vmul.f32": C C $v),
            "vadd.f32 q2, q2, q4\n",
            "vldrw.u32 q4, [q1]\n",
            four!("vmul.f32": C C $v),
            "vadd.f32 ", s!($v), ", q2, q4\n",
        )
    };
}

/// A or D = 0.5 + 0.5 tanh of half of it; half is taken with the units: a factor of 2 changes no bit,
/// and where half of a number isn't normal, it is less than one unit.
macro_rules! sigmoid {
    ($v:ident) => {
        concat!(tanh!($v half_units), four!("vmul.f32": $v $v half), four!("vadd.f32": $v $v half))
    };
}
