//! What the real boards share. A board itself is its folder: the memory, the target, and a `main.rs`
//! that brings the chip up and lends its parts to [`run`]: serial line, sensor, watchdog, a lamp.
//!
//! From the start a board samples its own sensor every [`PERIOD`], runs the network and tells of both
//! unasked. A greeting hands the stream over to the host, whose samples are taken from then on. When the
//! host ends the conversation, or has been silent for [`GONE`], the board restarts. These boards' sensors
//! have one channel; a model of several is for the host's samples alone.
//!
//! The log goes through RTT as defmt frames; the serial line carries frames of the link alone.
#![no_std]

mod mapped;
mod outbox;

pub use mapped::Mapped;

use app::{App, CHANNELS, Event, Flash, embedded};
use core::future::Future;
use cortex_m::peripheral::SCB;
use defmt::{info, warn};
use defmt_rtt as _;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::{Read, Write};
use outbox::Outbox;
use panic_probe as _;
use support::kernel;

/// Bits per second of the serial line.
pub const BAUD: u32 = 115_200;
/// The sampling period: that of the log that the model was trained on, where it is known.
pub const PERIOD: Duration = match embedded::FILE.period() {
    0.0 => Duration::from_secs(1),
    seconds => Duration::from_micros((seconds as f64 * 1e6) as u64),
};
/// How often the loop goes round at least.
const BEAT: Duration = Duration::from_secs(1);
/// After how long without being fed the watchdog restarts the board.
pub const WATCHDOG_MS: u32 = 8000;
/// After how long a silent host counts as gone.
pub const GONE: Duration = Duration::from_secs(30);
/// How long the last byte may take from the queue onto the line.
const LAST_BYTE: Duration = Duration::from_millis(10);

/// Whether the model is for the board's own sensor.
const OWN: bool = CHANNELS == 1;

/// What a board has besides the serial line.
pub trait Hardware {
    /// Reads the sensor; `None` where it gives nothing.
    fn sample(&mut self) -> impl Future<Output = Option<f32>>;
    /// Feeds the watchdog.
    fn feed(&mut self);
    /// Switches the lamp on or off.
    fn light(&mut self, on: bool);
}

/// Samples, predicts, answers, and feeds the watchdog as long as that goes well.
/// Models that come over the link go to `flash`.
pub async fn run(mut line: impl Read + Write, mut board: impl Hardware, flash: impl Flash) -> ! {
    if !kernel::expect() {
        restart(line).await
    }
    let (mut app, mut outbox, mut received) = (App::new(flash), Outbox::new(), [0; 64]);
    let running = app.info();
    info!(
        "model {=u32:#010x}{=str}: {=u16} channels, {=u16} hidden units, a sample every {=u64} ms",
        running.model_crc,
        if running.slot.is_some() { ", uploaded" } else { "" },
        running.inputs,
        running.hidden,
        PERIOD.as_millis()
    );
    let mut own = OWN;
    let start = Instant::now();
    // When the host was heard; when the last sample was due or given, and when the next one is due.
    let (mut heard, mut last, mut due) = (start, start, start + PERIOD);
    // When all was well.
    let mut well = start;
    let mut lit = false;
    loop {
        let beat = Instant::now() + BEAT;
        let wake = Timer::at(if own { beat.min(due) } else { beat });
        let bytes = match select(line.read(&mut received), wake).await {
            Either::First(Ok(count)) => received.get(..count).unwrap_or_default(),
            Either::First(Err(_)) => {
                outbox.lost();
                &[]
            }
            Either::Second(()) => &[],
        };
        for &byte in bytes {
            let Some(event) = app.on_byte(byte, &mut outbox) else { continue };
            outbox.empty_into(&mut line).await;
            match event {
                Event::LinkError => {
                    warn!("link errors: {=u32}", app.link_errors());
                    continue;
                }
                // A conversation starts from rest.
                Event::Greeted => app.restart(),
                Event::Alarm => warn!("alarm at step {=u32}", app.steps()),
                Event::Refused => warn!("refused a question"),
                Event::Quit => restart(line).await,
                Event::Updated { model, .. } => info!("model {=u32:#010x} runs from now on", model),
                Event::Stepped | Event::Repeated | Event::Reported | Event::Received => {}
            }
            (own, heard) = (false, Instant::now());
        }
        if own && Instant::now() >= due {
            let sample = board.sample().await;
            let now = Instant::now();
            let elapsed = (now - last).as_ticks() as f32 / PERIOD.as_ticks() as f32;
            let values = sample.map(|value| [value; CHANNELS]);
            let event = app.on_own_sample(values.as_ref(), elapsed, &mut outbox);
            outbox.empty_into(&mut line).await;
            (last, due) = (now, (due + PERIOD).max(now));
            if sample.is_some() {
                well = now;
            }
            if event == Event::Alarm {
                warn!("alarm at step {=u32}", app.steps());
            }
            lit = event == Event::Alarm || !lit;
            board.light(lit);
        }
        if !own {
            if OWN && heard.elapsed() > GONE {
                restart(line).await
            }
            well = Instant::now();
        }
        if well.elapsed() <= 2 * PERIOD + BEAT {
            board.feed();
        }
    }
}

/// Starts the board anew, its state at rest.
async fn restart(mut line: impl Write) -> ! {
    // The line is given up in any case.
    let _ = line.flush().await;
    Timer::after(LAST_BYTE).await;
    SCB::sys_reset()
}
