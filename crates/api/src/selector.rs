//! Label selectors as Kubernetes has them: `team=a,env!=dev,tier in (gold, silver),!legacy`.

use std::collections::BTreeMap;

use crate::problem::{MALFORMED, Problem};

/// Longest selector, in bytes.
const LENGTH_MAX: usize = 1000;

/// What labels must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Has(String),
    HasNot(String),
}

impl Selector {
    /// Reads a selector.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        if text.len() > LENGTH_MAX {
            return Err(Problem::new(MALFORMED, format!("a label selector has at most {LENGTH_MAX} bytes")));
        }
        let parts = split(text).into_iter().map(|part| {
            let bad = || {
                let known = "`a=b`, `a!=b`, `a`, `!a`, `a in (b, c)` or `a notin (b, c)`";
                Problem::new(MALFORMED, format!("`{part}` is no part of a label selector: write {known}"))
            };
            term(part.trim()).ok_or_else(bad)
        });
        parts.collect::<Result<Vec<Term>, Problem>>().map(Self)
    }

    /// Whether labels are so.
    pub(crate) fn admits(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|term| match term {
            Term::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Term::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Term::Has(key) => labels.contains_key(key),
            Term::HasNot(key) => !labels.contains_key(key),
        })
    }
}

/// At commas outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c| {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

fn term(text: &str) -> Option<Term> {
    if let Some(key) = text.strip_prefix('!') {
        return Some(Term::HasNot(word(key)?));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Term::NotIn(word(key)?, vec![value_of(value)?]));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Term::In(word(key)?, vec![value_of(value)?]));
    }
    let Some((head, list)) = text.split_once('(') else { return Some(Term::Has(word(text)?)) };
    let values = list.strip_suffix(')')?.split(',').map(value_of).collect::<Option<Vec<String>>>()?;
    let (key, how) = head.trim().rsplit_once(char::is_whitespace)?;
    match how {
        "in" => Some(Term::In(word(key)?, values)),
        "notin" => Some(Term::NotIn(word(key)?, values)),
        _ => None,
    }
}

fn word(text: &str) -> Option<String> {
    value_of(text).filter(|text| !text.is_empty())
}

fn value_of(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    text.chars().all(plain).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(selector: &str) -> bool {
        let labels = [("team", "a"), ("env", "prod")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        Selector::read(selector).unwrap().admits(&labels.into())
    }

    #[test]
    fn selectors_mean_what_they_mean_in_kubernetes() {
        for good in ["team=a", "team==a,env!=dev", "team", "!legacy", "team in (a, b)", "x notin (a)", "x!=y"] {
            assert!(admits(good), "{good}");
        }
        for bad in ["team=b", "env!=prod", "legacy", "!team", "team in (b,c)", "team notin (a)", "team=a,env=dev"] {
            assert!(!admits(bad), "{bad}");
        }
        for no in ["", "=a", "a in b", "a in (b", "a b", "a=b=c", "in (a)", "a,,b", "a like (b)"] {
            assert!(Selector::read(no).is_err(), "{no}");
        }
    }
}
