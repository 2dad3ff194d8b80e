//! USART 1: received bytes go from the interrupt through a pipe to the main loop.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use cortex_m::peripheral::NVIC;
use critical_section::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use stm32f4xx_hal::gpio::{PA9, PA10};
use stm32f4xx_hal::hal_02::serial::{Read as _, Write as _};
use stm32f4xx_hal::nb;
use stm32f4xx_hal::pac::{Interrupt, USART1, interrupt};
use stm32f4xx_hal::rcc::Rcc;
use stm32f4xx_hal::serial::config::InvalidConfig;
use stm32f4xx_hal::serial::{Config, Rx, RxListen, Serial, Tx};
use stm32f4xx_hal::time::U32Ext;

/// What the interrupt needs; `None` until [`Line::start`].
static RECEIVER: Mutex<RefCell<Option<Rx<USART1>>>> = Mutex::new(RefCell::new(None));
/// Bytes that wait for the main loop: more than a frame.
static RECEIVED: Pipe<CriticalSectionRawMutex, 256> = Pipe::new();
/// Whether bytes were lost: the pipe was full, or they were damaged.
static LOST: AtomicBool = AtomicBool::new(false);

/// The serial line.
pub(crate) struct Line(Tx<USART1>);

impl Line {
    /// Switches it on, with its receive interrupt.
    pub(crate) fn start(
        usart: USART1,
        send: PA9,
        receive: PA10,
        rcc: &mut Rcc,
    ) -> Result<Self, InvalidConfig> {
        let config = Config::default().baudrate(station::BAUD.bps());
        let (sender, mut receiver) = Serial::new(usart, (send, receive), config, rcc)?.split();
        receiver.listen();
        critical_section::with(|cs| RECEIVER.replace(cs, Some(receiver)));
        // SAFETY: the handler and what it uses are in place.
        #[allow(unsafe_code)]
        unsafe {
            NVIC::unmask(Interrupt::USART1)
        };
        Ok(Self(sender))
    }
}

#[interrupt]
fn USART1() {
    critical_section::with(|cs| {
        let mut receiver = RECEIVER.borrow_ref_mut(cs);
        let Some(receiver) = receiver.as_mut() else { return };
        loop {
            match receiver.read() {
                Ok(byte) => {
                    if RECEIVED.try_write(&[byte]).is_err() {
                        LOST.store(true, Ordering::Relaxed);
                    }
                }
                Err(nb::Error::Other(_)) => LOST.store(true, Ordering::Relaxed),
                Err(nb::Error::WouldBlock) => break,
            }
        }
    });
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        if LOST.swap(false, Ordering::Relaxed) {
            return Err(ErrorKind::Other);
        }
        Ok(RECEIVED.read(buffer).await)
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let Some(&byte) = bytes.first() else { return Ok(0) };
        nb::block!(self.0.write(byte)).map_err(|_| ErrorKind::Other)?;
        Ok(1)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        nb::block!(self.0.flush()).map_err(|_| ErrorKind::Other)
    }
}
