//! Which instructions a host's kernels for real numbers use.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

/// A form of the kernels of either arithmetic; all give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// Plain Rust.
    Portable = 1,
    /// 8 lanes, fused multiply-add.
    Avx2,
    /// 16 lanes.
    Avx512,
}

/// The chosen form, 0 before the first look.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

impl Form {
    /// All of them, the widest last.
    pub const ALL: [Form; 3] = [Form::Portable, Form::Avx2, Form::Avx512];

    /// The widest form that this processor has, or the one named in the environment's `RNN_KERNEL`
    /// (`portable`, `avx2`, `avx512`) if it has that. Looked up once.
    #[inline]
    pub fn chosen() -> Form {
        match CHOSEN.load(Ordering::Relaxed) {
            1 => Form::Portable,
            2 => Form::Avx2,
            3 => Form::Avx512,
            _ => Form::choose(),
        }
    }

    #[cold]
    fn choose() -> Form {
        let wanted = std::env::var("RNN_KERNEL").ok();
        let runs = || Form::ALL.into_iter().rev().filter(|form| form.runs_here());
        let form = runs()
            .find(|form| wanted.as_ref().is_some_and(|wanted| wanted == form.name()))
            .or_else(|| runs().next())
            .unwrap_or(Form::Portable);
        CHOSEN.store(form as u8, Ordering::Relaxed);
        form
    }

    /// As the environment's `RNN_KERNEL` has it.
    pub fn name(self) -> &'static str {
        match self {
            Form::Portable => "portable",
            Form::Avx2 => "avx2",
            Form::Avx512 => "avx512",
        }
    }

    /// Takes this form from now on, in every thread; `false`, and nothing changes, where the processor
    /// doesn't have it.
    pub fn choose_this(self) -> bool {
        let runs = self.runs_here();
        if runs {
            CHOSEN.store(self as u8, Ordering::Relaxed);
        }
        runs
    }

    /// Whether this processor has it.
    pub fn runs_here(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            match self {
                Form::Portable => true,
                Form::Avx2 => avx2,
                Form::Avx512 => avx2 && has!("avx512f"),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Form::Portable
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
