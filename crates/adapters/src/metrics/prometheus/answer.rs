//! Reading of answers: JSON of the query API into samples and series, in one pass and bounded.
//!
//! `resultType` is not leaned on: each element says by its own shape what it is, so the order of keys does not matter.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::metrics::{Answer, Labels, Sample, Series};

/// Most warnings passed on; a server may send one for each series.
const WARNINGS_MAX: usize = 16;
/// How Prometheus before 2.54 marks remarks among its warnings; they say nothing about completeness.
const REMARK: &str = "PromQL info:";

/// An answer as it stands in the body.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// What it holds.
    pub(super) content: Content,
    /// What the server warned of.
    pub(super) warnings: Vec<String>,
    /// Series left out because they hold native histograms only.
    pub(super) histograms: usize,
}

/// What an answer holds.
#[derive(Debug, Default)]
pub(super) struct Content {
    series: Vec<Element>,
    scalar: Vec<Part>,
}

/// The server's own refusal, inside an answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    status: String,
    #[serde(default, rename = "errorType")]
    kind: String,
    #[serde(default, rename = "error")]
    message: String,
}

impl Refusal {
    /// The refusal that `body` holds, if it is one.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(body).ok().filter(|refusal| refusal.status == "error")
    }

    /// Its kind and words.
    pub(super) fn message(&self) -> String {
        match (self.kind.is_empty(), self.message.is_empty()) {
            (false, false) => format!("{}: {}", self.kind, self.message),
            (false, true) => self.kind.clone(),
            (true, _) => self.message.clone(),
        }
    }
}

/// Reads a body that says `success`.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(body: &[u8], series_max: usize) -> Result<Body, String> {
    let overflow = Cell::new(false);
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Envelope { series_max, overflow: &overflow }.deserialize(&mut json).and_then(|read| {
        json.end()?;
        Ok(read)
    });
    if overflow.get() {
        return Err(format!(
            "more than {series_max} series: a label explosion? Aggregate in the query, for example with \
             `sum by (tenant, workload) (...)`, or raise the limit of series"
        ));
    }
    let (status, found, mut warnings) = read.map_err(|error| format!("not an answer of the query API: {error}"))?;
    if status != "success" {
        return Err(format!("its status is `{status}`, not `success`"));
    }
    let Some(content) = found else {
        return Err("it holds no result".to_owned());
    };
    warnings.retain(|warning| !warning.starts_with(REMARK));
    if warnings.len() > WARNINGS_MAX {
        let more = warnings.len() - WARNINGS_MAX;
        warnings.truncate(WARNINGS_MAX);
        warnings.push(format!("and {more} more warnings"));
    }
    let mut read = Body { content, warnings, histograms: 0 };
    let before = read.content.series.len();
    read.content.series.retain(|element| !element.is_histogram_only());
    read.histograms = before - read.content.series.len();
    if read.histograms > 0 {
        read.warnings.push(format!(
            "{} series hold native histograms, which are not read: use `histogram_quantile`, `histogram_sum` or \
             `histogram_count` in the query",
            read.histograms
        ));
    }
    Ok(read)
}

impl Body {
    /// As the answer to a query at an instant. Of a series over time the newest value counts.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn into_answer(self) -> Result<Answer, String> {
        let mut samples = Vec::with_capacity(self.content.series.len());
        for element in self.content.series {
            let point = match element.value {
                Some(point) => Some(point),
                None => element.values.into_iter().max_by(|a, b| a.at.total_cmp(&b.at)),
            };
            if let Some(point) = point {
                let (at, value) = point.read()?;
                samples.push(Sample { labels: element.labels, value, at });
            }
        }
        if let Some(point) = scalar(self.content.scalar)? {
            let (at, value) = point.read()?;
            samples.push(Sample { labels: Labels::new(), value, at });
        }
        Ok(Answer { samples, warnings: self.warnings })
    }

    /// As series over time.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn into_series(self) -> Result<Vec<Series>, String> {
        let mut all = Vec::with_capacity(self.content.series.len());
        for element in self.content.series {
            let points = element.values.into_iter().chain(element.value);
            let points = points.map(|point| point.read()).collect::<Result<_, _>>()?;
            all.push(Series { labels: element.labels, points });
        }
        if let Some(point) = scalar(self.content.scalar)? {
            all.push(Series { labels: Labels::new(), points: vec![point.read()?] });
        }
        Ok(all)
    }
}

/// The point of a scalar's two parts.
fn scalar(parts: Vec<Part>) -> Result<Option<Point>, String> {
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => Ok(None),
        (Some(Part::Number(at)), Some(Part::Text(value)), None) => Ok(Some(Point { at, value: number(&value)? })),
        _ => Err("its scalar is not a pair of time and value".to_owned()),
    }
}

/// A value as Prometheus writes it: a decimal, `NaN`, `+Inf` or `-Inf`.
fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("`{}` is not a value", text.chars().take(40).collect::<String>()))
}

/// A time in seconds and a value.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: f64,
    value: f64,
}

impl Point {
    fn read(self) -> Result<(Timestamp, f64), String> {
        let millis = (self.at * 1000.0).round();
        // Years 0000 to 9999, roughly: outside of it a time is a mistake, and would only break arithmetic later.
        if !(-6.3e13..=2.54e14).contains(&millis) {
            return Err(format!("`{}` is not a time in seconds", self.at));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked on the line before")]
        let millis = millis as i64;
        Ok((Timestamp::from_millis(millis), self.value))
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Point;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pair of time and value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Point, A::Error> {
                let short = || serde::de::Error::custom("a point has a time and a value");
                let at: f64 = seq.next_element()?.ok_or_else(short)?;
                let value = seq.next_element::<Value>()?.ok_or_else(short)?;
                Ok(Point { at, value: value.0 })
            }
        }
        json.deserialize_seq(Pair)
    }
}

/// A value inside its quotes, read without keeping the text.
struct Value(f64);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value in quotes")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
                number(text).map(Value).map_err(E::custom)
            }
        }
        json.deserialize_str(Text)
    }
}

/// A series of the result. Of `value` and `values` an answer has one; histograms stand beside them.
#[derive(Debug, Default, Deserialize)]
struct Element {
    #[serde(default, rename = "metric")]
    labels: Labels,
    #[serde(default)]
    value: Option<Point>,
    #[serde(default)]
    values: Vec<Point>,
    #[serde(default)]
    histogram: Option<IgnoredAny>,
    #[serde(default)]
    histograms: Option<IgnoredAny>,
}

impl Element {
    fn is_histogram_only(&self) -> bool {
        (self.histogram.is_some() || self.histograms.is_some()) && self.value.is_none() && self.values.is_empty()
    }
}

/// A part of a scalar.
#[derive(Debug)]
enum Part {
    Number(f64),
    Text(String),
}

/// The outermost object.
struct Envelope<'a> {
    series_max: usize,
    overflow: &'a Cell<bool>,
}

type Read = (String, Option<Content>, Vec<String>);

impl<'de> DeserializeSeed<'de> for Envelope<'_> {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Read, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `status` and `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let (mut status, mut content, mut warnings) = (String::new(), None, Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "status" => status = map.next_value()?,
                "data" => {
                    content = map.next_value_seed(Holder { series_max: self.series_max, overflow: self.overflow })?;
                }
                "warnings" => warnings = map.next_value::<Option<Vec<String>>>()?.unwrap_or_default(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((status, content, warnings))
    }
}

/// The object under `data`.
struct Holder<'a> {
    series_max: usize,
    overflow: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Holder<'_> {
    type Value = Option<Content>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Content>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Holder<'_> {
    type Value = Option<Content>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `resultType` and `result`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Content>, A::Error> {
        let mut content = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "result" {
                let seed = Elements { series_max: self.series_max, overflow: self.overflow };
                content = Some(map.next_value_seed(seed)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(content)
    }
}

/// The list under `result`.
struct Elements<'a> {
    series_max: usize,
    overflow: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = Content;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Content, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series, or a scalar")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
        let mut content = Content::default();
        while let Some(item) = seq.next_element::<Item>()? {
            match item {
                Item::Series(element) => content.series.push(element),
                Item::Part(part) => content.scalar.push(part),
            }
            if content.series.len() > self.series_max || content.scalar.len() > 2 {
                self.overflow.set(content.series.len() > self.series_max);
                return Err(serde::de::Error::custom("too many elements"));
            }
        }
        Ok(content)
    }
}

/// What may stand in `result`.
enum Item {
    Series(Element),
    Part(Part),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a series or part of a scalar")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
                Element::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Item::Series)
            }

            fn visit_f64<E>(self, number: f64) -> Result<Item, E> {
                Ok(Item::Part(Part::Number(number)))
            }

            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay far below 2^53")]
            fn visit_u64<E>(self, number: u64) -> Result<Item, E> {
                Ok(Item::Part(Part::Number(number as f64)))
            }

            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay far below 2^53")]
            fn visit_i64<E>(self, number: i64) -> Result<Item, E> {
                Ok(Item::Part(Part::Number(number as f64)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Part(Part::Text(text.to_owned())))
            }
        }
        json.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests;
