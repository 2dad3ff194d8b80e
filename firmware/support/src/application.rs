//! The application on the serial line.

use crate::serial::{Serial, Uart};
use crate::{exit, fault, kernel, stack};
use app::{App, Board, Event, Flash};
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

/// Answers on the UART `U` until the host asks to stop; uploaded models go to `flash`. Where one of them has
/// been taken before, the run ends.
pub fn serve<U: Uart>(flash: Option<impl Flash>) -> ! {
    if !kernel::expect() {
        exit(fault::KERNEL)
    }
    let (Some(mut serial), Some(flash)) = (Serial::<U>::start(), flash) else { exit(1) };
    let mut app = App::new(flash);
    let running = app.info();
    info!(
        "model {=u32:#010x}{=str}: {=u16} inputs, {=u16} hidden units",
        running.model_crc,
        if running.slot.is_some() { ", uploaded" } else { "" },
        running.inputs,
        running.hidden
    );
    loop {
        let byte = serial.read();
        match app.on_byte(byte, &mut serial) {
            Some(Event::Alarm) => warn!("alarm at step {=u32}", app.steps()),
            Some(Event::Stepped) if app.steps().is_multiple_of(LOG_EVERY) => report(&app),
            Some(Event::LinkError) => warn!("link errors: {=u32}", app.link_errors()),
            Some(Event::Updated { model, handed_over }) => info!(
                "model {=u32:#010x} runs from now on, {=str}",
                model,
                if handed_over { "its state handed over" } else { "from rest" }
            ),
            Some(Event::Refused) => warn!("refused a question"),
            Some(Event::Quit) => {
                report(&app);
                exit(0)
            }
            _ => {}
        }
    }
}

fn report(app: &App<impl Flash>) {
    info!("{=u32} steps, error about {=f32} (RMS, all channels)", app.steps(), app.rms_error());
}
