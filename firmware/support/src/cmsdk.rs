//! The UART of Arm's MPS boards. Registers after Arm's Cortex-M System Design Kit manual (DDI 0479),
//! chapter 4.3.
#![allow(unsafe_code)] // The registers.

use crate::serial::Uart;
use core::ptr::{read_volatile, write_volatile};

/// A CMSDK UART: the address of its registers and the number of its receive interrupt, as the board's
/// application note gives them.
pub struct Cmsdk<const BASE: usize, const INTERRUPT: u16>;

#[derive(Clone, Copy)]
#[repr(usize)]
enum Register {
    Data = 0x0,
    State = 0x4,
    Control = 0x8,
    InterruptClear = 0xc,
    BaudDivisor = 0x10,
}

const STATE_SEND_FULL: u32 = 1 << 0;
const STATE_RECEIVE_FULL: u32 = 1 << 1;
const STATE_RECEIVE_OVERRUN: u32 = 1 << 3;
const CONTROL_SEND: u32 = 1 << 0;
const CONTROL_RECEIVE: u32 = 1 << 1;
const CONTROL_RECEIVE_INTERRUPT: u32 = 1 << 3;
const INTERRUPT_RECEIVE: u32 = 1 << 1;

impl<const BASE: usize, const INTERRUPT: u16> Cmsdk<BASE, INTERRUPT> {
    fn read(register: Register) -> u32 {
        // SAFETY: a word register of a peripheral that is always there.
        unsafe { read_volatile((BASE + register as usize) as *const u32) }
    }

    fn write(register: Register, value: u32) {
        // SAFETY: as above; no register of this UART makes it touch memory.
        unsafe { write_volatile((BASE + register as usize) as *mut u32, value) }
    }
}

impl<const BASE: usize, const INTERRUPT: u16> Uart for Cmsdk<BASE, INTERRUPT> {
    const INTERRUPT: u16 = INTERRUPT;

    fn start() {
        Self::write(Register::BaudDivisor, 16);
        Self::write(Register::Control, CONTROL_SEND | CONTROL_RECEIVE | CONTROL_RECEIVE_INTERRUPT);
    }

    fn receive(mut take: impl FnMut(u8)) -> bool {
        Self::write(Register::InterruptClear, INTERRUPT_RECEIVE);
        let overrun = Self::read(Register::State) & STATE_RECEIVE_OVERRUN;
        if overrun != 0 {
            Self::write(Register::State, overrun);
        }
        while Self::read(Register::State) & STATE_RECEIVE_FULL != 0 {
            take(Self::read(Register::Data) as u8);
        }
        overrun != 0
    }

    fn send(byte: u8) {
        while Self::read(Register::State) & STATE_SEND_FULL != 0 {}
        Self::write(Register::Data, u32::from(byte));
    }
}
