//! Label selectors in the form that a scale subresource gives them: `app=web,tier in (a,b),!canary`.

use std::collections::BTreeSet;

use kube::core::{Expression, Selector};

/// Reads a selector; none for what is no selector, and for an empty one, as that would pick every pod.
pub(crate) fn parse(text: &str) -> Option<Selector> {
    let mut terms = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        // A comma inside brackets does not end a term.
        let bracket = rest.find('(').filter(|open| rest.find(',').is_none_or(|comma| *open < comma));
        let from = match bracket {
            Some(open) => open + rest.get(open..)?.find(')')?,
            None => 0,
        };
        let end = rest.get(from..)?.find(',').map_or(rest.len(), |comma| from + comma);
        terms.push(term(rest.get(..end)?.trim())?);
        rest = rest.get(end..)?.strip_prefix(',').unwrap_or_default().trim();
    }
    (!terms.is_empty()).then(|| terms.into_iter().collect())
}

fn term(text: &str) -> Option<Expression> {
    if let Some(key) = text.strip_prefix('!') {
        return Some(Expression::DoesNotExist(name(key)?));
    }
    if let Some(head) = text.strip_suffix(')') {
        let (head, values) = head.split_once('(')?;
        let values: BTreeSet<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, verb) = head.trim().split_once(char::is_whitespace)?;
        return match verb.trim() {
            "in" => Some(Expression::In(name(key)?, values)),
            "notin" => Some(Expression::NotIn(name(key)?, values)),
            _ => None,
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Expression::NotEqual(name(key)?, value.trim().to_owned()));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Expression::Equal(name(key)?, value.trim().to_owned()));
    }
    Some(Expression::Exists(name(text)?))
}

fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!text.is_empty() && text.chars().all(good)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_kubernetes_writes_them() {
        let read = [
            ("app=web", "app=web"),
            ("app==web", "app=web"),
            ("app=web,tier!=db", "app=web,tier!=db"),
            ("tier in (a,b),app=web", "tier in (a,b),app=web"),
            ("app=web, x.io/tier notin (a, b) , canary,!old", "app=web,x.io/tier notin (a,b),canary,!old"),
        ];
        for (text, shown) in read {
            assert_eq!(parse(text).map(|selector| selector.to_string()).as_deref(), Some(shown), "{text}");
        }
        for text in ["", " ", "tier in (a", "tier on (a)", "a>1", "=x", "!", ","] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
