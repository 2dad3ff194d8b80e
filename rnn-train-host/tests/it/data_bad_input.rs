//! Whatever is wrong with a log: a clear error with its place, or a counted repair.

use std::path::Path;

use rnn_train_host::data::csv::{self, Options};
use rnn_train_host::data::{NoticeKind, Table};

fn options(target: &str) -> Options {
    Options { target: target.into(), ..Options::default() }
}

fn read(bytes: impl AsRef<[u8]>, options: &Options) -> Result<Table, String> {
    csv::read_from(bytes.as_ref(), Path::new("log.csv"), options).map_err(|e| e.to_string())
}

fn temperature(bytes: impl AsRef<[u8]>) -> Table {
    read(bytes, &options("temp")).unwrap()
}

/// The error must name the file and each of `parts`.
fn assert_error(bytes: impl AsRef<[u8]>, options: &Options, parts: &[&str]) {
    let error = read(bytes, options).unwrap_err();
    assert!(error.starts_with("log.csv: "), "{error}");
    for part in parts {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

fn bits(table: &Table) -> Vec<u32> {
    table.rows().channel(table.target).map(f32::to_bits).collect()
}

fn count(table: &Table, kind: NoticeKind) -> Option<(usize, Option<u64>)> {
    let found = table.notices.iter().find(|n| n.kind == kind);
    found.map(|n| (n.count, n.first_line))
}

#[test]
fn ragged_rows() {
    let parts = ["line 3", "names 2 columns", "has 3", "12.5, not 12,5"];
    assert_error("t,temp\n1,20\n2,20,5\n", &options("temp"), &parts);
    assert_error("t,temp\n1,20\n2\n", &options("temp"), &["line 3", "has 1", "repair"]);
}

#[test]
fn text_in_a_number_column() {
    let parts = ["line 3", "column 2 (\"temp\")", "\"warm\"", "leave the field empty"];
    assert_error("t,temp\n1,20\n2,warm\n", &options("temp"), &parts);
}

#[test]
fn decimal_commas() {
    let log = "time;temp\n2024-01-01;20\n2024-01-02;20,5\n";
    assert_error(log, &options("temp"), &["line 3", "column 2", "\"20,5\"", "12.5"]);
    assert_error("t,temp\n1,\"20,5\"\n", &options("temp"), &["line 2", "decimal sign"]);
}

#[test]
fn semicolons_and_tabs_separate_where_the_header_uses_them() {
    let table = temperature("time;temp, indoor;temp\n2024-01-01;1;20.5\n2024-01-02;1;21\n");
    assert_eq!(bits(&table), [20.5f32, 21.0].map(f32::to_bits));
    assert!(count(&table, NoticeKind::Semicolons).is_some());
    let table = temperature("t\ttemp\n1\t20.5\n2\t21\n");
    assert_eq!(bits(&table), [20.5f32, 21.0].map(f32::to_bits));
    assert!(count(&table, NoticeKind::Tabs).is_some());
}

#[test]
fn unknown_columns() {
    let log = "time,temp_c,humidity\n2024-01-01,20,50\n2024-01-02,21,51\n";
    let parts = ["\"temp_C\"", "did you mean \"temp_c\"", "time, temp_c, humidity"];
    assert_error(log, &options("temp_C"), &parts);
    let features = Options { features: vec!["humidty".into()], ..options("temp_c") };
    assert_error(log, &features, &["\"humidty\"", "did you mean \"humidity\""]);
    let time = Options { time: Some("tme".into()), ..options("temp_c") };
    assert_error(log, &time, &["\"tme\"", "did you mean \"time\""]);
    let error = read(log, &options("qqq")).unwrap_err();
    assert!(!error.contains("did you mean"), "{error}");
}

#[test]
fn too_little() {
    for nothing in ["", "\n\r\n\n", "\u{feff}"] {
        assert_error(nothing, &options("temp"), &["the file is empty", "column names"]);
    }
    assert_error("t,temp\n", &options("temp"), &["no sample", "log some"]);
    assert_error("t,temp\n\n \n", &options("temp"), &["no sample"]);
    assert_error("t,temp\n1,20\n", &options("temp"), &["only one sample"]);
    let parts = ["column 2 (\"temp\")", "no value at all"];
    assert_error("t,temp\n1,\n2,nan\n", &options("temp"), &parts);
}

#[test]
fn no_header() {
    let parts = ["line 1", "2024-01-01, 20.5", "column names above"];
    assert_error("2024-01-01,20.5\n2024-01-02,21\n", &options("temp"), &parts);
    assert_error("1,20.5\n2,21\n", &options("temp"), &["line 1", "column names above"]);
}

#[test]
fn duplicate_headers_matter_only_where_they_are_asked_for() {
    let log = "t,temp,temp,hum,wind,wind\n1,2,3,4,5,6\n2,3,4,5,6,7\n";
    assert_error(log, &options("temp"), &["more than one", "\"temp\"", "rename"]);
    assert_eq!(bits(&read(log, &options("hum")).unwrap()), [4f32, 5.0].map(f32::to_bits));
}

#[test]
fn features_asked_for_in_vain() {
    let log = "time,temp\n2024-01-01,20\n2024-01-02,21\n";
    let twice = Options { features: vec!["temp".into(), "temp".into()], ..options("temp") };
    assert_error(log, &twice, &["\"temp\"", "twice"]);
    let time = Options { time: Some("temp".into()), ..options("temp") };
    assert_error(log, &time, &["\"temp\"", "time column", "never a feature"]);
}

#[test]
fn byte_order_mark_carriage_returns_and_quotes() {
    let plain = temperature("temp,note\n20.5,a\n21,b\n");
    let decorated =
        temperature("\u{feff}\"temp\",note\r\n\"20.5\",\"a, \"\"b\"\"\"\r\n 21 , b \r\n");
    assert_eq!(bits(&plain), bits(&decorated));
    assert_eq!(decorated.channels, ["temp"]);
}

#[test]
fn misplaced_quotes_never_swallow_a_line() {
    let open = "t,temp,note\n1,20,\"open\n2,21,b\n";
    assert_error(open, &options("temp"), &["line 2", "quotation mark"]);
    assert_error("t,temp\n1,\"2\"3\n2,3\n", &options("temp"), &["line 2", "quotation mark"]);
}

#[test]
fn missing_values_in_every_spelling() {
    let log = "t,temp\n0,20\n1,\n2,NaN\n3,nan\n4,NA\n5,null\n6,?\n7,21\n";
    let table = temperature(log);
    assert_eq!(count(&table, NoticeKind::Missing), Some((6, Some(3))));
    let filled = table.forward_fill();
    assert_eq!(filled.carried, 6);
    let values: Vec<f32> = filled.rows().channel(0).collect();
    assert_eq!(values, [20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 21.0]);
}

#[test]
fn leading_gaps_stay_missing_and_channels_dont_mix() {
    let both = Options { features: vec!["a".into(), "b".into()], ..options("b") };
    let table = read("a,b\n1,\n2,\n,5\n,\n", &both).unwrap();
    assert_eq!((table.target, table.channels.len()), (1, 2));
    let filled = table.forward_fill();
    let [a, b] = [0, 1].map(|c| filled.rows().channel(c).collect::<Vec<f32>>());
    assert_eq!(a, [1.0, 2.0, 2.0, 2.0]);
    assert!(b[0].is_nan() && b[1].is_nan());
    assert_eq!((b[2], b[3], filled.carried), (5.0, 5.0, 3));
}

#[test]
fn infinite_values_are_missing_and_counted() {
    let table = temperature("t,temp\n0,20\n1,inf\n2,-inf\n3,1e39\n4,1e999\n5,-Infinity\n6,21\n");
    assert_eq!(count(&table, NoticeKind::NotFinite), Some((5, Some(3))));
    assert_eq!(table.rows().channel(0).filter(|v| v.is_nan()).count(), 5);
    assert!(table.rows().channel(0).all(|v| !v.is_infinite()));
}

#[test]
fn constant_columns_are_stated() {
    let table = temperature("t,temp\n0,20\n1,\n2,20\n");
    assert_eq!(count(&table, NoticeKind::Constant), Some((2, None)));
}

#[test]
fn blank_lines() {
    let table = temperature("t,temp\n0,20\n\n1,21\n  \n");
    assert_eq!(table.rows().len(), 2);
    assert_eq!(count(&table, NoticeKind::BlankLines), Some((2, Some(3))));
    // In a file of one column, a blank line between samples is an empty field.
    let table = temperature("temp\n20\n\n21\n\n");
    assert_eq!(table.rows().len(), 3);
    assert_eq!(count(&table, NoticeKind::Missing), Some((1, Some(3))));
    assert_eq!(count(&table, NoticeKind::BlankLines), Some((1, Some(5))));
}

#[test]
fn bytes_that_are_no_text() {
    let latin = b"t,temp,unit\n0,20,C\n1,21,\xB0C\n";
    let parts = ["line 3", "byte 6 of the line", "byte 25 of the file", "0xB0", "UTF-8"];
    assert_error(latin, &options("temp"), &parts);
    assert_error(b"t,temp\n0,20\n1,2\x001\n", &options("temp"), &["line 3", "NUL"]);
    let utf16: Vec<u8> = "t,temp\n0,20\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_error(utf16, &options("temp"), &["line 1", "UTF-16"]);
    let carriage_returns = "t,temp\r0,20\r1,21\r";
    assert_error(carriage_returns, &options("temp"), &["line 1", "carriage return"]);
    let endless = vec![b'x'; 3 << 20];
    assert_error(endless, &options("temp"), &["line 1", "longer than 1048576 bytes"]);
}

#[test]
fn text_columns_that_arent_used_are_no_concern() {
    let log = "time,wind_dir,temp\n2024-01-01,NW,20\n2024-01-02,SE,21\n";
    assert_eq!(temperature(log).channels, ["temp"]);
    let parts = ["line 2", "column 2 (\"wind_dir\")", "\"NW\"", "don't use this column"];
    assert_error(log, &options("wind_dir"), &parts);
}

#[test]
fn files_that_arent_there() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| csv::read(path, &options("temp")).unwrap_err().to_string();
    assert!(error(folder.path()).contains("is a folder"));
    let absent = error(&folder.path().join("absent.csv"));
    assert!(absent.contains("absent.csv: can't be read") && absent.contains("check the path"));
}

#[test]
fn columns_are_listed_from_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, "\u{feff}time, \"temp\" ,hum\r\n").unwrap();
    // A quotation mark after white space is out of place, and says so.
    assert!(csv::columns(&path).unwrap_err().to_string().contains("line 1: a quotation mark"));
    std::fs::write(&path, "\u{feff}time,\"temp\", hum\r\n").unwrap();
    assert_eq!(csv::columns(&path).unwrap(), ["time", "temp", "hum"]);
}

#[test]
fn notices_serve_people_and_programs() {
    let table = temperature("t,temp\n0,20\n1,\n2,21\n");
    let [notice] = table.notices.as_slice() else { panic!("{:?}", table.notices) };
    let text = notice.to_string();
    assert!(text.contains("\"temp\"") && text.contains("missing values: 1 (first on line 3)"));
    let json = serde_json::to_value(notice).unwrap();
    let expected = serde_json::json!(
        { "kind": "missing", "column": "temp", "count": 1, "first_line": 3 }
    );
    assert_eq!(json, expected);
}
