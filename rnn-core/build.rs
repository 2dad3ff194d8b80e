//! Finds out which instructions the chip has: stable Rust has no `cfg` for an FPU or for Helium, and
//! what `-C target-cpu` adds is seen by the assembler alone. So a piece of assembly is compiled with
//! the flags of this very build.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// A `cfg`, and an instruction that assembles where it holds.
const PROBES: [(&str, &str); 3] = [
    ("arm_fpu", "vmul.f32 s0, s0, s1"),
    ("arm_dsp", "smlad r0, r0, r0, r0"),
    ("arm_helium", "vmul.f32 q0, q0, q1"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The architecture of an M33 and an M55.
    println!("cargo::rustc-check-cfg=cfg(arm_v8m)");
    if variable("TARGET").starts_with("thumbv8m.main") {
        println!("cargo::rustc-cfg=arm_v8m");
    }
    for (cfg, instruction) in PROBES {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if variable("CARGO_CFG_TARGET_ARCH") == "arm" && assembles(cfg, instruction) {
            println!("cargo::rustc-cfg={cfg}");
        }
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
