//! The boards: a folder each under `firmware/boards`. Those that are emulated are named as QEMU names the machine.

use crate::command::root;
use rnn_core::quant::block::Layout;
use std::path::PathBuf;

/// A board that there is firmware for.
#[derive(Debug)]
pub(crate) struct Board {
    /// Its folder's name; of an emulated one also QEMU's name of the machine.
    pub(crate) name: &'static str,
    /// Its core, as people call it.
    pub(crate) core: &'static str,
    /// The same, as the compiler calls it.
    pub(crate) cpu: &'static str,
    /// The compiler's target.
    pub(crate) target: &'static str,
    /// Whether it has a unit for floating point: then a step takes the same instructions for every
    /// input.
    pub(crate) fpu: bool,
    /// Where its kernel for integers wants the weights.
    pub(crate) layout: Layout,
}

/// The board of the demonstration, and of the tests that one board is enough for.
pub(crate) static MAIN: &Board = &BOARDS[2];

/// All emulated boards, the smallest core first.
pub(crate) static BOARDS: [Board; 6] = [
    Board {
        name: "microbit",
        core: "Cortex-M0",
        cpu: "cortex-m0",
        target: "thumbv6m-none-eabi",
        fpu: false,
        layout: Layout::Rows,
    },
    Board {
        name: "mps2-an385",
        core: "Cortex-M3",
        cpu: "cortex-m3",
        target: "thumbv7m-none-eabi",
        fpu: false,
        layout: Layout::Rows,
    },
    Board {
        name: "mps2-an386",
        core: "Cortex-M4F",
        cpu: "cortex-m4",
        target: "thumbv7em-none-eabihf",
        fpu: true,
        layout: Layout::Pairs,
    },
    Board {
        name: "mps2-an500",
        core: "Cortex-M7",
        cpu: "cortex-m7",
        target: "thumbv7em-none-eabihf",
        fpu: true,
        layout: Layout::Pairs,
    },
    Board {
        name: "mps2-an505",
        core: "Cortex-M33",
        cpu: "cortex-m33",
        target: "thumbv8m.main-none-eabihf",
        fpu: true,
        layout: Layout::Pairs,
    },
    Board {
        name: "mps3-an547",
        core: "Cortex-M55",
        cpu: "cortex-m55",
        target: "thumbv8m.main-none-eabihf",
        fpu: true,
        layout: Layout::Rows,
    },
];

/// The real boards.
pub(crate) static REAL: [Board; 4] = [
    Board { name: "nrf52840-dk", ..REAL_M4 },
    Board { name: "microbit-v2", ..REAL_M4 },
    Board { name: "stm32f405", ..REAL_M4 },
    Board {
        name: "rp2350",
        core: "Cortex-M33",
        cpu: "cortex-m33",
        target: "thumbv8m.main-none-eabihf",
        ..REAL_M4
    },
];

/// What those with a Cortex-M4F have in common.
const REAL_M4: Board = Board {
    name: "",
    core: "Cortex-M4F",
    cpu: "cortex-m4",
    target: "thumbv7em-none-eabihf",
    fpu: true,
    layout: Layout::Pairs,
};

/// The real board that QEMU has too, and its name of the machine.
pub(crate) static REAL_IN_QEMU: (&Board, &str) = (&REAL[2], "netduinoplus2");

impl Board {
    /// The emulated board of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self, String> {
        Self::among(BOARDS.iter(), name)
    }

    /// The board of this name, emulated or real.
    pub(crate) fn named_of_all(name: &str) -> Result<&'static Self, String> {
        Self::among(BOARDS.iter().chain(&REAL), name)
    }

    fn among(
        mut boards: impl Iterator<Item = &'static Self> + Clone,
        name: &str,
    ) -> Result<&'static Self, String> {
        let names = boards.clone().map(|board| board.name).collect::<Vec<_>>();
        let board = boards.find(|board| board.name == name);
        board.ok_or_else(|| format!("there are {}", names.join(", ")))
    }

    /// Whether it is a real one.
    pub(crate) fn is_real(&self) -> bool {
        REAL.iter().any(|board| board.name == self.name)
    }

    /// Where its target and its memory are written down; cargo must run there.
    pub(crate) fn folder(&self) -> PathBuf {
        root().join("firmware/boards").join(self.name)
    }

    /// An image that was built for it.
    pub(crate) fn image(&self, profile: &str, name: &str) -> PathBuf {
        let images = root().join("firmware/target").join(self.name).join(self.target);
        images.join(profile).join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rnn_train_host::device::MACHINES;
    use std::fs;

    #[test]
    fn every_machine_is_a_board_with_a_folder() {
        let mut machines: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        machines.push(REAL_IN_QEMU.1);
        machines.sort_unstable();
        let mut named = MACHINES;
        named.sort_unstable();
        assert_eq!(machines, named);
        for board in BOARDS.iter().chain(&REAL) {
            let config = fs::read_to_string(board.folder().join(".cargo/config.toml")).unwrap();
            let named = |text: String| assert!(config.contains(&text), "{}: {text}", board.name);
            named(format!("target = \"{}\"", board.target));
            named(format!("target-cpu={}\"", board.cpu));
            named(format!("target/{}\"", board.name));
            named(if board.is_real() {
                "probe-rs run --chip ".into()
            } else {
                format!("-M {} ", board.name)
            });
        }
        assert_eq!((MAIN.name, REAL_IN_QEMU.0.name), ("mps2-an386", "stm32f405"));
    }
}
