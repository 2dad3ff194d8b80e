//! Safetensors files that aren't what an import wants, and the options of the import.

use half::{bf16, f16};
use proptest::prelude::*;
use rnn_core::model_file::{Header, Task, Unit};
use rnn_core::scaling::{Channel, Mode};
use rnn_train_host::import::{self, Imported};
use rnn_train_host::pytorch::{Description, ModeName, Scale, TaskName};
use safetensors::tensor::Dtype;

use crate::exchange_files::{Tensor, golden, tensors, written};

fn import(bytes: &[u8], options: Description) -> Result<Imported, String> {
    import::safetensors(bytes, options).map_err(|error| format!("{error:#}"))
}

/// What an import of these tensors says, which must not work.
#[track_caller]
fn refused(tensors: &[Tensor]) -> String {
    import(&written(tensors, None), Description::default()).unwrap_err()
}

fn named<'t>(tensors: &'t mut [Tensor], name: &str) -> &'t mut Tensor {
    tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

fn floats(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
    assert_eq!(shape.iter().product::<usize>(), values.len());
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor { name: name.to_owned(), dtype: Dtype::F32, shape: shape.to_vec(), bytes }
}

fn zeros(name: &str, shape: &[usize]) -> Tensor {
    floats(name, shape, &vec![0.0; shape.iter().product()])
}

/// An `nn.RNN` of 1 input and 2 units without biases.
fn tiny() -> Vec<Tensor> {
    vec![
        floats("rnn.weight_ih_l0", &[2, 1], &[0.5, -0.25]),
        floats("rnn.weight_hh_l0", &[2, 2], &[0.1, 0.2, 0.3, 0.4]),
        floats("fc.weight", &[1, 2], &[1.0, 3.0]),
    ]
}

#[test]
fn what_is_missing_or_of_the_wrong_shape_is_named() {
    let gru = tensors(&golden("gru_two"));
    for i in 0..gru.len() {
        let mut changed = gru.clone();
        let missing = changed.remove(i);
        if missing.name != "head.bias" {
            let error = refused(&changed);
            let module = missing.name.split('.').next().unwrap();
            assert!(error.contains(&missing.name) || error.contains(module), "{error}");
        }
        // One row more; a vector where a matrix is.
        let mut changed = gru.clone();
        let row = changed[i].bytes.len() / changed[i].shape[0];
        changed[i].shape[0] += 1;
        changed[i].bytes.extend(vec![0; row]);
        let error = refused(&changed);
        assert!(error.contains("expected") && error.contains("shape"), "{error}");
        let mut changed = gru.clone();
        changed[i].shape = vec![changed[i].bytes.len() / 4, 1, 1];
        assert!(refused(&changed).contains(&gru[i].name));
    }
    let mut changed = gru.clone();
    *named(&mut changed, "gru.weight_ih_l1") = zeros("gru.weight_ih_l1", &[24, 7]);
    let error = refused(&changed);
    assert_eq!(error, "gru.weight_ih_l1 has the shape [24, 7], expected [24, 8]");
    let mut changed = gru;
    named(&mut changed, "gru.bias_ih_l1").name = "gru.bias_ih_l2".to_owned();
    assert!(refused(&changed).contains("gru.bias_ih_l1"));
}

#[test]
fn weights_that_are_no_numbers_are_named_by_their_place() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut changed = tensors(&golden("lstm_two"));
        let at = 4 * (3 * 8 + 5);
        let tensor = named(&mut changed, "rnn.weight_hh_l1");
        tensor.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let error = refused(&changed);
        assert!(error.starts_with(&format!("rnn.weight_hh_l1[3, 5] is {value}")), "{error}");
    }
    // Too large for f32.
    let mut changed = tiny();
    changed[2] = Tensor {
        dtype: Dtype::F64,
        bytes: [1.0f64, 1e300].iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..changed[2].clone()
    };
    assert!(refused(&changed).starts_with("fc.weight[0, 1] is inf"));
    // Finite weights whose outputs aren't.
    let mut changed = tiny();
    changed[2] = floats("fc.weight", &[1, 2], &[f32::MAX, f32::MAX]);
    changed[1] = floats("rnn.weight_hh_l0", &[2, 2], &[f32::MAX, 0.0, 0.0, 0.0]);
    changed[0] = floats("rnn.weight_ih_l0", &[2, 1], &[f32::MAX, f32::MAX]);
    changed.push(floats("fc.bias", &[1], &[f32::MAX]));
    let error = refused(&changed);
    assert!(error.contains("beyond the range of f32"), "{error}");
}

#[test]
fn networks_that_no_model_is_say_why() {
    let with = |tensor: Tensor| refused(&[tiny(), vec![tensor]].concat());
    assert!(with(zeros("rnn.weight_ih_l0_reverse", &[2, 1])).contains("bidirectional"));
    assert!(with(zeros("rnn.weight_hr_l0", &[2, 2])).contains("projections"));
    let error = with(zeros("norm.weight", &[2]));
    assert!(error.contains("norm.weight") && error.contains("--recurrent"), "{error}");
    let error = with(zeros("fc2.weight", &[1, 2]));
    assert!(error.contains("fc, fc2") && error.contains("--linear"), "{error}");
    let error = with(zeros("gru.weight_ih_l0", &[6, 1]));
    assert!(error.contains("gru, rnn") && error.contains("--recurrent"), "{error}");
    let error = with(zeros("rnn.weight_ih_l16", &[2, 1]));
    assert!(error.contains("17 layers"), "{error}");
    let error = with(zeros("rnn.weight_ih_l4294967295", &[2, 1]));
    assert!(error.contains("4294967296 layers"), "{error}");

    let mut outputs = tiny();
    outputs[2] = zeros("fc.weight", &[3, 2]);
    let error = refused(&outputs);
    assert!(error.contains("3 row(s)") && error.contains("as many outputs as inputs"), "{error}");
    let mut gates = tiny();
    gates[1] = zeros("rnn.weight_hh_l0", &[4, 2]);
    assert!(refused(&gates).contains("H, 3 H or 4 H rows"));
    let mut empty = tiny();
    empty[0] = zeros("rnn.weight_ih_l0", &[2, 0]);
    assert!(refused(&empty).contains("[2, 0]"));
    let mut whole = tiny();
    whole[2].dtype = Dtype::I32;
    assert!(refused(&whole).contains("I32"));
    assert!(refused(&[zeros("fc.weight", &[1, 2])]).contains("no recurrent layer"));
    assert!(refused(&tiny()[..2]).contains("no linear layer"));
    assert!(refused(&[]).contains("no tensors"));
}

#[test]
fn hostile_bytes_are_refused() {
    let whole = golden("gru");
    for length in 0..whole.len() {
        assert!(import(&whole[..length], Description::default()).is_err(), "{length} bytes");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(import(&longer, Description::default()).is_err());
    let headers = [u64::MAX, u64::MAX - 7, 1 << 40, 100_000_001];
    for header in headers {
        let mut changed = whole.clone();
        changed[..8].copy_from_slice(&header.to_le_bytes());
        assert!(import(&changed, Description::default()).is_err());
    }
    let with_header = |json: &str, data: usize| {
        let mut file = (json.len() as u64).to_le_bytes().to_vec();
        file.extend(json.as_bytes());
        file.extend(vec![0; data]);
        import(&file, Description::default()).unwrap_err()
    };
    let tensor = |name: &str, shape: &str, start: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    let overlap = [tensor("a.weight", "[2,1]", 0, 8), tensor("b.weight", "[2,1]", 4, 12)];
    let hole = [tensor("a.weight", "[2,1]", 0, 8), tensor("b.weight", "[2,1]", 12, 20)];
    let huge = tensor("a.weight", "[4294967296,4294967296,4]", 0, 8);
    let beyond = tensor("a.weight", "[2,1]", 0, u64::MAX);
    for (json, data) in [
        (format!("{{{}}}", overlap.join(",")), 12),
        (format!("{{{}}}", hole.join(",")), 20),
        (format!("{{{huge}}}"), 8),
        (format!("{{{beyond}}}"), 8),
        ("{".repeat(10_000), 0),
        ("[]".to_owned(), 0),
        (String::new(), 0),
    ] {
        let error = with_header(&json, data);
        assert!(error.contains("no safetensors file, or a damaged one"), "{error}");
    }
    let zip = import(b"PK\x03\x04 and so on", Description::default()).unwrap_err();
    assert!(zip.contains("PyTorch's own format") && zip.contains("save_file"), "{zip}");
    let metadata = import(&written(&tiny(), Some("{\"task\":7}")), Description::default());
    assert!(metadata.unwrap_err().contains("metadata"));
    let samples = r#"{"samples":[1e400]}"#;
    assert!(import(&written(&tiny(), Some(samples)), Description::default()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_files_are_no_panic(at in 0usize..2840, byte: u8, others: [u8; 4]) {
        let mut file = golden("gru");
        for (i, byte) in [byte].into_iter().chain(others).enumerate() {
            let at = (at + i * i * 97) % file.len();
            file[at] = byte;
        }
        if let Ok(Imported { model, .. }) = import(&file, Description::default()) {
            prop_assert!(model.to_bytes().is_ok());
        }
    }
}

#[test]
fn every_type_of_float_is_read_exactly_or_with_a_note() {
    let values = [0.1f64, -3.0, 1.0 / 3.0, 0.0078125];
    let halves = values.map(|value| f16::from_f64(value).to_f32());
    let brains = values.map(|value| bf16::from_f64(value).to_f32());
    let singles = values.map(|value| value as f32);
    type Bytes = fn(f64) -> Vec<u8>;
    let types: [(Dtype, Bytes, [f32; 4], bool); 4] = [
        (Dtype::F16, |v| f16::from_f64(v).to_le_bytes().to_vec(), halves, false),
        (Dtype::BF16, |v| bf16::from_f64(v).to_le_bytes().to_vec(), brains, false),
        (Dtype::F64, |v| v.to_le_bytes().to_vec(), singles, true),
        (Dtype::F64, |v| f64::from(v as f32).to_le_bytes().to_vec(), singles, false),
    ];
    for (dtype, bytes, expected, rounded) in types {
        let mut changed = tiny();
        changed[1].dtype = dtype;
        changed[1].bytes = values.iter().flat_map(|value| bytes(*value)).collect();
        let Imported { model, notes } =
            import(&written(&changed, None), Description::default()).unwrap();
        // Behind W_xh, column by column.
        assert_eq!(model.parameters[2..6], [0, 2, 1, 3].map(|i| expected[i]), "{dtype:?}");
        let note =
            notes.iter().any(|note| note.contains("rounded") && note.contains("weight_hh_l0"));
        assert_eq!(note, rounded, "{dtype:?} {notes:?}");
    }
}

#[test]
fn a_module_can_be_chosen_and_the_rest_is_left_out_with_a_note() {
    let extra = vec![zeros("gru.weight_ih_l0", &[6, 1]), zeros("other.weight", &[4, 4])];
    let file = written(&[tiny(), extra].concat(), None);
    let options = Description {
        recurrent: Some("rnn".to_owned()),
        linear: Some("fc".to_owned()),
        ..Description::default()
    };
    let Imported { model, notes } = import(&file, options).unwrap();
    assert_eq!(model.modules, ["rnn", "fc"]);
    assert!(notes.iter().any(|note| note.contains("gru.weight_ih_l0, other.weight")), "{notes:?}");
}

#[test]
fn modules_in_a_row_are_read_one_on_the_other() {
    let upper = vec![
        zeros("second.weight_ih_l0", &[12, 2]),
        zeros("second.weight_hh_l0", &[12, 3]),
        zeros("fc.weight", &[1, 3]),
    ];
    let mut all = [tiny(), upper].concat();
    all.remove(2);
    let file = written(&all, None);
    let options =
        |names: &str| Description { recurrent: Some(names.to_owned()), ..Description::default() };
    let model = import(&file, options("rnn, second")).unwrap().model;
    assert_eq!(model.header.layers.count(), 2);
    assert_eq!(model.modules[0], "rnn,second");
    let error = import(&file, options("second,rnn")).unwrap_err();
    assert_eq!(error, "rnn.weight_ih_l0 has the shape [2, 1], expected [2, 3]");
}

#[test]
fn options_set_names_scales_mode_and_window() {
    let scale = |mean, std, difference| Scale {
        mean,
        std,
        difference_mean: difference,
        difference_std: difference,
    };
    let options = Description {
        mode: Some(ModeName::Residual),
        target: Some("b".to_owned()),
        names: Some(vec!["a".to_owned(), "b".to_owned()]),
        scales: Some(vec![scale(1.0, 2.0, Some(3.0)), scale(-4.0, 5.0, Some(6.0))]),
        window: Some(12),
        ..Description::default()
    };
    let file = golden("gru");
    let model = import(&file, options.clone()).unwrap().model;
    let Header { task, window, .. } = model.header;
    assert_eq!((task, window), (Task::Forecast { mode: Mode::Residual, target: 1 }, 12));
    assert_eq!(model.names, ["a", "b"]);
    let first = Channel {
        level_mean: 1.0,
        level_deviation: 2.0,
        difference_mean: 3.0,
        difference_deviation: 3.0,
    };
    assert_eq!(model.channels[0], first);

    let refused = |options: Description, said: &str| {
        let error = import(&file, options).unwrap_err();
        assert!(error.contains(said), "{error}");
    };
    let names =
        |names: &[&str]| Some(names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
    let target = Some("c".to_owned());
    refused(Description { target, ..options.clone() }, "no channel 'c'; there are a, b");
    refused(Description { names: names(&["a"]), ..options.clone() }, "1 channels are named");
    refused(Description { names: names(&["a", "a"]), ..options.clone() }, "two channels");
    let one = Some(vec![scale(0.0, 1.0, None)]);
    refused(Description { scales: one, ..options.clone() }, "1 channel(s) have scales");
    let levels = Some(vec![scale(0.0, 1.0, None); 2]);
    refused(
        Description { scales: levels, ..options.clone() },
        "mean and standard deviation of the differences",
    );
    for wrong in [0.0, -1.0, f32::NAN] {
        let scales = Some(vec![scale(0.0, wrong, Some(1.0)); 2]);
        refused(
            Description { scales, ..options.clone() },
            "'a' has the unusable standard deviation",
        );
    }
    refused(Description { window: Some(4097), ..options }, "4097 steps");
}

#[test]
fn a_text_model_needs_its_symbols() {
    let text = Description { task: Some(TaskName::Char), ..Description::default() };
    let error = import(&golden("gru"), text.clone()).unwrap_err();
    assert!(error.contains("--symbols"), "{error}");
    let names = Some(vec!["?".to_owned(), "\n".to_owned()]);
    let model = import(&golden("gru"), Description { names, ..text }).unwrap().model;
    assert_eq!(model.header.task, Task::Text(Unit::Character));
    assert!(model.to_bytes().is_ok());
}
