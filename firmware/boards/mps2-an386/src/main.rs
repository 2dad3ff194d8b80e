//! The firmware: the application on the serial line.
#![no_std]
#![no_main]

use app::{App, Board, Event, embedded};
use cortex_m_rt::entry;
use defmt::{info, warn};
use mps2_an386::uart::Uart;
use mps2_an386::{exit, stack};

/// Steps between two lines of the log.
const LOG_EVERY: u32 = 1000;

struct Mps2(Uart);

impl Board for Mps2 {
    fn send(&mut self, frame: &[u8]) {
        self.0.write(frame);
    }

    fn queue_overflows(&self) -> u32 {
        self.0.overflows()
    }

    fn stack_bytes(&self) -> u32 {
        stack::deepest()
    }

    fn ram_bytes(&self) -> u32 {
        stack::static_ram()
    }
}

#[entry]
fn main() -> ! {
    let Some(uart) = Uart::start() else { exit(1) };
    let mut board = Mps2(uart);
    let mut app = App::new();
    info!(
        "model {=u32:#010x}: {=usize} channels, {=usize} hidden units",
        embedded::FILE.crc(),
        embedded::CHANNELS,
        embedded::HIDDEN
    );
    loop {
        let byte = board.0.read();
        match app.on_byte(byte, &mut board) {
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
