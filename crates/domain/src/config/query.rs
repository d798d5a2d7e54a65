//! What a query tells of the values that it gives.

use std::convert::Infallible;
use std::time::Duration;

use promql_parser::parser::{Expr, parse};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::unit::Span;

/// The longest range that a query looks back over, as `1m` in `rate(http_requests_total[1m])`; nothing where it has none.
#[must_use]
pub fn averaged_over(query: &str) -> Span {
    let mut longest = Longest(Duration::ZERO);
    if let Ok(expression) = parse(query) {
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
}
