use super::*;
use rnn_core::link::{self, Frame, Values};
use rnn_core::watch::Verdict;
use std::io::ErrorKind;

const PATIENCE: Duration = Duration::from_millis(50);

/// A line on which this has come, and then nothing does any more.
struct Heard(VecDeque<u8>);

impl Read for Heard {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        if count == 0 { Err(ErrorKind::TimedOut.into()) } else { Ok(count) }
    }
}

fn frame(sequence: u16, message: Message<'_>) -> Vec<u8> {
    Frame { sequence, message }.encode(&mut [0; MAX_FRAME]).unwrap().to_vec()
}

/// A sample, or none, and the prediction of it.
fn told(number: u16, sample: Option<f32>, prediction: f32) -> Vec<u8> {
    let raw = sample.map(f32::to_le_bytes);
    let values = Values::new(raw.as_slice());
    let question = match sample {
        Some(_) => Message::Sample(Sample { elapsed: 1.0, values }),
        None => Message::Silence(1.0),
    };
    let raw = [prediction.to_le_bytes()];
    let values = Values::new(&raw);
    let answer = link::Prediction {
        verdict: Verdict::FITS,
        event: None,
        adapted: false,
        faults: &[0],
        values,
    };
    [frame(OWN | number, question), frame(OWN | number, Message::Prediction(answer))].concat()
}

/// Listens for so many samples; the host predicts each sample again, and 0 where there is none.
fn hear(heard: &[Vec<u8>], samples: usize) -> Result<Comparison> {
    let mut line = Heard(heard.concat().into());
    let judge = |sent: &Sent| Told {
        verdict: Verdict::FITS,
        event: None,
        adapted: false,
        faults: vec![0],
        prediction: sent.values.clone().unwrap_or(vec![0.0]),
    };
    listen(&mut line, samples, PATIENCE, judge, |_| Ok(()))
}

#[test]
fn samples_are_heard_from_the_start_and_compared() {
    let noise = [vec![3, 7, 0], frame(9, Message::Quit)].concat();
    let heard = [noise, told(0, Some(1.5), 1.5), told(1, None, 0.0), told(2, Some(2.0), 4.0)];
    let comparison = hear(&heard, 2).unwrap();
    assert_eq!((comparison.steps, comparison.differing_bits), (2, 0));
    assert_eq!(comparison.predictions, [[1.5], [0.0]]);
    let comparison = hear(&heard, 3).unwrap();
    assert!(comparison.differing_bits > 0);
    assert_eq!(comparison.first_difference.unwrap().step, 2);
}

#[test]
fn numbers_go_round_above_the_hosts() {
    let number = |step: usize| step as u16 & !OWN;
    let heard: Vec<_> = (0..0x8002).map(|step| told(number(step), Some(1.0), 1.0)).collect();
    assert_eq!(hear(&heard, heard.len()).unwrap().differing_bits, 0);
}

#[track_caller]
fn fails(heard: &[Vec<u8>], part: &str) {
    let error = format!("{:#}", hear(heard, 2).unwrap_err());
    assert!(error.contains(part), "{error}");
}

#[test]
fn a_gap_or_silence_is_told() {
    let sound = || told(0, Some(1.5), 1.5);
    fails(&[told(7, Some(1.5), 1.5)], "sample 7 came, and number 0 was to come");
    fails(&[sound(), told(2, Some(1.5), 1.5)], "at step 1: sample 2 came");
    let answer_alone = told(1, None, 0.0).split_off(frame(OWN, Message::Silence(1.0)).len());
    fails(&[sound(), answer_alone], "beside the point");
    fails(&[sound()], "no sample of its own");
    let mut damaged = told(1, Some(2.0), 2.0);
    damaged[5] ^= 4;
    fails(&[sound(), damaged], "beside the point");
}
