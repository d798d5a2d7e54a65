//! How many things a tenant may declare: what one declares takes the time of all.

use std::collections::BTreeSet;

use serde_json::Value;

use super::body::{Body, Quota};
use super::problem::{Problem, Problems};
use super::query::is_query;

/// Most workloads where the platform says nothing else.
const WORKLOADS_DEFAULT: u32 = 1_000;
/// Most different queries where the platform says nothing else.
const QUERIES_DEFAULT: u32 = 100;
/// Most labels.
const LABELS_MAX: usize = 64;
/// Longest value of a label, in bytes.
const LABEL_BYTES_MAX: usize = 256;

/// Whether a configuration declares more than it may; where `defaults` count, what is not said is at its default.
pub(crate) fn check(body: &Body, value: &Value, defaults: bool, locate: &dyn Fn(&str) -> Problem) -> Problems {
    let mut problems = Vec::new();
    let mut say = |field: &str, message: String, help: Option<&str>| {
        problems.push(Problem { message, help: help.map(str::to_owned), ..locate(field) });
    };
    let bound =
        |said: Option<u32>, default| said.or(defaults.then_some(default)).and_then(|most| usize::try_from(most).ok());
    let quota = || body.quota.as_ref();
    let most = bound(quota().and_then(|Quota { max_workloads, .. }| *max_workloads), WORKLOADS_DEFAULT);
    let count = body.workloads.as_ref().map_or(0, std::collections::BTreeMap::len);
    if let Some(most) = most.filter(|most| count > *most) {
        let message = format!("{count} workloads are declared, and the quota is {most}");
        say("workloads", message, Some("the platform may raise `quota.max_workloads`"));
    }
    let most = bound(quota().and_then(|Quota { max_queries, .. }| *max_queries), QUERIES_DEFAULT);
    let mut queries = BTreeSet::new();
    for (group, inner) in value.as_object().into_iter().flatten().filter(|(group, _)| *group != "labels") {
        queries_in(group, inner, &mut queries);
    }
    if let Some(most) = most.filter(|most| queries.len() > *most) {
        let message = format!("{} different queries are declared, and the quota is {most}", queries.len());
        let help = "one query serves all workloads that use it; or the platform may raise `quota.max_queries`";
        say("", message, Some(help));
    }
    let labels = body.labels.iter().flatten();
    if let Some(over) = labels.clone().count().checked_sub(LABELS_MAX).filter(|over| *over > 0) {
        say("labels", format!("these are {over} more labels than {LABELS_MAX}"), None);
    }
    for (name, text) in labels.filter(|(name, text)| name.len().max(text.len()) > LABEL_BYTES_MAX) {
        let name: String = name.chars().take(40).collect();
        let message =
            format!("name and value of the label `{name}` may have {LABEL_BYTES_MAX} bytes, and one has more");
        say("labels", format!("{message} ({})", text.len()), None);
    }
    Problems(problems)
}

fn queries_in<'a>(name: &str, value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| queries_in(name, inner, found)),
        Value::String(query) if is_query(name) => {
            found.insert(query);
        }
        _ => {}
    }
}
