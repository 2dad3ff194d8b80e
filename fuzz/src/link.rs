//! Frames on a serial line.

use rnn_core::adapt::Event;
use rnn_core::link::{
    Decoder, Error, Frame, Info, Learning, MAX_FRAME, Message, Part, Prediction, Refusal, Sample,
    Slot, Stats, Values,
};
use rnn_core::watch::Verdict;
use rnn_core::watch::guard::Sight;

use crate::CRC;

/// Takes bytes as they come from a line, then as the content of a frame with a checksum that fits.
pub fn run(bytes: &[u8]) {
    let mut decoder = Decoder::new();
    for &byte in bytes {
        if let Some(Ok(frame)) = decoder.push(byte) {
            goes_through(&frame);
        }
    }
    // Whatever came before: after the end of its frame the next one is received.
    let mut buffer = [0; MAX_FRAME];
    let hello = Frame { sequence: 0x0100, message: Message::Hello };
    let sent = hello.encode(&mut buffer).expect("it is short");
    decoder.push(0);
    let mut received =
        sent.iter().filter_map(|&byte| decoder.push(byte).map(|got| got == Ok(hello)));
    assert_eq!((received.next(), received.next()), (Some(true), None));

    let line = forged(bytes);
    let mut answers = 0;
    for &byte in &line {
        let Some(answer) = decoder.push(byte) else { continue };
        answers += 1;
        match answer {
            // What was understood is said in one way only.
            Ok(frame) => assert_eq!(frame.encode(&mut buffer), Ok(&line[..])),
            Err(error) => assert!(!matches!(error, Error::Crc | Error::Framing), "{error}"),
        }
    }
    assert_eq!(answers, 1);
}

/// A frame of that content with its checksum.
fn forged(content: &[u8]) -> Vec<u8> {
    let body = [content, &CRC.checksum(content).to_le_bytes()].concat();
    let mut line = vec![0; cobs::max_encoding_length(body.len()) + 1];
    let length = cobs::try_encode(&body, &mut line).expect("there is room");
    // Behind 254 bytes without a zero the encoder leaves what it would go on with.
    line.truncate(length);
    line.push(0);
    line
}

/// Sent on, it is the same bits.
fn goes_through(frame: &Frame<'_>) {
    let mut buffers = [[0; MAX_FRAME]; 2];
    let [first, second] = &mut buffers;
    let sent = frame.encode(first).expect("it was received");
    let mut decoder = Decoder::new();
    let mut received = 0;
    for &byte in sent {
        if let Some(again) = decoder.push(byte) {
            let again = again.expect("an undamaged frame");
            assert_eq!(again.encode(second), Ok(sent));
            received += 1;
        }
    }
    assert_eq!(received, 1);
}

/// A message of each kind, as on the line; and the contents of some, to be forged.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let raw = [21.5_f32, f32::NAN].map(f32::to_le_bytes);
    let verdict = Verdict {
        step: true,
        restart: false,
        sight: Sight::Clear,
        score: 4.25,
        out_of_range: true,
        alarm: false,
    };
    let values = Values::new(&raw);
    let slot = Some(Slot { number: 2, sequence: 7 });
    let learning = Some(Learning { part: Part::Readout, block: 16 });
    let event = Some(Event::RolledBack);
    let info = Info {
        inputs: 2,
        hidden: 16,
        outputs: 2,
        window: 0,
        model_crc: 0xDEAD_0000,
        slot,
        learning,
    };
    let messages = [
        ("hello", Message::Hello),
        ("info", Message::Info(info)),
        ("sample", Message::Sample(Sample { elapsed: 1.0, values })),
        ("silence", Message::Silence(1.5)),
        (
            "prediction",
            Message::Prediction(Prediction {
                verdict,
                event,
                adapted: true,
                faults: &[0, 1],
                values,
            }),
        ),
        ("stats_request", Message::StatsRequest),
        ("stats", Message::Stats(Stats { steps: 7, ..Stats::default() })),
        ("quit", Message::Quit),
        ("refused", Message::Refused(Refusal::Channels)),
    ];
    let mut seeds = Vec::new();
    let mut conversation = Vec::new();
    for (sequence, (name, message)) in (0..).zip(messages) {
        let mut buffer = [0; MAX_FRAME];
        let line = Frame { sequence, message }.encode(&mut buffer).expect("it is short");
        conversation.extend_from_slice(line);
        let mut content = [0; MAX_FRAME];
        let decoded = cobs::decode(&line[..line.len() - 1], &mut content).expect("it is a frame");
        seeds.push((name, content[..decoded.frame_size() - 4].to_vec()));
    }
    seeds.push(("conversation", conversation));
    seeds
}
