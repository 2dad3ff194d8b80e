//! Reading never panics, and never loses a row.

use std::path::Path;

use proptest::prelude::*;
use rnn_train_host::data::csv::{self, Options};

fn options() -> Options {
    Options { target: "v".into(), ..Options::default() }
}

/// Bytes that a CSV file is made of, and a few that it isn't.
fn csv_like() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop::sample::select(b"v,,,\n\n\r\";\t0123456789.-+eEnaif:/T \0\xEF\xBB\xBF\xFF".to_vec());
    prop::collection::vec(byte, 0..200)
}

/// A field of a number column and what it stands for.
fn field() -> impl Strategy<Value = (String, Option<f32>)> {
    let number = || any::<f32>().prop_filter("finite", |v| v.is_finite());
    prop_oneof![
        number().prop_map(|v| (v.to_string(), Some(v))),
        number().prop_map(|v| (format!("\" {v:e} \""), Some(v))),
        prop::sample::select(vec!["", "NaN", "na", "inf", "1e300"]).prop_map(|t| (t.into(), None)),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_give_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for header in ["", "v\n", "t,v\n"] {
            let log = [header.as_bytes(), &bytes].concat();
            if let Err(error) = csv::read_from(log.as_slice(), Path::new("x"), &options()) {
                prop_assert!(error.to_string().starts_with("x: "));
            }
        }
    }

    #[test]
    fn bytes_like_csv_give_a_table_or_an_error(bytes in csv_like()) {
        for header in ["", "v\n", "t,v\n", "a;v;b\n"] {
            let log = [header.as_bytes(), &bytes].concat();
            if let Ok(table) = csv::read_from(log.as_slice(), Path::new("x"), &options()) {
                prop_assert!(table.rows().len() >= 2);
                prop_assert!(table.rows().channel(0).all(|v| v.is_nan() || v.is_finite()));
            }
        }
    }

    #[test]
    fn every_row_arrives_with_its_value(
        fields in prop::collection::vec(field(), 2..50),
        ending in prop::sample::select(vec!["\n", "\r\n"]),
        last_line_ends in any::<bool>(),
    ) {
        let lines: Vec<String> = std::iter::once("name,v".to_owned())
            .chain(fields.iter().map(|(text, _)| format!("\"a, \"\"b\"\"\",{text}")))
            .collect();
        let log = lines.join(ending) + if last_line_ends { ending } else { "" };
        match csv::read_from(log.as_bytes(), Path::new("x"), &options()) {
            Ok(table) => {
                let read: Vec<Option<f32>> = table.rows().channel(0).map(|v| Some(v).filter(|v| !v.is_nan())).collect();
                let written: Vec<Option<f32>> = fields.iter().map(|(_, v)| *v).collect();
                prop_assert_eq!(read, written);
            }
            Err(error) => prop_assert!(fields.iter().all(|(_, v)| v.is_none()), "{}", error),
        }
    }
}
