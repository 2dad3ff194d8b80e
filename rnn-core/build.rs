//! Finds out which instructions the chip has: stable Rust has no `cfg` for an FPU or for Helium, and
//! what `-C target-cpu` adds is seen by the assembler alone. So a piece of assembly is compiled with
//! the flags of this very build.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// A `cfg`, and an instruction that assembles where it holds.
const PROBES: [(&str, &str); 4] = [
    ("arm_fpu", "vmul.f32 s0, s0, s1"),
    ("arm_dsp", "smlad r0, r0, r0, r0"),
    ("arm_helium", "vmul.f32 q0, q0, q1"),
    ("arm_mla", "mla r0, r0, r0, r0"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Kernels broken on purpose: see `firmware/app/src/broken.rs`.
    println!("cargo::rerun-if-env-changed=RNN_BREAK_KERNELS");
    println!("cargo::rustc-check-cfg=cfg(broken_lane)");
    if env::var_os("RNN_BREAK_KERNELS").is_some() {
        println!("cargo::rustc-cfg=broken_lane");
    }
    // The architecture of an M33 and an M55.
    println!("cargo::rustc-check-cfg=cfg(arm_v8m)");
    if variable("TARGET").starts_with("thumbv8m.main") {
        println!("cargo::rustc-cfg=arm_v8m");
    }
    let mut found = Vec::new();
    for (cfg, instruction) in PROBES {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if variable("CARGO_CFG_TARGET_ARCH") == "arm" && assembles(cfg, instruction) {
            println!("cargo::rustc-cfg={cfg}");
            found.push(cfg);
        }
    }
    // A Cortex-M that computes floats in software.
    println!("cargo::rustc-check-cfg=cfg(arm_soft)");
    let has = |cfg| found.contains(&cfg);
    if variable("TARGET").starts_with("thumb") && !has("arm_fpu") {
        println!("cargo::rustc-cfg=arm_soft");
    }
    // A Cortex-M on which integers have neither vectors nor, with registers of an FPU to keep what they
    // read, products of pairs.
    println!("cargo::rustc-check-cfg=cfg(arm_thumb)");
    let faster = has("arm_helium") || has("arm_fpu") && has("arm_dsp");
    if variable("TARGET").starts_with("thumb") && !faster {
        println!("cargo::rustc-cfg=arm_thumb");
    }
}

fn assembles(cfg: &str, instruction: &str) -> bool {
    let out = variable("OUT_DIR");
    let source = Path::new(&out).join(cfg).with_extension("rs");
    let text = format!(
        "#![no_std]\npub fn probe() {{ unsafe {{ core::arch::asm!(\"{instruction}\", out(\"s0\") _) }} }}\n"
    );
    if let Err(error) = fs::write(&source, text) {
        println!("cargo::error={}: {error}", source.display());
    }
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    Command::new(variable("RUSTC"))
        .args(["--edition=2024", "--crate-type=lib", "--emit=obj", "--out-dir", &out])
        .args(["--target", &variable("TARGET")])
        .args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()))
        .arg(&source)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What Cargo says.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
