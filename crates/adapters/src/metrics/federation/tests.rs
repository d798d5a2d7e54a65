use tenantry_engine::ports::metrics::{Labels, Sample};

use super::*;

/// A source that gives what it is told to; a text is a refusal.
struct Told(&'static str, Result<Vec<(&'static str, i64, f64)>, &'static str>);

#[async_trait]
impl MetricsSource for Told {
    fn name(&self) -> &str {
        self.0
    }

    async fn instant(&self, _: &str, _: Timestamp) -> Result<Answer, SourceError> {
        let samples = self.1.clone().map_err(|why| SourceError::Refused {
            source_name: self.0.to_owned(),
            status: 503,
            message: why.to_owned(),
        })?;
        let read = |(name, at, value): (&str, i64, f64)| Sample {
            labels: Labels::from([("pod".to_owned(), name.to_owned())]),
            value,
            at: Timestamp::from_millis(at),
        };
        Ok(Answer { samples: samples.into_iter().map(read).collect(), warnings: Vec::new() })
    }

    async fn range(&self, query: &str, from: Timestamp, _: Timestamp, _: Span) -> Result<Vec<Series>, SourceError> {
        let answer = self.instant(query, from).await?;
        Ok(answer.samples.into_iter().map(|s| Series { labels: s.labels, points: vec![(s.at, s.value)] }).collect())
    }
}

fn federation(sources: Vec<Told>) -> Federation {
    Federation::new("all", sources.into_iter().map(|told| Arc::new(told) as Arc<dyn MetricsSource>).collect())
}

#[tokio::test]
async fn answers_merge_and_the_newest_of_a_repeated_series_counts() {
    let both =
        federation(vec![Told("east", Ok(vec![("a", 1, 1.0)])), Told("west", Ok(vec![("a", 2, 5.0), ("b", 2, 2.0)]))]);
    let answer = both.instant("up", Timestamp::default()).await.unwrap();
    assert_eq!(answer.samples.iter().map(|s| s.value).collect::<Vec<_>>(), [5.0, 2.0]);
    assert_eq!(answer.warnings, Vec::<String>::new());
    let series = both.range("up", Timestamp::default(), Timestamp::default(), Span::from_secs(1)).await.unwrap();
    assert_eq!(series.iter().map(|s| s.points.len()).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn a_source_that_fails_marks_the_answer_as_partial_and_fails_a_range() {
    let half = federation(vec![Told("east", Err("busy")), Told("west", Ok(vec![("b", 2, 2.0)]))]);
    let answer = half.instant("up", Timestamp::default()).await.unwrap();
    assert_eq!(answer.samples.len(), 1);
    assert_eq!(answer.warnings, ["metrics source `east` refused the query (status 503): busy"]);
    half.range("up", Timestamp::default(), Timestamp::default(), Span::from_secs(1)).await.unwrap_err();
}

#[tokio::test]
async fn nothing_answering_is_an_error_not_an_empty_answer() {
    let none = federation(vec![Told("east", Err("busy")), Told("west", Err("broken"))]);
    let error = none.instant("up", Timestamp::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "metrics source `east` refused the query (status 503): busy");
    let empty = federation(Vec::new()).instant("up", Timestamp::default()).await.unwrap_err();
    assert!(matches!(empty, SourceError::Refused { status: 404, .. }), "{empty}");
}
