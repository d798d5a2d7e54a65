use super::*;

fn open(files: &[(&str, &str)]) -> Result<CsvReplay, String> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = files
        .iter()
        .map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    let prefix = format!("{}/", folder.path().display());
    CsvReplay::open("csv", paths, Span::from_secs(60)).map_err(|error| error.to_string().replace(&prefix, ""))
}

#[test]
fn values_come_in_order_and_what_is_wrong_with_them_is_counted() {
    let text = "time,value\n1970-01-01T00:01:00Z,1\n180,3\n120,2\n180,9\n240,NaN\n300,\n200000000000,7\n";
    let replay = open(&[("acme.web.csv", text)]).unwrap();
    let values: Vec<_> = replay.values().map(|(at, _, value)| (at.as_millis(), value)).collect();
    assert_eq!(values, [(60_000, 1.0), (120_000, 2.0), (180_000, 3.0), (200_000_000_000, 7.0)]);
    assert_eq!(replay.counts(), Counts { kept: 4, out_of_order: 1, repeated: 1, no_number: 2 });
    let labels = replay.values().next().unwrap().1;
    assert_eq!(labels.get("tenant").map(String::as_str), Some("acme"));
    assert_eq!(labels.get("workload").map(String::as_str), Some("web"));
}

#[tokio::test]
async fn columns_are_labels_or_series_and_old_values_are_not_current() {
    let long = "timestamp,tenant,workload,value\n60,a,x,1\n60,b,y,2\n120,a,x,3\n";
    let replay = open(&[("any.csv", long)]).unwrap();
    let answer = replay.instant("rate", Timestamp::from_millis(121_000)).await.unwrap();
    assert_eq!(answer.samples.len(), 1, "b's value is older than the lookback");
    assert_eq!((answer.samples[0].value, answer.samples[0].at.as_millis()), (3.0, 120_000));
    let wide = "time,cpu,memory\n1,1,10\n2,2,20\n3,3,30\n";
    let replay = open(&[("acme.csv", wide)]).unwrap();
    let (from, until) = replay.extent().unwrap();
    let series = replay.range("cpu", from, until, Span::from_secs(2)).await.unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].points.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [2.0, 3.0]);
    assert_eq!(replay.range("*", from, until, Span::from_secs(1)).await.unwrap().len(), 2);
}

#[test]
fn errors_name_file_and_line() {
    let cases = [
        ("when,value\n", "a.csv:1: the header needs one column `time`"),
        ("time\n1\n", "a.csv:1: the header needs one column `value`, or one column for each series"),
        ("time,value\n1,1\nsoon,1\n", "a.csv:3: `soon` is not a time"),
        ("time,value\n1,1\n\n2,much\n", "a.csv:4: `much` is not a value"),
        ("time,value\n1e300,1\n", "a.csv:2: `1e300` is not a time"),
    ];
    for (text, message) in cases {
        assert_eq!(open(&[("a.csv", text)]).unwrap_err(), message, "{text}");
    }
    assert!(open(&[("a.csv", "time,value\n1,1,1\n")]).unwrap_err().starts_with("a.csv:2: "));
    let error = CsvReplay::open("csv", ["/nonexistent.csv"], Span::from_secs(1)).unwrap_err();
    assert_eq!(error.to_string(), "could not read `/nonexistent.csv`");
}

#[tokio::test]
async fn a_recording_is_played_from_its_first_value_on_and_faster() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.api.csv");
    std::fs::write(&path, "time,value\n2020-01-01T00:00:00Z,1\n2020-01-01T00:05:00Z,2\n").unwrap();
    let recorded = CsvReplay::open("replay", [&path], Span::from_secs(900)).unwrap();
    let begun = Timestamp::from_millis(1_800_000_000_000);
    let played = Shifted::new(recorded, begun, 60).unwrap();
    for (after_ms, value) in
        [(0, Some(1.0)), (4_999, Some(1.0)), (5_000, Some(2.0)), (20_000, Some(2.0)), (21_000, None)]
    {
        let at = begun + Span::from_millis(after_ms);
        let answer = played.instant("anything", at).await.unwrap();
        assert_eq!(answer.samples.first().map(|sample| sample.value), value, "{after_ms}");
        if let Some(sample) = answer.samples.first() {
            assert_eq!((sample.at, sample.labels["tenant"].as_str()), (at, "acme"));
        }
    }
    let series = played.range("anything", begun, begun + Span::from_secs(10), Span::from_secs(1)).await.unwrap();
    let expected = [(begun, 1.0), (begun + Span::from_secs(5), 2.0)];
    assert_eq!(series[0].points, expected);
}
