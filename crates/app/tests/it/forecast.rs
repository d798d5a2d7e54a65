//! `tenantry forecast` on small generated traces.

use std::fmt::Write as _;

use expect_test::expect;

use crate::tenantry::Tenantry;

/// Days of half hours with a daily hump, and jitter from a fixed sequence.
fn trace(days: i64) -> String {
    let mut text = String::from("timestamp,value\n");
    let mut chance: u32 = 1;
    for place in 0..days * 48 {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hump = (24 - (place % 48 - 24).abs()) as f64;
        let load = 20.0 + hump + f64::from(chance >> 24) / 64.0;
        let _ = writeln!(text, "{},{load:.3}", 1_760_000_400 + place * 1800);
    }
    text
}

#[test]
fn forecasts_are_scored_beside_naive_ones_and_the_librarys() {
    let tenantry = Tenantry::new();
    tenantry.write("traces/hump.csv", &trace(5));
    tenantry.write("traces/brief.csv", &trace(1));
    tenantry.write("traces/wrong.csv", "timestamp,value\nyesterday,1\n");
    let report = tenantry.json("forecast --trace traces --horizon 15m,1h");

    let rows = report["results"].as_array().unwrap();
    let of = |method: &str, origins: &str| {
        let row = rows.iter().find(|row| row["method"] == method && row["origins"] == origins);
        row.unwrap_or_else(|| panic!("no {method} at {origins}"))
    };
    for origins in ["fitted", "all"] {
        let ours = of("tenantry", origins);
        for method in ["tenantry", "last-value", "seasonal-naive", "augurs-ets", "augurs-mstl", "auto-theta"] {
            let row = of(method, origins);
            assert_eq!((&row["trace"], &row["horizon"], &row["steps"]), (&"hump".into(), &"1h".into(), &2.into()));
            assert_eq!(row["scored"], ours["scored"], "{method}");
            assert!(row["wql"].as_f64().unwrap() > 0.0 && row["mase"].as_f64().unwrap() > 0.0, "{row}");
            let levels: Vec<f64> =
                row["levels"].as_array().unwrap().iter().map(|of| of["level"].as_f64().unwrap()).collect();
            assert_eq!(levels, [0.5, 0.9, 0.95, 0.99]);
        }
    }
    assert_eq!(report["summary"].as_array().unwrap().len(), 10);
    assert!(report["coverage"].as_array().unwrap().len() == 48);
    let left_out: Vec<String> = report["left_out"].as_array().unwrap().iter().map(|one| one.to_string()).collect();
    expect![[r#"
        {"trace":"wrong","reason":"traces/wrong.csv:2: `yesterday` is no time; write it as 2026-10-01T12:00:00Z"}
        {"trace":"brief","reason":"it covers 24 hours; at least 72 are needed: half to learn from, half to score"}
        {"trace":"hump","reason":"not at 15m: its samples are 30m apart"}"#]]
    .assert_eq(&left_out.join("\n"));

    // What the past was said to be does not change from run to run.
    assert_eq!(report, tenantry.json("forecast --trace traces --horizon 15m,1h"));
}

#[test]
fn a_week_ahead_is_told_as_table_json_and_picture() {
    let tenantry = Tenantry::new();
    tenantry.write("hump.csv", &trace(16));
    let report = tenantry.json("forecast --trace hump.csv --horizon 1d,7d");
    let ahead = report["ahead"].as_array().unwrap();
    assert_eq!(ahead.len(), 168);
    let last = ahead.last().unwrap();
    assert_eq!((&last["ahead"], &last["trace"]), (&"7d".into(), &"hump".into()));
    for hour in ahead {
        let of = |what: &str| -> Vec<f64> {
            hour["levels"].as_array().unwrap().iter().map(|level| level[what].as_f64().unwrap()).collect()
        };
        assert!(of("load").is_sorted() && of("largest").is_sorted(), "{hour}");
    }
    let table = tenantry.run("forecast --trace hump.csv --horizon 1d,7d");
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("After the end of hump") && table.contains("LARGEST UNTIL THEN"), "{table}");
    let page = tenantry.run("forecast --trace hump.csv --horizon 7d -o html");
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains("The next 7d after its end") && page.contains("What is said of the next 7d"));
}

#[test]
fn the_page_opens_offline() {
    let tenantry = Tenantry::new();
    tenantry.write("<hump>.csv", &trace(4));
    let output = tenantry.run("forecast --trace <hump>.csv --horizon 1h -o html");
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("&lt;hump&gt;") && !page.contains("<hump>"));
    for part in ["class=\"band\"", "class=\"load\"", "seasonal-naive", "augurs-mstl", "How it is done"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http") && !page.contains("<script"), "it needs something from elsewhere");
}

#[test]
fn what_cannot_be_forecast_is_told_with_file_and_reason() {
    let tenantry = Tenantry::new();
    tenantry.write("brief.csv", &trace(1));
    tenantry.write("wrong.csv", "when,value\n1,2\n");
    expect![[r#"
        error: no trace could be evaluated
          brief: it covers 24 hours; at least 72 are needed: half to learn from, half to score
        exit 1
    "#]]
    .assert_eq(&tenantry.says("forecast --trace brief.csv"));
    expect![[r#"
        error: wrong.csv:1: no column is called `timestamp`; the first line names the columns: `timestamp,value`
        exit 1
    "#]]
    .assert_eq(&tenantry.says("forecast --trace wrong.csv"));
    expect![[r#"
        error: nowhere.csv cannot be read
          because: No such file or directory (os error 2)
        exit 1
    "#]]
    .assert_eq(&tenantry.says("forecast --trace nowhere.csv"));
    expect![[r#"
        error: invalid value '0s' for '--horizon <LIST>': it is longer than nothing, such as `15m` or `1h`

        For more information, try '--help'.
        exit 2
    "#]]
    .assert_eq(&tenantry.says("forecast --trace brief.csv --horizon 0s"));
}
