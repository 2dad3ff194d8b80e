//! The serial line: received bytes go from the interrupt through a queue to the main loop.
#![allow(unsafe_code)] // Unmasking the interrupt.

use core::cell::RefCell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use critical_section::Mutex;
use heapless::spsc::{Consumer, Producer, Queue};

/// Received bytes that may wait for the main loop: more than a frame.
const QUEUE: usize = 256;

/// What the interrupt needs; `None` until [`Serial::start`].
static RECEIVED: Mutex<RefCell<Option<Producer<'static, u8>>>> = Mutex::new(RefCell::new(None));
static OVERFLOWS: AtomicU32 = AtomicU32::new(0);

/// The registers of a UART.
pub trait Uart {
    /// The number of its receive interrupt.
    const INTERRUPT: u16;

    /// Switches it on, with its receive interrupt.
    fn start();
    /// In the interrupt: takes every byte that it holds; returns whether it has lost one since the
    /// last time.
    fn receive(take: impl FnMut(u8)) -> bool;
    /// Sends a byte, waiting until there is room for it.
    fn send(byte: u8);
}

/// The receive interrupt of the UART `U`.
struct Receive<U>(PhantomData<U>);

impl<U> Clone for Receive<U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for Receive<U> {}

// SAFETY: the number of an interrupt, as the board's `main.rs` names it.
unsafe impl<U: Uart> InterruptNumber for Receive<U> {
    fn number(self) -> u16 {
        U::INTERRUPT
    }
}

/// What the interrupt does.
pub extern "C" fn on_receive<U: Uart>() {
    let lost = U::receive(|byte| {
        let queued = critical_section::with(|cs| match RECEIVED.borrow(cs).try_borrow_mut() {
            Ok(mut producer) => producer.as_mut().is_some_and(|queue| queue.enqueue(byte).is_ok()),
            Err(_) => false,
        });
        if !queued {
            count_overflow();
        }
    });
    if lost {
        count_overflow();
    }
}

/// Only the interrupt writes it; an M0 has no addition in one go.
fn count_overflow() {
    OVERFLOWS.store(OVERFLOWS.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
}

/// The serial line on the UART `U`.
pub struct Serial<U> {
    received: Consumer<'static, u8>,
    uart: PhantomData<U>,
}

impl<U: Uart> Serial<U> {
    /// Switches the UART and its interrupt on. `None` when it has been started before.
    pub fn start() -> Option<Self> {
        let queue = cortex_m::singleton!(: Queue<u8, QUEUE> = Queue::new())?;
        let (producer, received) = queue.split();
        critical_section::with(|cs| {
            *RECEIVED.borrow(cs).try_borrow_mut().ok()? = Some(producer);
            Some(())
        })?;
        U::start();
        // SAFETY: the handler and what it uses are in place.
        unsafe { NVIC::unmask(Receive::<U>(PhantomData)) };
        Some(Self { received, uart: PhantomData })
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
        bytes.iter().for_each(|&byte| U::send(byte));
    }

    /// Received bytes lost since the start: the queue was full, or the UART's own register.
    pub fn overflows(&self) -> u32 {
        OVERFLOWS.load(Ordering::Relaxed)
    }
}
