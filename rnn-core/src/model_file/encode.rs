//! Writing.

use super::{CHANNEL, CRC, Error, HEADER, Header, MAGIC, NAME, VERSION};
use crate::activation::Activation;
use crate::forecast::ForecasterRef;
use crate::network::{Head, NetworkRef};
use crate::scaling::Mode;

/// What [`encode`] writes.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The header; its sizes and its mode are the model's.
    pub header: Header,
    /// The model: a tanh network with bias and a linear readout.
    pub model: ForecasterRef<'a>,
    /// One name per channel, at most [`NAME`] bytes each, without NUL.
    pub names: &'a [&'a str],
    /// S samples of I values.
    pub samples: &'a [f32],
    /// The predictions that the samples give.
    pub predictions: &'a [f32],
}

impl<'a> Contents<'a> {
    /// W_xh, W_hh, b, W_hy, b_y.
    fn tensors(&self) -> [&'a [f32]; 5] {
        let NetworkRef { cell, readout, .. } = self.model.network;
        [cell.w_xh, cell.w_hh, cell.b, readout.w, readout.b]
    }

    /// Whether the parts fit together and the format has a place for them; [`Error::Field`] names
    /// the first one that doesn't.
    fn check(&self) -> Result<(), Error> {
        let Contents { header, model, names, samples, predictions } = self;
        header.check_sizes()?;
        let NetworkRef { cell, readout, head } = model.network;
        let self_test_values = header.self_tests * header.inputs;
        let fields = [
            (10, head == Head::Linear),
            (11, cell.activation == Activation::Tanh),
            (14, model.mode == header.mode),
            (16, [cell.inputs, model.channels.len(), names.len()] == [header.inputs; 3]),
            (20, [cell.hidden, readout.inputs] == [header.hidden; 2]),
            (24, readout.outputs == header.inputs),
            (36, [samples.len(), predictions.len()] == [self_test_values; 2]),
        ];
        let mut tensor_at = header.tensors_at();
        let tensors = self.tensors().into_iter().zip(header.shape().lengths());
        let tensors = tensors.map(|(tensor, length)| {
            let field = (tensor_at, tensor.len() == length);
            tensor_at += 4 * length;
            field
        });
        let names = names.iter().enumerate();
        let names = names
            .map(|(i, name)| (HEADER + i * CHANNEL, name.len() <= NAME && !name.contains('\0')));
        match fields.into_iter().chain(names).chain(tensors).find(|(_, fits)| !fits) {
            Some((offset, _)) => Err(Error::Field { offset }),
            None => Ok(()),
        }
    }
}

/// Writes a model file into the start of `out` and checks it; returns its length. [`Error::Field`]
/// names what doesn't fit together or is no such model, [`Error::Room`] how much room is needed,
/// [`Error::Number`] a value that isn't finite. What `out` holds after an error is no model.
pub fn encode(contents: &Contents<'_>, out: &mut [u8]) -> Result<usize, Error> {
    contents.check()?;
    let Contents { header, model, names, samples, predictions } = contents;
    let needed = header.file_length();
    let out = out.get_mut(..needed).ok_or(Error::Room { needed })?;
    let mut writer = Writer { out, at: 0 };
    writer.put(&MAGIC);
    writer.put(&VERSION.to_le_bytes());
    writer.put(&[1, 1, 1, 1]);
    writer.put(&[match header.mode {
        Mode::Raw => 0,
        Mode::Residual => 1,
        Mode::Difference => 2,
    }]);
    writer.put(&[0]);
    let numbers = [header.inputs, header.hidden, header.inputs, header.window, header.target];
    for number in numbers.into_iter().chain([header.self_tests, needed, 0]) {
        writer.put(&(number as u32).to_le_bytes());
    }
    writer.put(&header.seed.to_le_bytes());
    writer.put(&[0; 8]);
    for (name, channel) in names.iter().zip(model.channels) {
        let mut field = [0; NAME];
        field.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        writer.put(&field);
        writer.put_floats(&[channel.level_mean, channel.level_deviation]);
        writer.put_floats(&[channel.difference_mean, channel.difference_deviation]);
    }
    contents.tensors().iter().for_each(|tensor| writer.put_floats(tensor));
    writer.put_floats(samples);
    writer.put_floats(predictions);
    let crc = CRC.checksum(writer.written());
    writer.put(&crc.to_le_bytes());
    Header::parse(writer.written())?;
    Ok(needed)
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.out.iter_mut().skip(self.at).zip(bytes).for_each(|(to, from)| *to = *from);
        self.at += bytes.len();
    }

    fn put_floats(&mut self, values: &[f32]) {
        values.iter().for_each(|value| self.put(&value.to_le_bytes()));
    }

    fn written(&self) -> &[u8] {
        self.out.get(..self.at).unwrap_or_default()
    }
}
