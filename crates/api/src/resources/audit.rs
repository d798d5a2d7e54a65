//! What was done: a tenant's audit log, and the platform's.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_engine::access::Action;
use tenantry_engine::ports::store::audit::{LogFilter, LogOf};
use utoipa::IntoParams;

use super::{platform, tenant};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page;
use crate::problem::{MALFORMED, Problem};
use crate::wire::audit::{AuditConsistency, AuditEntry, AuditPage, AuditProof, AuditRootProofs};

const TAG: &str = "audit";
/// A checkpoint in examples.
const SIGNED: &str = "tenantry/0f0f/audit/tenant/acme\n42\nAAAA\n";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only by this actor.
    actor: Option<String>,
    /// Only of this action, such as `config.revise`, or of a group, such as `config`.
    action: Option<String>,
    /// Not before this instant.
    #[param(format = DateTime)]
    since: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct From {
    /// How many entries the earlier checkpoint has.
    #[param(minimum = 1)]
    from: i64,
}

fn example() -> Value {
    json!({
        "entry": 41, "at": "2026-03-01T09:30:00Z", "actor": "token:k3v9q0z7m2ab", "from": null,
        "action": "config.revise", "resource": "tenant/acme@7", "outcome": "done", "reason": "more room",
        "request": null, "policies": [], "before": "0f0f", "after": "1e1e"
    })
}

fn proof() -> Value {
    json!({
        "leaf": "{\"action\":\"config.revise\"}", "entry": 41, "size": 42, "path": ["00ff"],
        "checkpoint": SIGNED
    })
}

pub(crate) fn operations() -> Vec<Operation> {
    let (own, shared) = (|| Door::One(Action::ReadAudit, tenant), || Door::One(Action::ReadAudit, platform));
    let list = |path, id, door, summary| {
        Operation::new(Method::GET, path, id, door, |asked| Box::pin(list(asked)))
            .says(TAG, summary, "Newest first. Entries are never changed, and are signed for within a second.")
            .query::<Which>()
            .gives::<AuditPage>(StatusCode::OK, "A page of them.", json!({ "items": [example()], "next": null }))
            .refuses(&[404])
    };
    let prove = |path, id, door, summary| {
        Operation::new(Method::GET, path, id, door, |asked| Box::pin(prove(asked)))
            .says(
                TAG,
                summary,
                "An inclusion proof (RFC 6962) against the last signed checkpoint; what is not signed yet is not found.",
            )
            .gives::<AuditProof>(StatusCode::OK, "The proof.", proof())
            .refuses(&[404])
    };
    let consistency = |path, id, door, summary| {
        let says = "A consistency proof (RFC 6962) for who kept an earlier checkpoint, also of entries that were pruned since.";
        let example = json!({ "from": 12, "path": ["00ff"], "checkpoint": SIGNED });
        Operation::new(Method::GET, path, id, door, |asked| Box::pin(consistent(asked)))
            .says(TAG, summary, says)
            .query::<From>()
            .gives::<AuditConsistency>(StatusCode::OK, "The proof.", example)
            .refuses(&[404])
    };
    let root = |path, id, door, summary| {
        let says = "Inclusion proofs of the log's checkpoint in the root log, which speaks for all logs of the deployment. Of \
                    other tenants they show hashes alone.";
        let checkpoint = "tenantry/0f0f/audit/root\n7\nAAAA\n";
        let one = json!({ "size": 42, "leaf": 6, "path": ["00ff"], "checkpoint": checkpoint });
        Operation::new(Method::GET, path, id, door, |asked| Box::pin(rooted(asked)))
            .says(TAG, summary, says)
            .gives::<AuditRootProofs>(StatusCode::OK, "The proofs.", json!({ "proofs": [one] }))
            .refuses(&[404])
    };
    vec![
        consistency(
            "/v1/tenants/{tenant}/audit/consistency",
            "proveAuditConsistency",
            own(),
            "That a tenant's log goes on from an earlier checkpoint",
        ),
        consistency(
            "/v1/audit/consistency",
            "provePlatformAuditConsistency",
            shared(),
            "That the platform's log goes on from an earlier checkpoint",
        ),
        root("/v1/tenants/{tenant}/audit/root", "proveAuditRoot", own(), "That a tenant's log is in the root log"),
        root("/v1/audit/root", "provePlatformAuditRoot", shared(), "That the platform's log is in the root log"),
        list("/v1/tenants/{tenant}/audit", "listAudit", own(), "What was done to a tenant"),
        prove("/v1/tenants/{tenant}/audit/{entry}/proof", "proveAudit", own(), "That an entry is in a tenant's log"),
        list("/v1/audit", "listPlatformAudit", shared(), "What was done to what all tenants share"),
        prove("/v1/audit/{entry}/proof", "provePlatformAudit", shared(), "That an entry is in the platform's log"),
    ]
}

/// Whose log the path names.
fn log(asked: &Asked) -> Result<LogOf, Problem> {
    if asked.path.iter().any(|(name, _)| name == "tenant") { asked.tenant().map(Some) } else { Ok(None) }
}

async fn list(asked: &Asked) -> Result<Answer, Problem> {
    let Which { limit, cursor, actor, action, since } = asked.query()?;
    let (count, before) = (page::size(limit)?, page::number(cursor.as_deref())?);
    let since = since.map(|text| text.parse::<jiff::Timestamp>()).transpose();
    let since = since.map_err(|_| Problem::new(MALFORMED, "`since` is an instant, such as `2026-03-01T09:30:00Z`"))?;
    let filter = LogFilter { actor, action, since: since.map(Into::into), before };
    let mut found = asked.api.audit.search(asked.scope()?, &log(asked)?, &filter, count + 1).await?;
    let next = page::cut(&mut found, count, |entry| page::cursor(&entry.seq.to_string()));
    let items = found.into_iter().map(|entry| page::selected(&AuditEntry::from(entry), None));
    Answer::ok(&AuditPage { items: items.collect::<Result<_, _>>()?, next })
}

async fn prove(asked: &Asked) -> Result<Answer, Problem> {
    let (log, seq) = (log(asked)?, asked.number("entry")?);
    let (leaf, proof, checkpoint) = asked.api.audit.prove(asked.scope()?, &log, seq).await?;
    Answer::ok(&AuditProof::new(&leaf, &proof, checkpoint))
}

async fn consistent(asked: &Asked) -> Result<Answer, Problem> {
    let (log, From { from }) = (log(asked)?, asked.query()?);
    let from = u64::try_from(from).map_err(|_| Problem::not_found())?;
    let (proof, checkpoint) = asked.api.audit.prove_consistent(asked.scope()?, &log, from).await?;
    let path = proof.iter().map(ToString::to_string).collect();
    Answer::ok(&AuditConsistency { from, path, checkpoint })
}

async fn rooted(asked: &Asked) -> Result<Answer, Problem> {
    let proofs = asked.api.audit.prove_rooted(asked.scope()?, &log(asked)?).await?;
    Answer::ok(&AuditRootProofs { proofs: proofs.into_iter().map(Into::into).collect() })
}
