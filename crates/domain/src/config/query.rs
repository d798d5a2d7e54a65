//! What a query tells: over how long it averages, and of whom it reads.

use std::convert::Infallible;
use std::time::Duration;

use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::unit::Span;

/// Longest query, in bytes. One that is nested as deep as this is long is walked on a thread's usual stack.
const BYTES_MAX: usize = 8 * 1024;

/// A query, read.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(query: &str) -> Result<Expr, String> {
    if query.len() > BYTES_MAX {
        return Err(format!("it has {} bytes, and {BYTES_MAX} are the most", query.len()));
    }
    // The parser panics at a length of time that is beyond any, as in `a[1e300]`.
    let read = std::panic::catch_unwind(|| parse(query));
    read.unwrap_or_else(|_| Err("a length of time in it is beyond any".to_owned()))
}

/// The longest range that a query looks back over, as `1m` in `rate(http_requests_total[1m])`; nothing where it has none.
#[must_use]
pub fn averaged_over(query: &str) -> Span {
    let mut longest = Longest(Duration::ZERO);
    if let Ok(expression) = read(query) {
        // It never fails.
        let _ = walk_expr(&mut longest, &expression);
    }
    Span::from_millis(u64::try_from(longest.0.as_millis()).unwrap_or(u64::MAX))
}

struct Longest(Duration);

impl ExprVisitor for Longest {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        self.0 = match expression {
            Expr::MatrixSelector(selector) => self.0.max(selector.range),
            Expr::Subquery(subquery) => self.0.max(subquery.range),
            _ => self.0,
        };
        Ok(true)
    }
}

/// Whether a field of a document holds a query.
#[must_use]
pub fn is_query(field: &str) -> bool {
    let name = field.rsplit('.').next().unwrap_or_default();
    // Labels are named as one likes.
    (name == "query" || name.ends_with("_query")) && !field.starts_with("labels.")
}

/// Whether a query reads no series but those that have one of some labels, as `namespace="acme"`: whether each of its
/// selectors asks for one by equality. What cannot be read asks for nothing.
///
/// Only what every reader of PromQL reads alike counts: a query with a backslash, a backtick or a `#` does not.
#[must_use]
pub fn reads_only(query: &str, labels: &[(&str, &str)]) -> bool {
    !query.contains(['\\', '`', '#']) && read(query).is_ok_and(|expression| confined(&expression, labels))
}

fn confined(expression: &Expr, labels: &[(&str, &str)]) -> bool {
    let asks = |Matchers { matchers, or_matchers }: &Matchers| {
        // Of alternatives each one would have to; nobody writes them.
        let by_equality = |name: &str, value: &str| {
            matchers.iter().any(|one| one.op == MatchOp::Equal && one.name == name && one.value == value)
        };
        or_matchers.is_empty() && labels.iter().any(|(name, value)| by_equality(name, value))
    };
    let selects = |VectorSelector { matchers, .. }: &VectorSelector| asks(matchers);
    match expression {
        Expr::VectorSelector(selector) => selects(selector),
        Expr::MatrixSelector(selector) => selects(&selector.vs),
        Expr::Aggregate(of) => {
            let tells = of.param.as_ref().is_none_or(|parameter| confined(parameter, labels));
            tells && confined(&of.expr, labels)
        }
        Expr::Unary(of) => confined(&of.expr, labels),
        Expr::Binary(of) => confined(&of.lhs, labels) && confined(&of.rhs, labels),
        Expr::Paren(of) => confined(&of.expr, labels),
        Expr::Subquery(of) => confined(&of.expr, labels),
        Expr::Call(of) => of.args.args.iter().all(|argument| confined(argument, labels)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => true,
        // The parser makes none.
        Expr::Extension(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_range_of_a_query_is_found() {
        let cases = [
            ("sum by (pod) (rate(http_requests_total[1m]))", 60),
            ("sum(rate(a[30s])) / sum(rate(b[5m]))", 300),
            ("max_over_time(sum(rate(a[1m]))[10m:1m])", 600),
            ("sum(queue_length)", 0),
            ("sum(", 0),
        ];
        for (query, secs) in cases {
            assert_eq!(averaged_over(query), Span::from_secs(secs), "{query}");
        }
    }

    /// What somebody writes ends neither the request nor the server.
    #[test]
    fn a_query_that_is_too_long_too_deep_or_beyond_reason_is_refused_or_read() {
        let deep = |open: &str, close: &str| {
            let turns = BYTES_MAX / (open.len() + close.len()) - 1;
            format!("{}a{}", open.repeat(turns), close.repeat(turns))
        };
        for query in [deep("-", ""), deep("(", ")"), deep("", "+a"), deep("", "^a"), deep("abs(", ")"), deep("(-", ")")]
        {
            assert!(read(&query).is_ok(), "{query}");
            assert_eq!(averaged_over(&query), Span::from_secs(0));
            assert!(!reads_only(&query, &[("namespace", "acme")]));
            assert!(read(&format!("{query}{}", " ".repeat(64))).is_err());
        }
        for query in
            ["y6[][66666666666666666666666666666666]", "a[1e300]", "a[Inf]", "a[NaN]", "a[99999999999999999999]"]
        {
            assert!(read(query).is_err(), "{query}");
        }
        for query in ["a offset 99999999999999999999", "a @ 1e300", "a @ NaN", "a[5m:1e300]", "a[9999999999999999y]"] {
            let _ = read(query);
        }
    }

    /// Names of the fields of a schema whose text is of a format.
    fn fields(schema: &serde_json::Value, format: &str, found: &mut Vec<String>) {
        match schema {
            serde_json::Value::Object(entries) => {
                for (name, inner) in entries {
                    if inner.get("format").is_some_and(|one| one == format) {
                        found.push(name.clone());
                    }
                    fields(inner, format, found);
                }
            }
            serde_json::Value::Array(entries) => entries.iter().for_each(|inner| fields(inner, format, found)),
            _ => {}
        }
    }

    #[test]
    fn every_field_that_the_schema_says_holds_a_query_is_known_as_one() {
        let mut names = Vec::new();
        fields(&serde_json::to_value(crate::config::schema()).unwrap(), "promql", &mut names);
        assert!(names.len() >= 5, "{names:?}");
        assert!(names.iter().all(|name| is_query(&format!("autoscaling.signals.a.{name}"))), "{names:?}");
        assert!(!is_query("labels.query") && !is_query("workloads.api.name"));
    }

    #[test]
    fn a_query_reads_only_its_own_where_each_selector_asks_for_it() {
        let own = [("namespace", "acme"), ("tenant", "acme")];
        for query in [
            r#"sum(rate(http_requests_total{namespace="acme"}[1m]))"#,
            "sum by (pod) (rate(a{tenant='acme', status=~'5..'}[1m])) / sum(rate(a{namespace='acme'}[5m]))",
            r#"max_over_time(sum(rate(a{namespace="acme"}[1m]))[10m:1m])"#,
            r#"quantile(0.9, a{tenant="acme"} offset 5m)"#,
            r#"histogram_quantile(0.99, sum by (le) (rate({__name__="b", namespace="acme"}[1m])))"#,
            "-(vector(1) * time())",
        ] {
            assert!(reads_only(query, &own), "{query}");
        }
        for query in [
            "sum(a)",
            "sum(",
            "",
            r#"a{namespace="globex"}"#,
            r#"a{namespace="acme"} + b"#,
            r#"a{namespace=~"acme"}"#,
            r#"a{namespace=~"acme|globex"}"#,
            r#"a{namespace!="acme"}"#,
            r#"a{pod="acme"}"#,
            r#"a{namespace="acme" or namespace="globex"}"#,
            // In what an aggregation or a function is given besides.
            r#"topk(scalar(b), a{namespace="acme"})"#,
            r#"quantile(scalar(b{namespace="globex"}), a{namespace="acme"})"#,
            r#"label_replace(b, "namespace", "acme", "", "")"#,
            r#"a{namespace="acme"} unless on() b"#,
            r#"absent_over_time(b[5m])"#,
            // What others might read otherwise.
            r#"a{x=`\`, namespace="acme", y=`}`}"#,
            r#"a{namespace="\x61cme"}"#,
            "a{namespace=\"acme\"} # {",
        ] {
            assert!(!reads_only(query, &own), "{query}");
        }
        assert!(!reads_only(r#"a{namespace="acme"}"#, &[]));
    }
}
