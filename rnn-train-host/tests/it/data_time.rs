//! The time column: found, understood, checked for order and gaps, never a feature.

use std::path::Path;

use rnn_train_host::data::csv::{self, Options};
use rnn_train_host::data::{NoticeKind, Table};

fn options(time: Option<&str>) -> Options {
    Options { target: "v".into(), time: time.map(Into::into), ..Options::default() }
}

/// A log with one value per time stamp.
fn log(name: &str, stamps: &[&str]) -> String {
    let lines = stamps.iter().enumerate().map(|(i, stamp)| format!("{stamp},{i}\n"));
    format!("{name},v\n{}", lines.collect::<String>())
}

fn read(name: &str, stamps: &[&str], time: Option<&str>) -> Result<Table, String> {
    csv::read_from(log(name, stamps).as_bytes(), Path::new("log.csv"), &options(time))
        .map_err(|e| e.to_string())
}

fn found(table: &Table) -> Vec<(NoticeKind, usize, Option<u64>)> {
    table.notices.iter().map(|n| (n.kind, n.count, n.first_line)).collect()
}

#[test]
fn stamps_in_the_wild() {
    let minute = 60.0;
    let day = 86_400.0;
    for (stamps, step) in [
        (["1958-03-29", "1958-03-30", "1958-03-31"], day),
        (["2016-07-01 00:00:00", "2016-07-01 00:01:00", "2016-07-01 00:02:00"], minute),
        (["2016-07-01T00:00", "2016-07-01T00:01", "2016-07-01T00:02"], minute),
        (["2016-07-01T00:00:00Z", "2016-07-01T02:01:00+02:00", "2016-07-01T00:02:00Z"], minute),
        (["2016/07/01 00:00:00.5", "2016/07/01 00:01:00.5", "2016/07/01 00:02:00.5"], minute),
    ] {
        // Recognised by the values, whatever the name.
        let table = read("when?", &stamps, None).unwrap();
        let time = table.time.as_ref().unwrap();
        assert!(time.calendar, "{stamps:?}");
        assert_eq!(time.step, Some(step), "{stamps:?}");
        assert_eq!((time.first.as_str(), time.last.as_str()), (stamps[0], stamps[2]));
        assert_eq!(found(&table), [], "{stamps:?}");
    }
}

#[test]
fn months_and_leap_years_are_no_gaps() {
    let months = ["1999-11", "1999-12", "2000-01", "2000-02", "2000-03", "2000-04"];
    let table = read("month", &months, None).unwrap();
    assert_eq!(found(&table), []);
    let gap = ["1999-11", "1999-12", "2000-02", "2000-03", "2000-04"];
    assert_eq!(found(&read("month", &gap, None).unwrap()), [(NoticeKind::Gap, 1, Some(4))]);
}

#[test]
fn plain_numbers_are_times_by_name_or_on_request() {
    let stamps = ["280.015", "280.030", "280.046"];
    let time = |name, explicit| read(name, &stamps, explicit).unwrap().time;
    assert!(time("pressure", None).is_none());
    let by_name = time("t_s", None).unwrap();
    assert!(!by_name.calendar);
    assert!((by_name.step.unwrap() - 0.016).abs() < 1e-9);
    assert!(time("pressure", Some("pressure")).is_some());
}

#[test]
fn the_first_column_can_be_a_feature_all_the_same() {
    let wanted = Options { features: vec!["t".into()], ..options(None) };
    let table = csv::read_from("t,v\n1,2\n2,3\n".as_bytes(), Path::new("log.csv"), &wanted);
    let table = table.unwrap();
    assert_eq!((table.channels.as_slice(), table.time), (&["t".to_owned(), "v".into()][..], None));
}

#[test]
fn disorder_is_counted_and_the_order_of_lines_kept() {
    let stamps = ["0", "1", "2", "2", "1", "2", "3", "9", "10", "20"];
    let table = read("t", &stamps, None).unwrap();
    let expected = [
        (NoticeKind::OutOfOrder, 1, Some(6)),
        (NoticeKind::RepeatedTime, 1, Some(5)),
        (NoticeKind::Gap, 2, Some(9)),
    ];
    assert_eq!(found(&table), expected);
    let values: Vec<f32> = table.rows().channel(0).collect();
    assert_eq!(values, (0..10).map(|i| i as f32).collect::<Vec<_>>());
}

#[test]
fn unreadable_stamps_are_errors_only_where_the_column_was_asked_for() {
    let stamps = ["2024-01-01", "yesterday", "", "2024-01-04"];
    let error = read("time", &stamps, Some("time")).unwrap_err();
    for part in ["line 3", "column 1 (\"time\")", "\"yesterday\"", "2024-05-31 18:30:00"] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    let table = read("time", &stamps, None).unwrap();
    assert_eq!(found(&table)[0], (NoticeKind::UnreadableTime, 2, Some(3)));
    // A number among dates is on another scale.
    let mixed = read("time", &["2024-01-01", "20240102", "2024-01-03"], Some("time"));
    assert!(mixed.unwrap_err().contains("line 3"));
}
