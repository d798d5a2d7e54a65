//! Other outsides: metrics sources.
