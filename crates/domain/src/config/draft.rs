//! A file as it was written, sound or not: what can be read of it, and everything that is wrong with it.

use super::check::{Wrong, check};
use super::document::Reader;
use super::layers::Layers;
use super::problem::{Problem, Problems};
use super::tree::read;
use super::{Document, DocumentKey};

/// Groups whose limits have built-in values that never contradict what is said beside them: a field of them that is
/// wrong leaves the rest of the group worth checking.
const SELF_CONTAINED: [&str; 2] = ["", "autoscaling"];

/// What can be read of a file, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The document, where it says what it is about; without its wrong fields.
    document: Option<Document>,
    /// Fields that were left out of it.
    wrong: Vec<String>,
    problems: Problems,
}

impl Draft {
    /// Reads a file; arguments as those of [`Document::parse`].
    #[must_use]
    pub fn read(source: &str, text: &str, stem: Option<&str>) -> Self {
        let reader = Reader { source, text };
        let told = |wrong: &[Wrong]| Problems(wrong.iter().map(|wrong| reader.problem(wrong)).collect());
        let bare =
            |place, message: &str| Wrong { place, field: String::new(), message: message.to_owned(), help: None };
        let root = match read(text) {
            Ok(root) => root,
            Err(faults) => {
                let faults: Vec<Wrong> = faults.iter().map(|fault| bare(fault.place, &fault.message)).collect();
                return Self { document: None, wrong: Vec::new(), problems: told(&faults) };
            }
        };
        let mut wrong = check(&root);
        let document = reader.document(&root, stem, &mut wrong);
        if document.is_none() && wrong.is_empty() {
            wrong.push(bare(root.place, "it names no document"));
        }
        let mut draft = Self {
            document: document.map(|document| if wrong.is_empty() { document } else { document.without(&wrong) }),
            problems: told(&wrong),
            wrong: wrong.into_iter().map(|wrong| wrong.field).collect(),
        };
        let crossed = draft.document.as_ref().and_then(|document| document.cross_check().err());
        draft.add(crossed.unwrap_or_default());
        draft
    }

    /// What could be read; [`Draft::problems`] says whether that is all.
    #[must_use]
    pub const fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    /// Everything that is wrong with the file by itself.
    #[must_use]
    pub const fn problems(&self) -> &Problems {
        &self.problems
    }

    /// The document, when nothing is wrong with it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn into_document(self) -> Result<Document, Problems> {
        match self.document {
            Some(document) => self.problems.into_result().map(|()| document),
            None => Err(self.problems),
        }
    }

    /// Adds what is wrong with a tenant's document under its layers; where these are not sound themselves, only whether
    /// they are there.
    pub fn hold_against(&mut self, layers: &Layers, sound: bool) {
        let Some(document) = self.document.as_ref().filter(|one| matches!(one.key(), DocumentKey::Tenant(_))) else {
            return;
        };
        let held = if sound { layers.resolve(document).map(|_| ()) } else { layers.names_known(document) };
        self.add(held.err().unwrap_or_default());
    }

    /// Adds problems but for those that are told, and those that would go with the ones that are.
    fn add(&mut self, found: Problems) {
        for problem in found.0 {
            if !self.problems.0.contains(&problem) && !self.follows(&problem) {
                self.problems.0.push(problem);
            }
        }
    }

    /// Whether a problem may be there only because a wrong field beside it was left out.
    fn follows(&self, problem: &Problem) -> bool {
        // A body that could not be read at all is told field by field already.
        if problem.field.is_empty() && !self.wrong.is_empty() {
            return true;
        }
        self.wrong.iter().any(|wrong| {
            let group = wrong.rsplit_once('.').map_or("", |(group, _)| group);
            let group = group.split('[').next().unwrap_or_default();
            let own = group.strip_prefix("workloads.").and_then(|rest| rest.split_once('.')).map(|(_, rest)| rest);
            if SELF_CONTAINED.contains(&own.unwrap_or(group)) {
                return false;
            }
            // A schedule names days of a calendar.
            (group == "calendars" && problem.message.contains("calendar"))
                || problem.field == group
                || problem.field.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'))
        })
    }
}
