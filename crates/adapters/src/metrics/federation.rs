//! Several sources as one: all are asked at once, and their answers merged.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::metrics::{Answer, MetricsSource, Series, SourceError};

use super::merge;

/// Several sources that each may hold a part, or the same.
pub struct Federation {
    name: String,
    sources: Vec<Arc<dyn MetricsSource>>,
}

impl Federation {
    /// Joins sources; of values as old as each other the earlier source's counts. Without any source every question
    /// is refused.
    #[must_use]
    pub fn new(name: impl Into<String>, sources: Vec<Arc<dyn MetricsSource>>) -> Self {
        Self { name: name.into(), sources }
    }

    fn none(&self) -> SourceError {
        let message = "no metrics source is configured".to_owned();
        SourceError::Refused { source_name: self.name.clone(), status: 404, message }
    }
}

#[async_trait]
impl MetricsSource for Federation {
    fn name(&self) -> &str {
        &self.name
    }

    /// The newest value of each series over all sources. A source that fails leaves a warning, which marks the answer
    /// as partial; the first error is the answer when all fail.
    async fn instant(&self, query: &str, at: Timestamp) -> Result<Answer, SourceError> {
        let answers = join_all(self.sources.iter().map(|source| source.instant(query, at))).await;
        let mut merged = Answer::default();
        let (mut answered, mut first) = (false, None);
        for (source, answer) in self.sources.iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    answered = true;
                    merged.samples.extend(answer.samples);
                    let name = source.name();
                    merged.warnings.extend(answer.warnings.iter().map(|warning| format!("{name}: {warning}")));
                }
                Err(error) => {
                    merged.warnings.push(error.to_string());
                    first.get_or_insert(error);
                }
            }
        }
        if !answered {
            return Err(first.unwrap_or_else(|| self.none()));
        }
        merge::newest(&mut merged.samples);
        Ok(merged)
    }

    /// The series of all sources. One source that fails makes the whole fail: a history with a part missing could not
    /// be told from a quiet time, and would be learned as one.
    async fn range(
        &self,
        query: &str,
        from: Timestamp,
        until: Timestamp,
        step: Span,
    ) -> Result<Vec<Series>, SourceError> {
        if self.sources.is_empty() {
            return Err(self.none());
        }
        let answers = join_all(self.sources.iter().map(|source| source.range(query, from, until, step))).await;
        let mut pieces = Vec::new();
        for answer in answers {
            pieces.extend(answer?);
        }
        Ok(merge::series(pieces).0)
    }
}

#[cfg(test)]
mod tests;
