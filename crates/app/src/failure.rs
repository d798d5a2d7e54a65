//! How a command ends, in words and as a code that scripts can use.

use std::process::ExitCode;

use tenantry_adapters::archive::NoPlace;
use tenantry_adapters::metrics::prometheus::SettingsError;
use tenantry_adapters::metrics::replay::ReplayError;
use tenantry_api::ServeError;
use tenantry_backup::BackupError;
use tenantry_engine::access::{AccessError, GlassError, TokensError, WritingError, masked};
use tenantry_engine::audit::AuditError;
use tenantry_engine::ports::store::StoreError;
use tenantry_engine::record::RecordError;
use tenantry_engine::tenants::TenantsError;
use tenantry_keys::KeyError;
use tenantry_operator::ConnectError;
use tenantry_sim::scenario::ScenarioError;

use crate::commands::explain::Undecided;
use crate::commands::keys::{NotRetired, NotShredded};
use crate::commands::up::Undeclared;
use crate::oidc::NoLogin;
use crate::server::Refused;
use crate::terminal;

/// What was asked cannot be done: bad input, nothing found, a store that does not open.
pub(crate) const FAILED: u8 = 1;
/// `can-i`: they may not. `status`: something is wrong. `config validate`: a document has problems. `config diff`: there is a difference.
pub(crate) const FOUND: u8 = 3;

/// Writes an error with its causes to the standard error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Errors that show their cause themselves do not say it twice.
        if !text.contains(&cause) {
            text = format!("{text}\n  because: {cause}");
        }
    }
    let said = error.chain().find_map(|cause| cause.downcast_ref::<Refused>()?.code());
    if let Some(code) = said.or_else(|| error.chain().find_map(code)) {
        text = format!("{text}\n  {code}: `tenantry errors {code}` says what to do");
    }
    terminal::complain(&masked(&text));
    ExitCode::from(FAILED)
}

/// The code of an error that has one.
fn code(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let tenants = error.downcast_ref::<TenantsError>().map(TenantsError::code);
    let store = || error.downcast_ref::<StoreError>().map(StoreError::code);
    let connect = || error.downcast_ref::<ConnectError>().map(ConnectError::code);
    let settings = || error.downcast_ref::<SettingsError>().map(SettingsError::code);
    let replay = || error.downcast_ref::<ReplayError>().map(ReplayError::code);
    let record = || error.downcast_ref::<RecordError>().map(RecordError::code);
    let serve = || error.downcast_ref::<ServeError>().map(ServeError::code);
    let scenario = || error.downcast_ref::<ScenarioError>().map(ScenarioError::code);
    let audit = || error.downcast_ref::<AuditError>().map(AuditError::code);
    let undecided = || error.downcast_ref::<Undecided>().map(Undecided::code);
    let undeclared = || error.downcast_ref::<Undeclared>().map(Undeclared::code);
    let login = || error.downcast_ref::<NoLogin>().map(NoLogin::code);
    let access = || error.downcast_ref::<AccessError>().map(AccessError::code);
    let shredded = || error.downcast_ref::<NotShredded>().map(NotShredded::code);
    let retired = || error.downcast_ref::<NotRetired>().map(NotRetired::code);
    let keys = || error.downcast_ref::<KeyError>().map(KeyError::code);
    let tokens = || error.downcast_ref::<TokensError>().map(TokensError::code);
    let writing = || error.downcast_ref::<WritingError>().map(WritingError::code);
    let glass = || error.downcast_ref::<GlassError>().map(GlassError::code);
    let place = || error.downcast_ref::<NoPlace>().map(NoPlace::code);
    let backup = || error.downcast_ref::<BackupError>().and_then(BackupError::code);
    tenants
        .or_else(place)
        .or_else(backup)
        .or_else(undecided)
        .or_else(writing)
        .or_else(glass)
        .or_else(undeclared)
        .or_else(login)
        .or_else(access)
        .or_else(tokens)
        .or_else(audit)
        .or_else(store)
        .or_else(connect)
        .or_else(settings)
        .or_else(replay)
        .or_else(record)
        .or_else(scenario)
        .or_else(serve)
        .or_else(keys)
        .or_else(shredded)
        .or_else(retired)
}
