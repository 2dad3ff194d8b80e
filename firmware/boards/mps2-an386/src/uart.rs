//! The CMSDK UART 0: received bytes go from the interrupt through a queue to the main loop.
//!
//! Registers after Arm's Cortex-M System Design Kit manual (DDI 0479), chapter 4.3; addresses and
//! interrupt numbers after Application Note 386.
#![allow(unsafe_code)] // The registers, the interrupt table, and unmasking the interrupt.

use core::cell::RefCell;
use core::ptr::{read_volatile, write_volatile};
use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use critical_section::Mutex;
use heapless::spsc::{Consumer, Producer, Queue};

/// Received bytes that may wait for the main loop: more than a frame.
const QUEUE: usize = 256;

/// What the interrupt needs; `None` until [`Uart::start`].
static RECEIVED: Mutex<RefCell<Option<Producer<'static, u8>>>> = Mutex::new(RefCell::new(None));
static OVERFLOWS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy)]
#[repr(usize)]
enum Register {
    Data = 0x4000_4000,
    State = 0x4000_4004,
    Control = 0x4000_4008,
    InterruptClear = 0x4000_400c,
    BaudDivisor = 0x4000_4010,
}

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

const STATE_SEND_FULL: u32 = 1 << 0;
const STATE_RECEIVE_FULL: u32 = 1 << 1;
const STATE_RECEIVE_OVERRUN: u32 = 1 << 3;
const CONTROL_SEND: u32 = 1 << 0;
const CONTROL_RECEIVE: u32 = 1 << 1;
const CONTROL_RECEIVE_INTERRUPT: u32 = 1 << 3;
const INTERRUPT_RECEIVE: u32 = 1 << 1;

#[derive(Clone, Copy)]
struct Receive;

// SAFETY: UART 0's receive interrupt is number 0 on this board.
unsafe impl InterruptNumber for Receive {
    fn number(self) -> u16 {
        0
    }
}

/// The only interrupt that is ever enabled.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [extern "C" fn(); 1] = [on_receive];

extern "C" fn on_receive() {
    Register::InterruptClear.write(INTERRUPT_RECEIVE);
    let overrun = Register::State.read() & STATE_RECEIVE_OVERRUN;
    if overrun != 0 {
        Register::State.write(overrun);
        count_overflow();
    }
    while Register::State.read() & STATE_RECEIVE_FULL != 0 {
        let byte = Register::Data.read() as u8;
        let queued = critical_section::with(|cs| match RECEIVED.borrow(cs).try_borrow_mut() {
            Ok(mut producer) => producer.as_mut().is_some_and(|queue| queue.enqueue(byte).is_ok()),
            Err(_) => false,
        });
        if !queued {
            count_overflow();
        }
    }
}

fn count_overflow() {
    OVERFLOWS.fetch_add(1, Ordering::Relaxed);
}

/// The serial line.
pub struct Uart {
    received: Consumer<'static, u8>,
}

impl Uart {
    /// Switches the UART and its interrupt on. `None` when it has been started before.
    pub fn start() -> Option<Self> {
        let queue = cortex_m::singleton!(: Queue<u8, QUEUE> = Queue::new())?;
        let (producer, received) = queue.split();
        critical_section::with(|cs| {
            *RECEIVED.borrow(cs).try_borrow_mut().ok()? = Some(producer);
            Some(())
        })?;
        Register::BaudDivisor.write(16);
        Register::Control.write(CONTROL_SEND | CONTROL_RECEIVE | CONTROL_RECEIVE_INTERRUPT);
        // SAFETY: the handler and what it uses are in place.
        unsafe { NVIC::unmask(Receive) };
        Some(Self { received })
    }

    /// Waits for the next byte, asleep in between.
    pub fn read(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.received.dequeue() {
                return byte;
            }
            // With interrupts masked, none can slip in between the look and the sleep; a masked
            // one still ends the sleep.
            critical_section::with(|_| {
                if !self.received.ready() {
                    cortex_m::asm::wfi();
                }
            });
        }
    }

    /// Sends bytes, waiting for each.
    pub fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            while Register::State.read() & STATE_SEND_FULL != 0 {}
            Register::Data.write(u32::from(byte));
        }
    }

    /// Received bytes lost since the start: the queue was full, or the UART's own register.
    pub fn overflows(&self) -> u32 {
        OVERFLOWS.load(Ordering::Relaxed)
    }
}
