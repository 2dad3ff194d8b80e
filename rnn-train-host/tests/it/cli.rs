//! The `rnn` command as its users meet it: exit codes, what goes to which stream, files whole or absent.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rnn_train_host::model::Model;
use serde_json::Value;
use tempfile::TempDir;

const CO2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/co2_mauna_loa_weekly.csv");

fn rnn(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rnn")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs, expects success, returns standard output.
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = rnn(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// Runs, expects this exit code and nothing on standard output; returns standard error.
fn fails(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = rnn(folder, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

fn json(line: &str) -> Value {
    assert_eq!(line.lines().count(), 1, "{line}");
    serde_json::from_str(line).unwrap()
}

fn trained() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let quick = ["--hidden", "4", "--epochs", "5", "--out", "co2.rnn"];
    let arguments = [&["train", CO2, "--target", "co2_ppm"], &quick[..]].concat();
    let out = succeeds(folder.path(), &arguments);
    assert!(out.contains("co2.rnn written") && out.contains("Verdict: the network"), "{out}");
    folder
}

#[test]
fn a_model_says_whether_it_goes_on_from_anothers_state() {
    let folder = trained();
    let folder = folder.path();
    let hands_over = |name| Model::load(&folder.join(name)).unwrap().header.hand_over;
    assert!(!hands_over("co2.rnn"));
    let quick = ["--target", "co2_ppm", "--hand-over"];
    let train = ["--hidden", "4", "--epochs", "5", "--out", "train.rnn"];
    succeeds(folder, &[&["train", CO2], &quick[..], &train[..]].concat());
    let tune = ["--candidates", "2", "--flash", "2k", "--ram", "1k", "--out", "tune.rnn"];
    succeeds(folder, &[&["tune", CO2], &quick[..], &tune[..]].concat());
    assert!(hands_over("train.rnn") && hands_over("tune.rnn"));
}

#[test]
fn from_a_log_to_a_forecast() {
    let folder = trained();
    let folder = folder.path();

    let table = succeeds(folder, &["eval", "co2.rnn", CO2, "--picture", "co2.svg"]);
    assert!(table.contains("persistence") && table.contains("Verdict: "), "{table}");
    let svg = fs::read_to_string(folder.join("co2.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("persistence") && svg.contains("measured") && svg.contains("Verdict"));

    let eval = json(&succeeds(folder, &["eval", "co2.rnn", CO2, "--json"]));
    for of in [&eval, &eval["persistence"], &eval["seasonal_naive"], &eval["ar"]] {
        // 344 rows, all of them measured.
        assert_eq!(of["n"], 344, "{of}");
        assert!(["rmse", "mae", "mase"].iter().all(|f| of[f].as_f64().unwrap() > 0.0), "{of}");
    }
    // The published figure of persistence on this series.
    assert!((eval["persistence"]["rmse"].as_f64().unwrap() - 0.5012).abs() < 5e-5, "{eval}");
    assert!(["beats", "ties", "loses"].contains(&eval["verdict"].as_str().unwrap()));

    let ahead = json(&succeeds(folder, &["eval", "co2.rnn", CO2, "--json", "--steps", "12"]));
    assert_eq!(ahead["steps"], 12);
    assert!(ahead["rmse"].as_f64() > eval["rmse"].as_f64(), "{ahead}");

    let lines = succeeds(folder, &["forecast", "co2.rnn", CO2, "--steps", "5"]);
    assert_eq!((lines.lines().count(), lines.lines().next()), (6, Some("step,co2_ppm")));
    succeeds(folder, &["forecast", "co2.rnn", CO2, "--steps", "5", "--out", "f.csv"]);
    assert_eq!(fs::read_to_string(folder.join("f.csv")).unwrap(), lines);
    let objects = succeeds(folder, &["forecast", "co2.rnn", CO2, "--steps", "5", "--json"]);
    let last: Value = serde_json::from_str(objects.lines().last().unwrap()).unwrap();
    assert_eq!(last["step"], 5);
    let fifth: f64 = lines.lines().last().unwrap().strip_prefix("5,").unwrap().parse().unwrap();
    let same = last["prediction"]["co2_ppm"].as_f64().unwrap();
    assert_eq!(fifth as f32, same as f32);

    let inspected = json(&succeeds(folder, &["inspect", "co2.rnn", "--json", "--clock", "168MHz"]));
    assert_eq!((&inspected["hidden"], &inspected["macs"]), (&4.into(), &24.into()));
    let chips = inspected["chips"].as_array().unwrap();
    assert!(chips.iter().all(|chip| chip["instructions"].as_f64().unwrap() > 24.0), "{chips:?}");
    let m4 = chips.iter().find(|chip| chip["chip"] == "cortex-m4f").unwrap();
    assert!(m4["modelled_cycles"].as_f64() > m4["instructions"].as_f64(), "{m4}");
    assert!(m4["milliseconds"].as_f64().unwrap() > 0.0, "{m4}");

    succeeds(folder, &["export", "co2.rnn", "--to", "rust", "--out", "co2.rs"]);
    assert!(fs::read_to_string(folder.join("co2.rs")).unwrap().contains("pub static MODEL"));
}

#[test]
fn a_log_past_the_watch() {
    let folder = trained();
    let folder = folder.path();
    // A spike, a hole, a dead sensor.
    let log = fs::read_to_string(CO2).unwrap();
    let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
    let date = |line: &str| line.split(',').next().unwrap().to_owned();
    for (t, value) in
        [(2000, "400"), (2050, "")].into_iter().chain((2100..2130).map(|t| (t, "nan")))
    {
        lines[t + 1] = format!("{},{value}", date(&lines[t + 1]));
    }
    fs::write(folder.join("broken.csv"), lines.join("\n")).unwrap();
    let window = format!(
        "file,start,end\nother.csv,1990-01-01,1990-02-01\nbroken.csv,{0},{0}\n",
        date(&lines[2001])
    );
    fs::write(folder.join("windows.csv"), window).unwrap();

    let detect = ["detect", "co2.rnn", "broken.csv", "--skip", "1950"];
    let asked = [&detect[..], &["--labels", "windows.csv", "--out", "rows.csv"]].concat();
    let text = succeeds(folder, &asked);
    assert!(text.contains("not_a_number: 30 values") && text.contains("blind for"), "{text}");
    assert!(
        text.contains("1 of 1 labelled windows found") && text.contains("recall 1.000"),
        "{text}"
    );
    let rows = fs::read_to_string(folder.join("rows.csv")).unwrap();
    assert_eq!(rows.lines().count(), lines.len());
    assert_eq!(
        rows.lines().next(),
        Some("row,time,co2_ppm,co2_ppm_predicted,co2_ppm_fault,sight,score,alarm")
    );
    let row = rows.lines().nth(2001).unwrap();
    assert!(row.starts_with(&format!("2000,{} 00:00:00,400,", date(&lines[2001]))), "{row}");
    assert!(row.ends_with(",1"), "{row}");

    let found =
        json(&succeeds(folder, &[&detect[..], &["--labels", "windows.csv", "--json"]].concat()));
    assert_eq!(
        (&found["windows"], &found["found"], &found["recall"]),
        (&1.into(), &1.into(), &1.0.into())
    );
    assert_eq!(found["faults"]["not_a_number"], 30);
    assert!(
        found["alarms"].as_array().unwrap().iter().any(|alarm| alarm["row"] == 2000),
        "{found}"
    );
    let calm = json(&succeeds(folder, &[&detect[..], &["--threshold", "1e6", "--json"]].concat()));
    assert_eq!(calm["alarms"].as_array().unwrap().len(), 0, "{calm}");

    fs::write(folder.join("windows.csv"), "start,end\n1990-01-01,yesterday\n").unwrap();
    let error = fails(folder, 1, &asked);
    assert!(error.contains("line 2") && error.contains("'yesterday'"), "{error}");
    fails(folder, 2, &[&detect[..], &["--silence", "-3"]].concat());
    let train = ["train", CO2, "--target", "co2_ppm", "--out", "n.rnn", "--range"];
    let error = fails(folder, 1, &[&train[..], &["co3=0..1"]].concat());
    assert!(error.contains("'co3'") && !folder.join("n.rnn").exists(), "{error}");
    fails(folder, 2, &[&train[..], &["co2_ppm=1..0"]].concat());
}

#[test]
fn a_model_that_learns_from_a_log() {
    let folder = trained();
    let folder = folder.path();
    // From some day on the same, 30 ppm higher.
    let log = fs::read_to_string(CO2).unwrap();
    let lines = log.lines().enumerate().map(|(t, line)| match line.split_once(',') {
        Some((date, value)) if t > 1500 => match value.parse::<f64>() {
            Ok(value) => format!("{date},{}", value + 30.0),
            Err(_) => line.to_owned(),
        },
        _ => line.to_owned(),
    });
    fs::write(folder.join("higher.csv"), lines.collect::<Vec<_>>().join("\n")).unwrap();

    let adapt = ["adapt", "co2.rnn", "higher.csv", "--skip", "1500"];
    let files = ["--out", "new.rnn", "--picture", "adapted.svg"];
    let text = succeeds(folder, &[&adapt[..], &files].concat());
    assert!(text.contains("persistence") && text.contains("new.rnn written"), "{text}");
    assert!(text.contains("Adapted against frozen: "), "{text}");
    let svg = fs::read_to_string(folder.join("adapted.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("frozen") && svg.contains("adapted"));
    succeeds(folder, &["eval", "new.rnn", CO2]);

    let found = json(&succeeds(folder, &[&adapt[..], &["--json"]].concat()));
    let rmse = |of: &str| found[of]["rmse"].as_f64().unwrap();
    assert!(rmse("persistence") > 0.0 && rmse("adapted") > 0.0, "{found}");
    let ratio = rmse("adapted") / rmse("frozen");
    assert!((found["ratio"].as_f64().unwrap() - ratio).abs() < 1e-12, "{found}");
    let events = found["events"].as_array().unwrap();
    let count = |what: &str| events.iter().filter(|event| event["event"] == what).count();
    for what in ["taken_over", "rolled_back", "restarted"] {
        assert_eq!(found[what], count(what), "{found}");
    }
    // Of the readout alone, all but the readout stays.
    let readout = ["--readout-only", "--json", "--out", "readout.rnn"];
    let found = json(&succeeds(folder, &[&adapt[..], &readout].concat()));
    assert_eq!(found["readout_only"], true);

    fails(folder, 2, &[&adapt[..], &["--block", "0"]].concat());
    fails(folder, 2, &[&adapt[..], &["--block", "4097"]].concat());
    let error = fails(folder, 1, &["adapt", "co2.rnn", "none.csv", "--out", "none.rnn"]);
    assert!(error.contains("none.csv") && !folder.join("none.rnn").exists(), "{error}");
}

#[test]
fn wrong_use_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["train"][..],
        &["train", CO2],
        &["train", CO2, "--target", "co2_ppm", "--cell", "perceptron"],
        &["train", CO2, "--target", "co2_ppm", "--mode", "best"],
        &["train", CO2, "--target", "co2_ppm", "--threads", "0"],
        &["train", CO2, "--target", "co2_ppm", "--layer", "2"],
        &["train", CO2, "--target", "co2_ppm", "--hidden", "0"],
        &["train", CO2, "--target", "co2_ppm", "--learning-rate", "fast"],
        &["train", CO2, "--target", "co2_ppm", "--dropout", "0.2"],
        &["tune", CO2, "--target", "co2_ppm"],
        &["tune", CO2, "--target", "co2_ppm", "--budget", "1s", "--candidates", "3"],
        &["tune", CO2, "--target", "co2_ppm", "--budget", "1s", "--checkpoint", "state"],
        &["tune", CO2, "--target", "co2_ppm", "--budget", "-1s"],
        &["tune", CO2, "--target", "co2_ppm", "--budget", "1s", "--flash", "much"],
        &["eval", "m.rnn"],
        &["eval", "m.rnn", CO2, "--steps", "0"],
        &["eval", "m.rnn", CO2, "--part", "rest"],
        &["inspect", "m.rnn", "--clock", "fast"],
        &["export", "m.rnn", "--to", "cobol", "--out", "m"],
        &["stream", "m.rnn", CO2, "--device", "toaster", "--firmware", "f"],
        &["dance"],
        &[],
    ] {
        fails(folder.path(), 2, arguments);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_fails_ends_with_1_says_where_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let series: String = (0..60).map(|t| format!("{t},{}\n", (t * 7) % 13)).collect();
    fs::write(path.join("ok.csv"), format!("n,value\n{series}")).unwrap();
    fs::write(path.join("ragged.csv"), format!("n,value\n{series}60,1,2\n")).unwrap();
    fs::write(path.join("text.csv"), format!("n,value\n{series}60,warm\n")).unwrap();
    fs::write(path.join("empty.csv"), "").unwrap();
    fs::write(path.join("latin1.csv"), b"n,value\n1,2\n2,\xb0\n").unwrap();
    let before = fs::read_dir(path).unwrap().count();
    for (arguments, expected) in [
        (&["train", "absent.csv", "--target", "value"][..], "absent.csv"),
        (&["train", "empty.csv", "--target", "value"], "the file is empty"),
        (&["train", "ragged.csv", "--target", "value"], "line 62"),
        (&["train", "text.csv", "--target", "value"], "line 62, column 2"),
        (&["train", "latin1.csv", "--target", "value"], "line 3"),
        (&["train", "ok.csv", "--target", "valeu"], "value"),
        (&["train", "ok.csv", "--target", "value", "--hidden", "43"], "43 hidden units"),
        (&["train", "ok.csv", "--target", "value", "--window", "42"], "a window of 42"),
        (&["train", "ok.csv", "--target", "value", "--out", "no/m.rnn"], "there is no folder no"),
        (&["train", "ok.csv", "--target", "value", "--out", "."], "is a folder"),
        (
            &["tune", "ok.csv", "--target", "value", "--candidates", "2", "--picture", "model.rnn"],
            "name two files",
        ),
        (&["eval", "absent.rnn", "ok.csv"], "absent.rnn"),
        (&["inspect", "ok.csv"], "not a model file"),
    ] {
        let error = fails(path, 1, arguments);
        assert!(error.starts_with("error: ") && error.contains(expected), "{arguments:?}: {error}");
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), before, "a file was left behind");
}

#[test]
fn a_form_of_the_kernels_that_is_none_is_told() {
    let run = |form: &str| {
        let mut rnn = Command::new(env!("CARGO_BIN_EXE_rnn"));
        text(&rnn.arg("--version").env("RNN_KERNEL", form).output().unwrap().stderr).to_owned()
    };
    assert_eq!((run("portable"), run("avx2")), (String::new(), String::new()));
    assert!(run("avx1024").contains("RNN_KERNEL=avx1024 names no form; there are portable, avx2"));
}

#[test]
fn damaged_models_are_errors() {
    let folder = trained();
    let path = folder.path();
    let whole = fs::read(path.join("co2.rnn")).unwrap();
    for length in [0, 10, 63, 64, 200, whole.len() - 1] {
        fs::write(path.join("cut.rnn"), &whole[..length]).unwrap();
        let error = fails(path, 1, &["eval", "cut.rnn", CO2]);
        assert!(error.contains("cut.rnn"), "{length}: {error}");
    }
    for place in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[place] ^= 4;
        fs::write(path.join("bad.rnn"), &damaged).unwrap();
        fails(path, 1, &["inspect", "bad.rnn"]);
    }
    // Columns that the model doesn't find.
    fs::write(path.join("other.csv"), "n,co2\n1,2\n2,3\n").unwrap();
    let error = fails(path, 1, &["eval", "co2.rnn", "other.csv"]);
    assert!(error.contains("the model reads the column(s) co2_ppm"), "{error}");
    fs::write(path.join("two.csv"), "n,co2_ppm\n1,2\n2,3\n").unwrap();
    let error = fails(path, 1, &["eval", "co2.rnn", "two.csv", "--steps", "5"]);
    assert!(error.contains("forecasts of 5 steps don't fit"), "{error}");
    fails(path, 1, &["eval", "co2.rnn", CO2, "--picture", "no/p.svg"]);
}

#[test]
fn several_features_by_name_text_columns_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String =
        (0..200).map(|t| format!("{t},{},north,{}\r\n", (t * 7) % 13, (t * 5) % 11)).collect();
    fs::write(folder.path().join("log.csv"), format!("\u{feff}n,wind,direction,rain\r\n{rows}"))
        .unwrap();
    let quick = ["--hidden", "3", "--epochs", "3", "--mode", "residual"];
    let arguments =
        [&["train", "log.csv", "--target", "rain", "--features", "wind", "--json"], &quick[..]]
            .concat();
    let trained = json(&succeeds(folder.path(), &arguments));
    assert_eq!(trained["channels"], serde_json::json!(["wind", "rain"]));
    assert_eq!(trained["chosen"]["mode"], "residual");
    let lines = succeeds(folder.path(), &["forecast", "model.rnn", "log.csv", "--steps", "2"]);
    assert!(lines.starts_with("step,wind,rain\n1,"), "{lines}");
    let error = fails(folder.path(), 1, &["train", "log.csv", "--target", "direction"]);
    assert!(error.contains("line 2, column 3"), "{error}");
}
