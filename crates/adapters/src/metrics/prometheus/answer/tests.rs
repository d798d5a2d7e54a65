use super::*;

fn answer(json: &str) -> Result<Answer, String> {
    read(json.as_bytes(), 3).and_then(Body::into_answer)
}

#[test]
fn vectors_scalars_and_matrices_are_read_whatever_the_order_of_keys() {
    let vector = r#"{"data":{"result":[{"value":[1.5,"2"],"metric":{"a":"b"}},{"metric":{},"value":[2,"NaN"]},
        {"metric":{"i":"1"},"value":[2,"-Inf"]}],"resultType":"vector"},"status":"success","infos":["x"]}"#;
    let read = answer(vector).unwrap();
    assert_eq!(read.samples[0].at.as_millis(), 1500);
    assert_eq!(read.samples[0].labels, Labels::from([("a".to_owned(), "b".to_owned())]));
    assert_eq!(read.samples[0].value, 2.0);
    assert!(read.samples[1].value.is_nan());
    assert_eq!(read.samples[2].value, f64::NEG_INFINITY);
    let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"1e3"]}}"#;
    let read = answer(scalar).unwrap();
    assert_eq!((read.samples[0].value, read.samples[0].at.as_millis()), (1000.0, 1_435_781_451_781));
    let matrix = r#"{"status":"success","data":{"result":[{"metric":{},"values":[[1,"1"],[3,"3"],[2,"2"]]}]}}"#;
    assert_eq!(answer(matrix).unwrap().samples[0].value, 3.0, "of a matrix the newest");
    let empty = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    assert_eq!(answer(empty).unwrap(), Answer::default());
}

#[test]
fn warnings_pass_and_remarks_do_not() {
    let json = r#"{"status":"success","data":{"result":[
        {"metric":{},"histogram":[1,{"count":"1","sum":"2","buckets":[[0,"1","2","3"]]}]},
        {"metric":{"a":"b"},"value":[1,"1"]}]},"warnings":["PromQL info: no counter","store is away"]}"#;
    let read = answer(json).unwrap();
    assert_eq!(read.samples.len(), 1);
    assert_eq!(read.warnings[0], "store is away");
    assert!(read.warnings[1].starts_with("1 series hold native histograms"), "{:?}", read.warnings);
    assert_eq!(read.warnings.len(), 2);
}

#[test]
fn what_is_no_answer_says_so() {
    let cases = [
        ("", "not an answer of the query API: EOF"),
        ("<html>", "not an answer of the query API"),
        (r#"{"status":"success"}"#, "it holds no result"),
        (r#"{"status":"later","data":{"result":[]}}"#, "its status is `later`"),
        (r#"{"status":"success","data":{"result":[]}} x"#, "trailing"),
        (r#"{"status":"success","data":{"result":[1]}}"#, "scalar is not a pair"),
        (r#"{"status":"success","data":{"result":[1,"x"]}}"#, "`x` is not a value"),
        (r#"{"status":"success","data":{"result":[{"metric":{},"value":[1]}]}}"#, "a point has a time and a value"),
        (r#"{"status":"success","data":{"result":[{"metric":{},"value":[1e300,"1"]}]}}"#, "not a time in seconds"),
        (
            r#"{"status":"success","data":{"result":[{"metric":{}},{"metric":{}},{"metric":{}},{"metric":{}}]}}"#,
            "more than 3 series: a label explosion?",
        ),
    ];
    for (json, words) in cases {
        let error = answer(json).unwrap_err();
        assert!(error.contains(words), "{json}: {error}");
    }
}
