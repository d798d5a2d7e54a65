//! Errors as they are told.

use std::error::Error;

/// What an error says, and what each of its causes does; of those that say it again for their cause, once.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<Box<Said>>);

    #[test]
    fn each_cause_is_said_once() {
        let deepest = Said("no route", None);
        let middle = Said("connect failed: no route", Some(Box::new(deepest)));
        let whole = Said("the server did not answer", Some(Box::new(middle)));
        assert_eq!(with_causes(&whole), "the server did not answer: connect failed: no route");
    }
}
