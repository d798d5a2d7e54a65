//! Tenants, documents and their revisions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tenantry_domain::config::{Document, Explained, FieldChange};
use tenantry_engine::ports::store::Revision;
use tenantry_engine::tenants::{Applied, Compared, Did, Listed, Shared, TenantEffect};
use utoipa::ToSchema;

use super::{instant, owner, page};
use crate::problem::Problem;

/// A tenant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Tenant {
    /// Its id.
    pub(crate) id: String,
    /// Its tier.
    pub(crate) tier: Option<String>,
    /// Its region.
    pub(crate) region: Option<String>,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The last revision of its document.
    pub(crate) revision: u64,
    /// Who may write its document: `api`, or `folder:NAME`.
    pub(crate) owner: String,
    /// When its document last changed.
    #[schema(format = DateTime)]
    pub(crate) changed_at: String,
    /// How many workloads are scaled.
    pub(crate) workloads: usize,
    /// What was declared and cannot be done as it stands.
    pub(crate) notes: Vec<String>,
}

page!(
    /// A page of tenants, ordered by id.
    TenantPage of Tenant
);

impl From<&Listed> for Tenant {
    fn from(listed: &Listed) -> Self {
        let Listed { id, tier, region, labels, revision, owner: by, changed_at, workloads, notes } = listed;
        Self {
            id: id.to_string(),
            tier: tier.clone(),
            region: region.clone(),
            labels: labels.clone(),
            revision: *revision,
            owner: owner(by),
            changed_at: instant(*changed_at),
            workloads: *workloads,
            notes: notes.clone(),
        }
    }
}

/// A tier or region.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Layer {
    /// Its name.
    pub(crate) name: String,
    /// The last revision of its document.
    pub(crate) revision: u64,
    /// Who may write its document.
    pub(crate) owner: String,
    /// When its document last changed.
    #[schema(format = DateTime)]
    pub(crate) changed_at: String,
    /// How many tenants name it.
    pub(crate) tenants: usize,
}

page!(
    /// A page of tiers or regions, ordered by name.
    LayerPage of Layer
);

impl From<Shared> for Layer {
    fn from(shared: Shared) -> Self {
        let Shared { name, revision, owner: by, changed_at, tenants } = shared;
        Self { name, revision, owner: owner(&by), changed_at: instant(changed_at), tenants }
    }
}

/// A version of a document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DocumentRevision {
    /// Counts from 1 without gaps.
    pub(crate) revision: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Who made it.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
    /// Who may write the document.
    pub(crate) owner: String,
    /// The declared fields; none when this revision removed the document.
    #[schema(value_type = Option<Object>)]
    pub(crate) fields: Option<Value>,
}

page!(
    /// A page of a document's revisions, newest first.
    RevisionPage of DocumentRevision
);

impl DocumentRevision {
    pub(crate) fn of(revision: &Revision) -> Result<Self, Problem> {
        let Revision { key, number, owner: by, author, at, reason, body, digest: _ } = revision;
        let read = |body: &String| Document::from_stored(key.clone(), body).map(|read| read.body().clone());
        let fields = body.as_ref().map(read).transpose();
        Ok(Self {
            revision: *number,
            at: instant(*at),
            author: author.clone(),
            reason: reason.clone(),
            owner: owner(by),
            fields: fields.map_err(|problems| tenantry_engine::tenants::TenantsError::Problems { problems })?,
        })
    }
}

/// What a tenant's layers come to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EffectiveConfig {
    /// The tenant.
    pub(crate) tenant: String,
    /// The fields, over defaults, tier and region.
    #[schema(value_type = Object)]
    pub(crate) fields: Value,
    /// What was declared and cannot be done as it stands.
    pub(crate) notes: Vec<String>,
}

/// A value and who set it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ExplainedField {
    /// The field, such as `autoscaling.min_replicas`.
    pub(crate) field: String,
    /// Its value.
    pub(crate) value: String,
    /// Which layer set it, such as `tier gold`; `built-in` where none did.
    pub(crate) layer: String,
    /// The file that set it.
    pub(crate) file: Option<String>,
    /// The line in it.
    pub(crate) line: Option<u32>,
}

impl From<Explained> for ExplainedField {
    fn from(explained: Explained) -> Self {
        let Explained { field, value, layer, file, line } = explained;
        Self { field, value, layer, file, line }
    }
}

/// Every value and who set it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ExplainedConfig {
    /// Ordered by field.
    pub(crate) fields: Vec<ExplainedField>,
}

/// A field that differs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Change {
    /// The field.
    pub(crate) field: String,
    /// Before; none where it was not set.
    pub(crate) before: Option<String>,
    /// After; none where it is no longer set.
    pub(crate) after: Option<String>,
}

impl From<FieldChange> for Change {
    fn from(change: FieldChange) -> Self {
        let FieldChange { field, before, after } = change;
        Self { field, before, after }
    }
}

pub(crate) fn changes(changes: Vec<FieldChange>) -> Vec<Change> {
    changes.into_iter().map(Change::from).collect()
}

/// What differs for a tenant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Effect {
    /// The tenant.
    pub(crate) tenant: String,
    /// What differs in its effective configuration.
    pub(crate) changes: Vec<Change>,
}

impl From<TenantEffect> for Effect {
    fn from(effect: TenantEffect) -> Self {
        let TenantEffect { tenant, changes: differs } = effect;
        Self { tenant: tenant.to_string(), changes: changes(differs) }
    }
}

/// Two revisions side by side.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Difference {
    /// Which document, in words.
    pub(crate) document: String,
    /// The older revision; 0 where there was none.
    pub(crate) from: u64,
    /// The newer revision.
    pub(crate) to: u64,
    /// What differs in the document.
    pub(crate) changes: Vec<Change>,
    /// What differs in the tenant's effective configuration, under the layers of now.
    pub(crate) effect: Vec<Change>,
    /// For a document that tenants share: what differs for each of them.
    pub(crate) tenants: Vec<Effect>,
}

impl From<Compared> for Difference {
    fn from(compared: Compared) -> Self {
        let Compared { document, from, to, changes: differs, effect, tenants } = compared;
        let tenants = tenants.into_iter().map(Effect::from).collect();
        Self { document, from, to, changes: changes(differs), effect: changes(effect), tenants }
    }
}

/// A new revision of an old one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Rollback {
    /// The new revision; none when nothing was changed.
    pub(crate) revision: Option<u64>,
    /// What it changes.
    pub(crate) difference: Difference,
    /// Whether it was only tried.
    pub(crate) dry_run: bool,
}

/// What was done with a document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AppliedDocument {
    /// Which, in words.
    pub(crate) document: String,
    /// The file, as the caller named it; empty for what was removed.
    pub(crate) file: String,
    /// What was done: `created`, `changed`, `unchanged`, `removed` or `skipped`.
    #[schema(pattern = "^(created|changed|unchanged|removed|skipped)$")]
    pub(crate) did: String,
    /// Its revision after.
    pub(crate) revision: Option<u64>,
    /// What differs, field by field.
    pub(crate) changes: Vec<Change>,
    /// In a dry run of a document that tenants share: what it comes to for the first of them that it changes.
    pub(crate) tenants: Vec<Effect>,
    /// How many tenants it changes beside those.
    pub(crate) more_tenants: usize,
    /// What cannot be done as it stands.
    pub(crate) notes: Vec<String>,
    /// Whether it was only tried.
    pub(crate) dry_run: bool,
}

impl AppliedDocument {
    pub(crate) fn of(applied: Applied, dry_run: bool) -> Self {
        let Applied { document, source: file, did, revision, changes: differs, tenants, more_tenants, notes } = applied;
        let did = match did {
            Did::Created => "created",
            Did::Changed => "changed",
            Did::Unchanged => "unchanged",
            Did::Removed => "removed",
            Did::Skipped => "skipped",
        };
        let tenants = tenants.into_iter().map(Effect::from).collect();
        Self {
            document,
            file,
            did: did.to_owned(),
            revision,
            changes: changes(differs),
            tenants,
            more_tenants,
            notes,
            dry_run,
        }
    }
}

/// What became of each document of a bulk apply.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AppliedDocuments {
    /// In the order of the request.
    pub(crate) documents: Vec<AppliedDocument>,
    /// Whether they were only tried.
    pub(crate) dry_run: bool,
}

/// A document, and where it lies in a folder of documents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ExportedDocument {
    /// Such as `tenants/acme.yaml`.
    pub(crate) name: String,
    /// Its revision.
    pub(crate) revision: u64,
    /// The document, as it can be sent back.
    #[schema(value_type = Object)]
    pub(crate) document: Value,
}

page!(
    /// A page of documents, ordered by name.
    ExportPage of ExportedDocument
);

/// A document as it is declared.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigDocument {
    /// Its revision, which is also its `ETag`.
    pub(crate) revision: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Who made it.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
    /// Who may write it.
    pub(crate) owner: String,
    /// The document, as it can be sent back.
    #[schema(value_type = Object)]
    pub(crate) document: Value,
}

impl ConfigDocument {
    pub(crate) fn of(head: &Revision, document: &Document) -> Self {
        Self {
            revision: head.number,
            at: instant(head.at),
            author: head.author.clone(),
            reason: head.reason.clone(),
            owner: owner(&head.owner),
            document: document.to_file(),
        }
    }
}
