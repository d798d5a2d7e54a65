//! Recorded load as if it came now.

use async_trait::async_trait;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::metrics::{Answer, MetricsSource, Sample, Series, SourceError};

use super::CsvReplay;

/// A recording whose first instant is moved to when it was begun, and that passes `speed` times as fast. A recorded value
/// stands until the next one, as long as the recording's own lookback; when the recording is over, there is none.
#[derive(Debug)]
pub struct Shifted {
    recorded: CsvReplay,
    first: Timestamp,
    begun: Timestamp,
    speed: u32,
}

impl Shifted {
    /// None when there is no value at all.
    #[must_use]
    pub fn new(recorded: CsvReplay, begun: Timestamp, speed: u32) -> Option<Self> {
        let (first, _) = recorded.extent()?;
        Some(Self { recorded, first, begun, speed: speed.max(1) })
    }

    fn recorded_at(&self, at: Timestamp) -> Timestamp {
        let passed = at.since(self.begun).as_millis().saturating_mul(u64::from(self.speed));
        self.first + Span::from_millis(passed)
    }

    fn shown_at(&self, recorded: Timestamp) -> Timestamp {
        self.begun + Span::from_millis(recorded.since(self.first).as_millis() / u64::from(self.speed))
    }
}

#[async_trait]
impl MetricsSource for Shifted {
    fn name(&self) -> &str {
        self.recorded.name()
    }

    async fn instant(&self, query: &str, at: Timestamp) -> Result<Answer, SourceError> {
        let answer = self.recorded.instant(query, self.recorded_at(at)).await?;
        let samples = answer.samples.into_iter().map(|sample| Sample { at, ..sample }).collect();
        Ok(Answer { samples, ..answer })
    }

    async fn range(
        &self,
        query: &str,
        from: Timestamp,
        until: Timestamp,
        step: Span,
    ) -> Result<Vec<Series>, SourceError> {
        let step = Span::from_millis(step.as_millis().saturating_mul(u64::from(self.speed)));
        let mut series = self.recorded.range(query, self.recorded_at(from), self.recorded_at(until), step).await?;
        for one in &mut series {
            for (at, _) in &mut one.points {
                *at = self.shown_at(*at);
            }
        }
        Ok(series)
    }
}
