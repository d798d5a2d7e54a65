//! What an envelope is bound to.

/// What an envelope belongs to, as bytes that are authenticated with it: which kind of thing, and the fields that name it.
/// Each field has its length in front of it, so that no two things have the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound(Vec<u8>);

impl Bound {
    /// Begins with the kind of thing, such as the name of a table.
    #[must_use]
    pub fn to(kind: &str) -> Self {
        Self(Vec::with_capacity(64)).text(kind)
    }

    /// Adds a field that is text.
    #[must_use]
    pub fn text(mut self, field: &str) -> Self {
        // Longer than that no field is: they come out of a database's row.
        self.0.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend(field.as_bytes());
        self
    }

    /// Adds a field that is a number.
    #[must_use]
    pub fn number(mut self, field: i64) -> Self {
        self.0.extend(field.to_be_bytes());
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, for a provider that authenticates them itself.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }
}
