//! `cargo xtask demo`.
pub(crate) fn run() -> anyhow::Result<bool> {
    Ok(false)
}
