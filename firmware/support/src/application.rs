//! The application on the serial line.

use crate::serial::{Serial, Uart};
use crate::{exit, fault, kernel, stack};
use app::{App, Board, Event, embedded};
use defmt::{info, warn};

/// Steps between two lines of the log.
const LOG_EVERY: u32 = 1000;

impl<U: Uart> Board for Serial<U> {
    fn send(&mut self, frame: &[u8]) {
        self.write(frame);
    }

    fn queue_overflows(&self) -> u32 {
        self.overflows()
    }

    fn stack_bytes(&self) -> u32 {
        stack::deepest()
    }

    fn ram_bytes(&self) -> u32 {
        stack::static_ram()
    }
}

/// Answers on the UART `U` until the host asks to stop.
pub fn serve<U: Uart>() -> ! {
    if !kernel::expect() {
        exit(fault::KERNEL)
    }
    let Some(mut serial) = Serial::<U>::start() else { exit(1) };
    let mut app = App::new();
    info!(
        "model {=u32:#010x}: {=usize} inputs, {=usize} hidden units",
        embedded::FILE.crc(),
        embedded::FILE.header.inputs,
        embedded::HIDDEN
    );
    loop {
        let byte = serial.read();
        match app.on_byte(byte, &mut serial) {
            Some(Event::Alarm) => warn!("alarm at step {=u32}", app.steps()),
            Some(Event::Stepped) if app.steps().is_multiple_of(LOG_EVERY) => report(&app),
            Some(Event::LinkError) => warn!("link errors: {=u32}", app.link_errors()),
            Some(Event::Refused) => warn!("refused a question"),
            Some(Event::Quit) => {
                report(&app);
                exit(0)
            }
            _ => {}
        }
    }
}

fn report(app: &App) {
    info!("{=u32} steps, error about {=f32} (RMS, all channels)", app.steps(), app.rms_error());
}
