//! Puts the linker's view of the board where the linker looks.

use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-env-changed=BOARD");
    let board =
        env::var_os("BOARD").ok_or("build from a board's folder: `cd boards/mps2-an386`")?;
    let memory = Path::new(&board).join("memory.x");
    println!("cargo::rerun-if-changed={}", memory.display());
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let out = Path::new(&out);
    fs::copy(&memory, out.join("memory.x"))
        .map_err(|error| format!("{}: {error}", memory.display()))?;
    // The interrupt table is made by `interrupts!`; no handler has a default. A real chip's crate brings
    // both, and no earlier build's file may stand before that.
    let device = out.join("device.x");
    match env::var_os("CARGO_FEATURE_EMULATED") {
        Some(_) => fs::write(device, "").map_err(|error| error.to_string())?,
        None if device.exists() => fs::remove_file(device).map_err(|error| error.to_string())?,
        None => {}
    }
    println!("cargo::rustc-link-search={}", out.display());
    Ok(())
}
