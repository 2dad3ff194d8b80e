//! 100,000 steps of every cell and number format by the naive reference: its digests are those that hosts
//! and chips must arrive at.

use crate::reference::integers::{Cell, Values, even};
use crate::reference::{self, Rnn};
use rnn_core::check::streams::{
    HIDDEN, INPUTS, SCALE, STEPS, STREAMS, Stream, Values as Known, inputs, plan, random_inputs,
    random_integers,
};
use rnn_core::elman::Elman;
use rnn_core::gru::{Gru, Reset, ResetAfter, ResetBefore};
use rnn_core::layers::Kind;
use rnn_core::lstm::Lstm;
use rnn_core::network::Network;
use rnn_core::quant::block::{Block, Format, Layout, Width};

static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

fn floats<C: reference::Known<f32, INPUTS, HIDDEN>>() -> u32 {
    let rnn = Rnn::of(&Network::<f32, C, INPUTS, HIDDEN, INPUTS>::random(21));
    let (mut states, mut random, mut digest) = (rnn.rest(), random_inputs(), CRC.digest());
    for _ in 0..STEPS {
        rnn.step(&inputs(&mut random), &mut states, &[]);
        for value in rnn.h(&states).iter().copied().chain(rnn.output(&states)) {
            digest.update(&value.to_bits().to_le_bytes());
        }
    }
    digest.finalize()
}

fn integers(kind: Kind, width: Width) -> u32 {
    let plan = plan(kind, Format { width, layout: Layout::Rows });
    let mut weights = random_integers();
    let mut values = |block: Block| {
        let known = Known::random(block, width, &mut weights);
        let view = known.view();
        Values {
            block,
            bias: view.bias.into(),
            multipliers: view.multipliers.into(),
            wide: view.wide.into(),
            narrow: view.narrow.into(),
        }
    };
    let mut cell = Cell {
        layer: plan.layers.get(0, INPUTS),
        first: true,
        values: plan.blocks(0).map(&mut values).into(),
        h: vec![0; HIDDEN],
        c: vec![0; HIDDEN],
    };
    let readout = values(plan.blocks(1)[0]);
    let (mut random, mut digest) = (random_inputs(), CRC.digest());
    for _ in 0..STEPS {
        let x = inputs(&mut random).map(|u| {
            (f64::from(u * SCALE) + f64::from(u).signum() / 2.0).trunc().clamp(-32767.0, 32767.0)
        });
        cell.step(&x.map(|x| x as i16));
        let o = readout.multiply(&[], &even(&cell.h));
        for value in cell.h.iter().map(|&h| i64::from(h)).chain(o) {
            digest.update(&(value as i32).to_le_bytes());
        }
    }
    digest.finalize()
}

#[test]
fn the_reference_arrives_at_the_digests() {
    for Stream { name, kind, width, expected } in STREAMS {
        let digest = match (width, kind) {
            (Some(width), kind) => integers(kind, width),
            (None, Kind::Elman(_)) => floats::<Elman<f32, INPUTS, HIDDEN>>(),
            (None, Kind::Gru(Reset::After)) => floats::<Gru<f32, INPUTS, HIDDEN, ResetAfter>>(),
            (None, Kind::Gru(Reset::Before)) => floats::<Gru<f32, INPUTS, HIDDEN, ResetBefore>>(),
            (None, Kind::Lstm) => floats::<Lstm<f32, INPUTS, HIDDEN>>(),
        };
        assert_eq!(digest, expected, "{name}: {digest:#010x}");
    }
}
