//! A log in CSV.

use std::io::{BufRead, BufReader};
use std::path::Path;

use rnn_train_host::data::csv::{Options, read_from};
use rnn_train_host::data::{Error, Table, season, time_of};

/// Takes bytes as a log, for one column and for two beside a time column.
pub fn run(bytes: &[u8]) {
    let v = Options { target: "v".into(), ..Options::default() };
    let more = Options { features: vec!["a".into()], time: Some("t".into()), ..v.clone() };
    for options in [v, more] {
        let lines = bytes.split(|byte| *byte == b'\n').count();
        let whole = read(bytes, &options);
        match &whole {
            Ok(table) => check(table, lines),
            Err(error) => {
                assert!(error.line().is_none_or(|line| (1..=lines as u64).contains(&line)));
                assert!(error.to_string().starts_with("log.csv: "), "{error}");
            }
        }
        // In pieces it is the same log.
        let pieces = read(BufReader::with_capacity(1, bytes), &options);
        assert_eq!(shown(&whole), shown(&pieces));
    }
}

fn read(input: impl BufRead, options: &Options) -> Result<Table, Error> {
    read_from(input, Path::new("log.csv"), options)
}

fn check(table: &Table, lines: usize) {
    let rows = table.rows();
    assert!(rows.len() >= 2 && rows.len() < lines + 1, "{} rows, {lines} lines", rows.len());
    assert_eq!(table.channels.get(table.target).map(String::as_str), Some("v"));
    let filled = table.forward_fill();
    for channel in 0..rows.channels() {
        // Missing is NaN; whatever is a number is one that a network can take.
        assert!(rows.channel(channel).all(|value| !value.is_infinite()));
        let mut values = filled.rows().channel(channel).skip_while(|value| value.is_nan());
        assert!(values.all(f32::is_finite));
    }
    let numbers: Vec<f32> = rows.channel(table.target).filter(|v| v.is_finite()).collect();
    season::detect(&numbers);
    for notice in &table.notices {
        assert!(notice.first_line.is_none_or(|line| (1..=lines as u64).contains(&line)));
        assert!(!notice.to_string().is_empty());
    }
    if let Some(time) = &table.time {
        assert_eq!(time.times.len(), rows.len());
        for t in 0..rows.len() {
            time.written(t);
            time.elapsed(t);
        }
        let first = time.times.iter().find(|time| !time.is_nan());
        assert_eq!(time_of(&time.first, time).as_ref(), first);
    }
}

/// All that is in a table, or the message.
fn shown(read: &Result<Table, Error>) -> String {
    match read {
        Ok(table) => {
            let bits = |c| table.rows().channel(c).map(f32::to_bits).collect::<Vec<_>>();
            let values: Vec<_> = (0..table.channels.len()).map(bits).collect();
            format!("{:?} {:?} {values:?} {:?}", table.channels, table.time, table.notices)
        }
        Err(error) => error.to_string(),
    }
}

/// Logs with everything that is read in its own way.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("plain", "t,a,v\n2024-01-01 00:00,1,2.5\n2024-01-01 00:10,1.5,-3e-2\n2024-01-01 00:30,2,4\n"),
        ("semicolons", "\u{FEFF}t;v;a\r\n1;0.5;7\r\n2;0.75;7\r\n3;1;7\r\n"),
        ("tabs", "v\tt\ta\n1\t2024-05\tx\n2\t2024-06\ty\n"),
        ("quotes", "\"a\",\"v\",\"t\"\n\" 1 \",\"2\",\"2024-01-01T00:00:00+02:00\"\n3,\"\",\"2024-01-01T01:00:00Z\"\n"),
        ("missing", "v\n1\n\nNaN\nna\ninf\n-inf\n1e39\n2\n"),
        ("backwards", "t,v,a\n5,1,0\n4,2,0\n4,3,0\nx,4,0\n9,5,0\n"),
        ("decimal_comma", "t,v,a\n1,2,5,3\n"),
        ("blank", "\n\nv,t,a\n\n1,1,1\n\n2,2,2\n\n"),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .into()
}
