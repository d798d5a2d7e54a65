//! Load from CSV files, for replay: as a metrics source, and as a plain sequence of values.
//!
//! A file has a header. Its column `time` (or `timestamp`) holds RFC 3339, or seconds or milliseconds since 1970. With
//! a column `value`, all other columns are labels; without one, each other column is a series with the label `series`
//! named after it. A file named `TENANT.WORKLOAD.csv` adds the labels `tenant` and `workload`, one named `NAME.csv` the
//! label `tenant`, where the file has no column for them.

mod shifted;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::metrics::{Answer, Labels, MetricsSource, Sample, Series, SourceError};
use thiserror::Error;

pub use shifted::Shifted;

use super::merge;

/// Most series of all files together.
const SERIES_MAX: usize = 100_000;
/// Most values of all files together: some gigabytes in memory.
const POINTS_MAX: usize = 100_000_000;
/// From here on a whole number is milliseconds: as seconds it would be the year 5138.
const MILLIS_FROM: f64 = 1e11;

/// Why files of load cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// A file cannot be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A line is wrong.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl ReplayError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "T406"
    }
}

/// What was met on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Values kept.
    pub kept: usize,
    /// Values older than the one before them in their series; kept, in their place.
    pub out_of_order: usize,
    /// Values of an instant that had one already; dropped.
    pub repeated: usize,
    /// Values that are empty or no finite number; dropped.
    pub no_number: usize,
}

/// Load read from CSV files.
#[derive(Debug)]
pub struct CsvReplay {
    name: String,
    lookback: Span,
    series: Vec<Series>,
    counts: Counts,
}

impl CsvReplay {
    /// Reads files whole; a value counts as current for `lookback` after its instant.
    ///
    /// # Errors
    /// [`ReplayError`] with file and line.
    pub fn open(
        name: impl Into<String>,
        files: impl IntoIterator<Item = impl AsRef<Path>>,
        lookback: Span,
    ) -> Result<Self, ReplayError> {
        let mut reading = Reading::default();
        for path in files {
            reading.file(path.as_ref())?;
        }
        let pieces = reading.series.into_iter().map(|(labels, points)| Series { labels, points }).collect();
        let (series, repeated) = merge::series(pieces);
        let kept = series.iter().map(|series| series.points.len()).sum();
        let counts = Counts { kept, repeated, ..reading.counts };
        Ok(Self { name: name.into(), lookback, series, counts })
    }

    /// What was met on the way.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The first and the last instant of all; `None` when there is no value.
    #[must_use]
    pub fn extent(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.series.iter().filter_map(|series| series.points.first()).map(|(at, _)| *at).min()?;
        let last = self.series.iter().filter_map(|series| series.points.last()).map(|(at, _)| *at).max()?;
        Some((first, last))
    }

    /// All values, series after series in the order of labels, each oldest first.
    pub fn values(&self) -> impl Iterator<Item = (Timestamp, &Labels, f64)> {
        self.series.iter().flat_map(|series| series.points.iter().map(|(at, value)| (*at, &series.labels, *value)))
    }

    fn selected<'a>(&'a self, query: &str) -> impl Iterator<Item = &'a Series> + use<'a> {
        let query = query.trim().to_owned();
        self.series.iter().filter(move |series| {
            query.is_empty() || query == "*" || series.labels.get("series").is_none_or(|name| *name == query)
        })
    }
}

/// A query is the name of a column that is a series, or `*` for all; series without such a name answer every query.
#[async_trait]
impl MetricsSource for CsvReplay {
    fn name(&self) -> &str {
        &self.name
    }

    /// The last value of each series at or before `at`, unless it is older than the lookback.
    async fn instant(&self, query: &str, at: Timestamp) -> Result<Answer, SourceError> {
        let last = |series: &Series| {
            let next = series.points.partition_point(|(then, _)| *then <= at);
            let (then, value) = *series.points.get(next.checked_sub(1)?)?;
            (at.since(then) <= self.lookback).then(|| Sample { labels: series.labels.clone(), value, at: then })
        };
        Ok(Answer { samples: self.selected(query).filter_map(last).collect(), warnings: Vec::new() })
    }

    /// The values as they stand in the files; of each `step` the last.
    async fn range(
        &self,
        query: &str,
        from: Timestamp,
        until: Timestamp,
        step: Span,
    ) -> Result<Vec<Series>, SourceError> {
        let step = step.as_millis().max(1);
        let cut = |series: &Series| {
            let mut points: Vec<(Timestamp, f64)> = Vec::new();
            let mut slot = None;
            for (at, value) in series.points.iter().filter(|(at, _)| from <= *at && *at <= until) {
                let this = at.since(from).as_millis() / step;
                match points.last_mut() {
                    Some(last) if slot == Some(this) => *last = (*at, *value),
                    _ => points.push((*at, *value)),
                }
                slot = Some(this);
            }
            (!points.is_empty()).then(|| Series { labels: series.labels.clone(), points })
        };
        Ok(self.selected(query).filter_map(cut).collect())
    }
}

/// What a column is.
enum Column {
    Time,
    Value,
    Label(String),
    Series(Labels),
}

/// The files so far.
#[derive(Default)]
struct Reading {
    series: BTreeMap<Labels, Vec<(Timestamp, f64)>>,
    points: usize,
    counts: Counts,
}

impl Reading {
    fn file(&mut self, path: &Path) -> Result<(), ReplayError> {
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|error| wrong(path, error))?;
        let header = reader.headers().map_err(|error| wrong(path, error))?.clone();
        let (columns, given) = columns(path, &header)?;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| wrong(path, error))? {
            self.record(&columns, &given, &record).map_err(|why| ReplayError::Line {
                path: path.to_owned(),
                line: line(path, &record),
                why,
            })?;
        }
        Ok(())
    }

    fn record(&mut self, columns: &[Column], given: &Labels, record: &csv::StringRecord) -> Result<(), String> {
        let (mut at, mut own, mut labels) = (None, None, given.clone());
        for (column, field) in columns.iter().zip(record) {
            match column {
                Column::Time => at = Some(time(field)?),
                Column::Value => own = Some(field),
                Column::Label(name) if !field.is_empty() => {
                    labels.insert(name.clone(), field.to_owned());
                }
                Column::Label(_) | Column::Series(_) => {}
            }
        }
        let at = at.ok_or("the line has no time")?;
        if let Some(field) = own {
            return self.keep(&labels, at, field);
        }
        for (column, field) in columns.iter().zip(record) {
            if let Column::Series(labels) = column {
                self.keep(labels, at, field)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, labels: &Labels, at: Timestamp, field: &str) -> Result<(), String> {
        let value = if field.is_empty() {
            f64::NAN
        } else {
            field.parse().map_err(|_| format!("`{}` is not a value", field.chars().take(40).collect::<String>()))?
        };
        if !value.is_finite() {
            self.counts.no_number += 1;
            return Ok(());
        }
        self.points += 1;
        if self.points > POINTS_MAX {
            return Err(format!("more than {POINTS_MAX} values"));
        }
        if let Some(points) = self.series.get_mut(labels) {
            self.counts.out_of_order += usize::from(points.last().is_some_and(|(last, _)| at < *last));
            points.push((at, value));
            return Ok(());
        }
        if self.series.len() >= SERIES_MAX {
            return Err(format!("more than {SERIES_MAX} series: a label explosion?"));
        }
        self.series.insert(labels.clone(), vec![(at, value)]);
        Ok(())
    }
}

/// What the header's columns are, and the labels that the file's name gives.
fn columns(path: &Path, header: &csv::StringRecord) -> Result<(Vec<Column>, Labels), ReplayError> {
    let is_time = |name: &str| matches!(name.to_ascii_lowercase().as_str(), "time" | "timestamp");
    let is_value = |name: &str| name.eq_ignore_ascii_case("value");
    let fail = |why: &str| ReplayError::Line { path: path.to_owned(), line: 1, why: why.to_owned() };
    if header.iter().filter(|name| is_time(name)).count() != 1 {
        return Err(fail("the header needs one column `time`"));
    }
    let long = header.iter().filter(|name| is_value(name)).count();
    if long > 1 || header.len() < 2 {
        return Err(fail("the header needs one column `value`, or one column for each series"));
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let (tenant, workload) = stem.split_once('.').map_or((stem, None), |(tenant, rest)| (tenant, Some(rest)));
    let mut given = Labels::new();
    let says = |label: &str| long == 1 && header.iter().any(|name| name == label);
    if !says("tenant") && !says("workload") {
        given.insert("tenant".to_owned(), tenant.to_owned());
        given.extend(workload.map(|workload| ("workload".to_owned(), workload.to_owned())));
    }
    let columns = header.iter().map(|name| match name {
        name if is_time(name) => Column::Time,
        name if is_value(name) => Column::Value,
        name if long == 1 => Column::Label(name.to_owned()),
        name => {
            let mut labels = given.clone();
            labels.insert("series".to_owned(), name.to_owned());
            Column::Series(labels)
        }
    });
    Ok((columns.collect(), given))
}

/// RFC 3339, or seconds or milliseconds since 1970.
fn time(text: &str) -> Result<Timestamp, String> {
    let fail = || format!("`{}` is not a time", text.chars().take(40).collect::<String>());
    if let Ok(number) = text.parse::<f64>() {
        let millis = if number.abs() >= MILLIS_FROM { number } else { number * 1000.0 }.round();
        if !(-6.3e13..=2.54e14).contains(&millis) {
            return Err(fail());
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked on the line before")]
        let millis = millis as i64;
        return Ok(Timestamp::from_millis(millis));
    }
    text.parse::<jiff::Timestamp>().map(Timestamp::from).map_err(|_| fail())
}

/// The line that a record begins on. The reader's own position lies before the empty lines that it passed over, so
/// these are looked up; only for an error, since it takes the file once more.
fn line(path: &Path, record: &csv::StringRecord) -> u64 {
    let Some(position) = record.position() else {
        return 1;
    };
    let skipped = std::fs::File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(position.byte()))?;
        let mut lines = 0;
        for byte in io::BufReader::new(file).bytes() {
            match byte? {
                b'\n' => lines += 1,
                b'\r' => {}
                _ => break,
            }
        }
        Ok(lines)
    });
    position.line() + skipped.unwrap_or(0)
}

fn wrong(path: &Path, error: csv::Error) -> ReplayError {
    let line = error.position().map_or(1, csv::Position::line);
    let why = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(cause) => ReplayError::Read { path: path.to_owned(), cause },
        _ => ReplayError::Line { path: path.to_owned(), line, why },
    }
}

#[cfg(test)]
mod tests;
