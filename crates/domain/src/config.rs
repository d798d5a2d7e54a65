//! Tenant configuration.
