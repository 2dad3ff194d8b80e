//! The nRF51's UART. Registers after Nordic's nRF51 Series Reference Manual, version 3.0, chapter 29;
//! pins after the micro:bit's schematic.
#![allow(unsafe_code)] // The registers.

use core::ptr::{read_volatile, write_volatile};
use support::serial::Uart;

/// The nRF51's only UART.
pub(crate) struct Nrf51;

#[derive(Clone, Copy)]
#[repr(usize)]
enum Register {
    StartReceiving = 0x4000_2000,
    StartSending = 0x4000_2008,
    Received = 0x4000_2108,
    Sent = 0x4000_211c,
    Error = 0x4000_2124,
    InterruptSet = 0x4000_2304,
    ErrorSource = 0x4000_2480,
    Enable = 0x4000_2500,
    SendPin = 0x4000_250c,
    ReceivePin = 0x4000_2514,
    ReceivedByte = 0x4000_2518,
    SendByte = 0x4000_251c,
    BaudRate = 0x4000_2524,
}

const ENABLE: u32 = 4;
const INTERRUPT_RECEIVED: u32 = 1 << 2;
const INTERRUPT_ERROR: u32 = 1 << 9;
const ERROR_OVERRUN: u32 = 1 << 0;
const SEND_PIN: u32 = 24;
const RECEIVE_PIN: u32 = 25;
const BAUD_115200: u32 = 0x01d7_e000;

impl Register {
    fn read(self) -> u32 {
        // SAFETY: a word register of a peripheral that is always there.
        unsafe { read_volatile(self as usize as *const u32) }
    }

    fn write(self, value: u32) {
        // SAFETY: as above; no register of this UART makes it touch memory.
        unsafe { write_volatile(self as usize as *mut u32, value) }
    }
}

impl Uart for Nrf51 {
    const INTERRUPT: u16 = 2;

    fn start() {
        Register::SendPin.write(SEND_PIN);
        Register::ReceivePin.write(RECEIVE_PIN);
        Register::BaudRate.write(BAUD_115200);
        Register::Enable.write(ENABLE);
        Register::InterruptSet.write(INTERRUPT_RECEIVED | INTERRUPT_ERROR);
        Register::StartReceiving.write(1);
        Register::StartSending.write(1);
    }

    fn receive(mut take: impl FnMut(u8)) -> bool {
        Register::Error.write(0);
        // Reading it and writing it back clears it.
        let errors = Register::ErrorSource.read();
        Register::ErrorSource.write(errors);
        // The event must be cleared before the byte is read, which lets the next one in.
        while Register::Received.read() != 0 {
            Register::Received.write(0);
            take(Register::ReceivedByte.read() as u8);
        }
        errors & ERROR_OVERRUN != 0
    }

    fn send(byte: u8) {
        Register::Sent.write(0);
        Register::SendByte.write(u32::from(byte));
        while Register::Sent.read() == 0 {}
    }
}
