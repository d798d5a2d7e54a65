//! The words of Tenantry.
