//! Bounds how old a value may be that a query passes off as the present.
//!
//! Prometheus stamps every instant answer with the time of the question, takes a plain selector's last sample of up to
//! five minutes as the present, and lets `rate(x[10m])` sink towards zero for ten minutes after the last sample. Both look
//! like falling load where nothing was measured (law L2). So each selector is asked for together with its own recent
//! past: `x` becomes `(x and last_over_time(x[2m]))`, which has no value once the last sample is older.

use std::time::Duration;

use promql_parser::parser::{self, Call, Expr, MatrixSelector, ParenExpr, VectorSelector};

/// Functions of one selector whose answer does not carry that selector's labels, or is about its age itself.
const OWN_MEANING: [&str; 4] = ["timestamp", "absent", "absent_over_time", "present_over_time"];
/// Deeper than any query that people write.
const DEPTH_MAX: usize = 64;

/// The query, its selectors without value where their last sample is older than `age_max`. A query that cannot be read,
/// such as one in another server's dialect, stays as it is.
pub(super) fn bounded(query: &str, age_max: Duration) -> String {
    let age_max = age_max.max(Duration::from_millis(1));
    let rewritten = || {
        let mut expr = parser::parse(query).ok()?;
        // What the parser does not write back as it was read is better left alone.
        if parser::parse(&expr.to_string()).ok()? != expr {
            return None;
        }
        bound(&mut expr, age_max, 0)?;
        Some(expr.to_string())
    };
    rewritten().unwrap_or_else(|| query.to_owned())
}

/// None when the expression cannot be bounded as a whole.
fn bound(expr: &mut Expr, age_max: Duration, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    let inner = |expr: &mut Expr| bound(expr, age_max, depth + 1);
    match expr {
        Expr::VectorSelector(selector) => {
            let guarded = guard(&selector.to_string(), selector, age_max)?;
            *expr = guarded;
        }
        Expr::Call(call) if OWN_MEANING.contains(&call.func.name) => {}
        Expr::Call(call) => match range_of(call) {
            Some(matrix) if matrix.range <= age_max => {}
            Some(matrix) => {
                let guarded = guard(&call.to_string(), &matrix.vs, age_max)?;
                *expr = guarded;
            }
            None => {
                for argument in &mut call.args.args {
                    inner(argument)?;
                }
            }
        },
        Expr::Aggregate(aggregate) => inner(&mut aggregate.expr)?,
        Expr::Unary(unary) => inner(&mut unary.expr)?,
        Expr::Paren(paren) => inner(&mut paren.expr)?,
        Expr::Subquery(subquery) => inner(&mut subquery.expr)?,
        Expr::Binary(binary) => {
            inner(&mut binary.lhs)?;
            inner(&mut binary.rhs)?;
        }
        Expr::MatrixSelector(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
    Some(())
}

fn range_of(call: &Call) -> Option<&MatrixSelector> {
    call.args.args.iter().find_map(|argument| match argument.as_ref() {
        Expr::MatrixSelector(matrix) => Some(matrix),
        _ => None,
    })
}

/// `(what and last_over_time(selector[age_max]))`. A selector at a fixed instant is as old as it is declared to be.
fn guard(what: &str, selector: &VectorSelector, age_max: Duration) -> Option<Expr> {
    if selector.at.is_some() {
        return parser::parse(what).ok();
    }
    let recent = Expr::MatrixSelector(MatrixSelector { vs: selector.clone(), range: age_max });
    let expr = parser::parse(&format!("{what} and last_over_time({recent})")).ok()?;
    Some(Expr::Paren(ParenExpr { expr: Box::new(expr) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_asked_for_with_their_recent_past() {
        for (query, expected) in [
            ("load", "(load and last_over_time(load[2m]))"),
            (
                r#"sum by (tenant) (load{env="prod"})"#,
                r#"sum by (tenant) ((load{env="prod"} and last_over_time(load{env="prod"}[2m])))"#,
            ),
            ("load offset 1h", "(load offset 1h and last_over_time(load[2m] offset 1h))"),
            ("a / on (pod) b", "(a and last_over_time(a[2m])) / on (pod) (b and last_over_time(b[2m]))"),
            // A range that is as short says so itself.
            ("rate(hits[1m])", "rate(hits[1m])"),
            ("rate(hits[10m])", "(rate(hits[10m]) and last_over_time(hits[2m]))"),
            (
                "histogram_quantile(0.95, sum by (le) (rate(t_bucket[5m])))",
                "histogram_quantile(0.95, sum by (le) ((rate(t_bucket[5m]) and last_over_time(t_bucket[2m]))))",
            ),
            ("quantile_over_time(0.9, load[1h])", "(quantile_over_time(0.9, load[1h]) and last_over_time(load[2m]))"),
            ("max_over_time(load[10m:1m])", "max_over_time((load and last_over_time(load[2m]))[10m:1m])"),
            ("-load", "-(load and last_over_time(load[2m]))"),
            ("timestamp(load)", "timestamp(load)"),
            ("absent(load)", "absent(load)"),
            ("load @ 1700000000", "load @ 1700000000.000"),
            ("vector(1) + 2", "vector(1) + 2"),
            // Another server's dialect.
            ("load keep_metric_names", "load keep_metric_names"),
        ] {
            let bounded = bounded(query, Duration::from_secs(120));
            assert_eq!(bounded, expected);
            assert!(bounded == query || parser::parse(&bounded).is_ok(), "{bounded}");
        }
    }

    #[test]
    fn a_query_too_deep_to_walk_stays_as_it_is() {
        let deep = format!("{}load{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(bounded(&deep, Duration::from_secs(60)), deep);
    }
}
