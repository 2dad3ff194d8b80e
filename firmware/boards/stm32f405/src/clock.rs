//! SysTick as the clock of `embassy-time`, a tick each millisecond.

use core::cell::RefCell;
use core::task::Waker;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ, time_driver_impl};
use embassy_time_queue_utils::Queue;
use stm32f4xx_hal::rcc::Clocks;

struct Clock(Mutex<RefCell<State>>);

/// Milliseconds since the start, and who waits for which of them.
struct State {
    now: u64,
    waiting: Queue,
    /// When the first of them is to be woken.
    alarm: u64,
}

time_driver_impl!(static CLOCK: Clock = Clock(Mutex::new(RefCell::new(State {
    now: 0,
    waiting: Queue::new(),
    alarm: u64::MAX,
}))));

/// Starts it.
pub(crate) fn start(mut systick: SYST, clocks: &Clocks) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(clocks.hclk().raw() / TICK_HZ as u32 - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.0.borrow_ref(cs).now)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut state = self.0.borrow_ref_mut(cs);
            if state.waiting.schedule_wake(at, waker) {
                state.wake();
            }
        });
    }
}

impl State {
    /// Wakes those whose time has come.
    fn wake(&mut self) {
        self.alarm = self.waiting.next_expiration(self.now);
    }
}

#[exception]
fn SysTick() {
    critical_section::with(|cs| {
        let mut state = CLOCK.0.borrow_ref_mut(cs);
        state.now += 1;
        if state.now >= state.alarm {
            state.wake();
        }
    });
}
