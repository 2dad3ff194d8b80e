//! Four units in registers: A (s0-s3), B (s4-s7), C (s8-s11) or D (s12-s15). tanh takes 22.5 cycles
//! each on an M4, the logistic function 24.5.

/// What stands in front of the loop: the table's units in 1, half of them, and one half.
macro_rules! constants {
    () => {
        "vmov s16, {a}\nvmov s17, {b}\nvmov s18, {row}\n"
    };
}

/// The registers of four units.
macro_rules! list {
    (A) => {
        "{{s0-s3}}"
    };
    (B) => {
        "{{s4-s7}}"
    };
    (C) => {
        "{{s8-s11}}"
    };
    (D) => {
        "{{s12-s15}}"
    };
}

/// Four units from where a pointer points, which moves on.
macro_rules! load {
    ($v:ident $from:literal) => {
        concat!("vldmia {", $from, "}!, ", list!($v))
    };
}

/// The same; the pointer stays.
macro_rules! look {
    ($v:ident $from:literal) => {
        concat!("vldmia {", $from, "}, ", list!($v))
    };
}

/// Four units to where a pointer points, which moves on.
macro_rules! store {
    ($v:ident $to:literal) => {
        concat!("vstmia {", $to, "}!, ", list!($v))
    };
}

/// A register by the name of the four and the unit.
macro_rules! s {
    (A 0) => {
        "s0"
    };
    (A 1) => {
        "s1"
    };
    (A 2) => {
        "s2"
    };
    (A 3) => {
        "s3"
    };
    (B 0) => {
        "s4"
    };
    (B 1) => {
        "s5"
    };
    (B 2) => {
        "s6"
    };
    (B 3) => {
        "s7"
    };
    (C 0) => {
        "s8"
    };
    (C 1) => {
        "s9"
    };
    (C 2) => {
        "s10"
    };
    (C 3) => {
        "s11"
    };
    (D 0) => {
        "s12"
    };
    (D 1) => {
        "s13"
    };
    (D 2) => {
        "s14"
    };
    (D 3) => {
        "s15"
    };
    // Constants, the same for every unit.
    (units $i:tt) => {
        "s16"
    };
    (half_units $i:tt) => {
        "s17"
    };
    (half $i:tt) => {
        "s18"
    };
}

/// The same operation on four units.
macro_rules! four {
    ($op:literal: $to:ident $a:ident $b:ident) => {
        concat!(
            $op, " ", s!($to 0), ", ", s!($a 0), ", ", s!($b 0), "\n",
            $op, " ", s!($to 1), ", ", s!($a 1), ", ", s!($b 1), "\n",
            $op, " ", s!($to 2), ", ", s!($a 2), ", ", s!($b 2), "\n",
            $op, " ", s!($to 3), ", ", s!($a 3), ", ", s!($b 3), "\n",
        )
    };
    ($op:literal: $to:ident) => {
        concat!(
            $op, " ", s!($to 0), ", ", s!($to 0), "\n",
            $op, " ", s!($to 1), ", ", s!($to 1), "\n",
            $op, " ", s!($to 2), ", ", s!($to 2), "\n",
            $op, " ", s!($to 3), ", ", s!($to 3), "\n",
        )
    };
}

/// Two values in a double register, counted in the table's units: the row of each, the place within
/// it, and there the two cubics. Takes B and C.
macro_rules! cubics {
    ($d:literal $a:expr, $b:expr) => {
        concat!(
            "vmov {a}, {b}, ",
            $d,
            "\n",
            "ubfx {row}, {a}, #26, #6\n",
            "add {row}, {table}, {row}, lsl #4\n",
            "vldmia {row}, {{s4-s7}}\n",
            "ubfx {row}, {b}, #26, #6\n",
            "add {row}, {table}, {row}, lsl #4\n",
            "vldmia {row}, {{s8-s11}}\n",
            "bfc {a}, #26, #6\n",
            "bfc {b}, #26, #6\n",
            "vmov ",
            $d,
            ", {a}, {b}\n",
            "vcvt.f32.s32 ",
            $a,
            ", ",
            $a,
            "\n",
            "vcvt.f32.s32 ",
            $b,
            ", ",
            $b,
            "\n",
            "vmul.f32 s7, s7, ",
            $a,
            "\n",
            "vmul.f32 s11, s11, ",
            $b,
            "\n",
            "vadd.f32 s7, s7, s6\n",
            "vadd.f32 s11, s11, s10\n",
            "vmul.f32 s7, s7, ",
            $a,
            "\n",
            "vmul.f32 s11, s11, ",
            $b,
            "\n",
            "vadd.f32 s7, s7, s5\n",
            "vadd.f32 s11, s11, s9\n",
            "vmul.f32 s7, s7, ",
            $a,
            "\n",
            "vmul.f32 s11, s11, ",
            $b,
            "\n",
            "vadd.f32 ",
            $a,
            ", s7, s4\n",
            "vadd.f32 ",
            $b,
            ", s11, s8\n",
        )
    };
}

/// A or D = tanh of it. VCVT saturates, and NaN gives 0. Takes B and C.
macro_rules! tanh {
    ($v:ident) => {
        tanh!($v units)
    };
    (A $units:ident) => {
        concat!(
            four!("vmul.f32": A A $units), four!("vcvt.s32.f32": A),
            cubics!("d0" s!(A 0), s!(A 1)), cubics!("d1" s!(A 2), s!(A 3)),
        )
    };
    (D $units:ident) => {
        concat!(
            four!("vmul.f32": D D $units), four!("vcvt.s32.f32": D),
            cubics!("d6" s!(D 0), s!(D 1)), cubics!("d7" s!(D 2), s!(D 3)),
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
