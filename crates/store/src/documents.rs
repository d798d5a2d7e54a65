//! Documents and their revisions.

use std::collections::{BTreeMap, BTreeSet};

use tenantry_domain::id::{RegionName, TenantId, TierName};
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{Authorship, Change, DocumentKey, Owner, Revision, StoreError};
use tenantry_engine::scope::Scope;
use tenantry_keys::{Bound, Purpose};

use crate::audit;
use crate::backend::Work;
use crate::failure::Failure;
use crate::fence::Reach;
use crate::sealed::{Covered, Opener};
use crate::sealing::sealers;
use crate::statement::{Row, Statement, Value, signed};
use crate::store::only;
use crate::{tokens, written};

/// Counts changes, and gives the first of them its number. First in each transaction that changes what the count stands
/// for: it makes such transactions wait for one another, so that what they read then holds until they commit, and so
/// that numbers rise in the order of commits.
pub(crate) async fn count_changes(work: &mut Work, count: usize) -> Result<u64, Failure> {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let sql = "UPDATE counters SET value = value + $1 WHERE name = 'config' RETURNING value";
    let last = only(work.fetch(Statement::new(sql, vec![Value::Int(signed(count)?)])).await?)?.count()?;
    Ok(last.saturating_sub(count).saturating_add(1))
}

/// Whose rows changes touch.
pub(crate) fn reach(changes: &[Change]) -> Reach<'_> {
    Reach::of_all(changes.iter().map(|change| match &change.key {
        DocumentKey::Tenant(tenant) => Some(tenant),
        DocumentKey::Defaults | DocumentKey::Tier(_) | DocumentKey::Region(_) => None,
    }))
}

/// A document as far as a change must know it.
#[derive(Debug, Clone)]
struct Head {
    number: u64,
    live: bool,
    owner: Owner,
    digest: String,
}

pub(crate) async fn revise(work: &mut Work, changes: &[Change], by: &Authorship) -> Result<Vec<Revision>, Failure> {
    let first = count_changes(work, changes.len()).await?;
    let mut heads = heads(work, changes).await?;
    let mut made = Vec::with_capacity(changes.len());
    let mut deeds = Vec::with_capacity(changes.len());
    for change in changes {
        let before = heads.get(&change.key);
        let revision = admit(change, before, by).map_err(Failure::Said)?;
        deeds.push(deed(&revision, before));
        let head = Head {
            number: revision.number,
            live: revision.body.is_some(),
            owner: revision.owner.clone(),
            digest: revision.digest.clone(),
        };
        heads.insert(change.key.clone(), head);
        made.push(revision);
    }
    write_revisions(work, &made, first, by.at).await?;
    write_heads(work, &heads).await?;
    for revision in &made {
        if let (DocumentKey::Tenant(tenant), None) = (&revision.key, &revision.body) {
            // Who is declared under the same name later is somebody else.
            deeds.extend(tokens::end_all(work, tenant, by).await?);
            deeds.extend(written::end_all(work, tenant, by).await?);
        }
    }
    audit::append(work, &deeds).await?;
    Ok(made)
}

/// Removes a tenant's document, wherever it is written from; says whether it was there.
///
/// `based_on` is the revision that the decision to do so was based on.
pub(crate) async fn remove(
    work: &mut Work,
    tenant: &TenantId,
    based_on: u64,
    by: &Authorship,
) -> Result<bool, Failure> {
    let key = DocumentKey::Tenant(tenant.clone());
    let mut change = Change { key, based_on, owner: Owner::Api, body: None, digest: String::new() };
    let Some(head) = heads(work, std::slice::from_ref(&change)).await?.remove(&change.key) else { return Ok(false) };
    if head.number != based_on {
        return Err(Failure::Said(StoreError::Stale { key: change.key, based_on, found: head.number }));
    }
    if head.live {
        change.owner = head.owner;
        revise(work, &[change], by).await?;
    }
    Ok(head.live)
}

/// What the audit log is told of a revision.
fn deed(revision: &Revision, before: Option<&Head>) -> Deed {
    let log = if let DocumentKey::Tenant(tenant) = &revision.key { Some(tenant.clone()) } else { None };
    let resource = match &revision.key {
        DocumentKey::Defaults => "defaults".to_owned(),
        DocumentKey::Tier(name) => format!("tier/{name}"),
        DocumentKey::Region(name) => format!("region/{name}"),
        DocumentKey::Tenant(id) => format!("tenant/{id}"),
    };
    let digest = |live: bool, digest: &str| (live && !digest.is_empty()).then(|| digest.to_owned());
    let by = Authorship { author: revision.author.clone(), at: revision.at, reason: revision.reason.clone() };
    Deed {
        action: if revision.body.is_some() { "config.revise" } else { "config.remove" },
        before: before.and_then(|head| digest(head.live, &head.digest)),
        after: digest(revision.body.is_some(), &revision.digest),
        details: revision.body.iter().map(|body| ("document".to_owned(), body.clone())).collect(),
        ..Deed::done(log, &by, format!("{resource}@{}", revision.number))
    }
}

/// The revision that a change makes of the document as it is.
fn admit(change: &Change, head: Option<&Head>, by: &Authorship) -> Result<Revision, StoreError> {
    let found = head.map_or(0, |head| head.number);
    if change.based_on != found {
        return Err(StoreError::Stale { key: change.key.clone(), based_on: change.based_on, found });
    }
    if let Some(head) = head {
        let handed_over = change.body.is_some() && change.digest == head.digest;
        if head.live && head.owner != change.owner && !handed_over {
            return Err(StoreError::Owned { key: change.key.clone(), owner: head.owner.clone() });
        }
    }
    Ok(Revision {
        key: change.key.clone(),
        number: found.saturating_add(1),
        owner: change.owner.clone(),
        author: by.author.clone(),
        at: by.at,
        reason: by.reason.clone(),
        body: change.body.clone(),
        digest: change.digest.clone(),
    })
}

async fn heads(work: &mut Work, changes: &[Change]) -> Result<BTreeMap<DocumentKey, Head>, Failure> {
    let mut wanted: Vec<&DocumentKey> = changes.iter().map(|change| &change.key).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let rows: Vec<_> = wanted.into_iter().map(|key| [Value::Int(kind(key)), Value::Text(name(key))]).collect();
    let statements = Statement::bulk(
        work.dialect(),
        "WITH wanted (kind, name) AS (VALUES",
        &rows,
        ") SELECT h.kind, h.name, h.number, h.live, r.owner, r.digest \
         FROM wanted CROSS JOIN heads AS h CROSS JOIN revisions AS r \
         WHERE h.kind = wanted.kind AND h.name = wanted.name \
         AND r.kind = h.kind AND r.name = h.name AND r.number = h.number",
    );
    let mut heads = BTreeMap::new();
    for statement in statements {
        for mut row in work.fetch(statement).await? {
            let key = key(&mut row)?;
            let head = Head {
                number: row.count()?,
                live: row.int()? != 0,
                owner: parse_owner(&row.text()?)?,
                digest: row.text()?,
            };
            heads.insert(key, head);
        }
    }
    Ok(heads)
}

/// Whose data key a document is sealed with: a tenant's own, or the platform's.
fn sealed_for(key: &DocumentKey) -> &str {
    if let DocumentKey::Tenant(id) = key { id.as_str() } else { "" }
}

fn bound(kind: i64, name: &str, number: i64) -> Bound {
    Bound::to("revisions").number(kind).text(name).number(number)
}

async fn write_revisions(work: &mut Work, made: &[Revision], first: u64, now: Timestamp) -> Result<(), Failure> {
    let owners: Vec<String> = made.iter().map(|revision| show_owner(&revision.owner)).collect();
    let with_body = made.iter().filter(|revision| revision.body.is_some());
    let sealers = sealers(work, Purpose::Config, with_body.map(|revision| sealed_for(&revision.key)), now).await?;
    let mut covers = Vec::with_capacity(made.len());
    for Revision { key, number, body, .. } in made {
        covers.push(match body {
            Some(body) => {
                let bound = bound(kind(key), name(key), signed(*number)?);
                sealers.of(sealed_for(key)).seal(body.as_bytes(), &bound)?
            }
            None => Covered::default(),
        });
    }
    let mut rows = Vec::with_capacity(made.len());
    for (((revision, owner), covered), change) in made.iter().zip(&owners).zip(&covers).zip(first..) {
        let Revision { key, number, owner: _, author, at, reason, body, digest } = revision;
        rows.push([
            Value::Int(kind(key)),
            Value::Text(name(key)),
            Value::Int(signed(*number)?),
            Value::Text(owner),
            Value::Text(author),
            Value::Int(at.as_millis()),
            Value::Text(reason),
            covered.maybe_text(body.as_deref()),
            Value::Text(digest),
            Value::Int(signed(change)?),
            covered.with(),
            covered.sealed(),
        ]);
    }
    let before = "INSERT INTO revisions (kind, name, number, owner, author, at, reason, body, digest, change, sealed_with, \
                  sealed) VALUES";
    work.execute_all(Statement::bulk(work.dialect(), before, &rows, "")).await?;
    Ok(())
}

async fn write_heads(work: &mut Work, heads: &BTreeMap<DocumentKey, Head>) -> Result<(), Failure> {
    let mut rows = Vec::with_capacity(heads.len());
    for (key, head) in heads {
        let number = signed(head.number)?;
        rows.push([Value::Int(kind(key)), Value::Text(name(key)), Value::Int(number), Value::Int(head.live.into())]);
    }
    let before = "INSERT INTO heads (kind, name, number, live) VALUES";
    let after = "ON CONFLICT (kind, name) DO UPDATE SET number = excluded.number, live = excluded.live";
    work.execute_all(Statement::bulk(work.dialect(), before, &rows, after)).await?;
    Ok(())
}

pub(crate) const KIND_TENANT: i64 = 3;

/// The last revision of each document in scope that is there.
pub(crate) fn all(scope: &Scope) -> Statement<'_> {
    let live = "FROM heads WHERE live = 1";
    let (heads, values) = match scope.only() {
        None => (format!("SELECT kind, name, number {live}"), Vec::new()),
        // In two halves: as one condition, a database may look at every tenant for it.
        Some(tenant) => {
            let half = |which| format!("SELECT kind, name, number {live} AND {which}");
            let shared = half(format!("kind < {KIND_TENANT}"));
            let own = half(format!("kind = {KIND_TENANT} AND name = $1"));
            (format!("{shared} UNION ALL {own}"), vec![Value::Text(tenant.as_str())])
        }
    };
    let sql = format!(
        "SELECT r.sealed_with, r.kind, r.name, r.number, r.owner, r.author, r.at, r.reason, r.body, r.sealed, r.digest \
         FROM ({heads}) AS h JOIN revisions AS r ON r.kind = h.kind AND r.name = h.name AND r.number = h.number \
         ORDER BY h.kind, h.name"
    );
    Statement::new(sql, values)
}

/// Whether a document may be seen.
pub(crate) fn visible(scope: &Scope, key: &DocumentKey) -> bool {
    match (scope.only(), key) {
        (Some(only), DocumentKey::Tenant(tenant)) => only == tenant,
        _ => true,
    }
}

/// Revisions of one document, newest first.
pub(crate) fn of_one(key: &DocumentKey, before: Option<u64>, count: u32) -> Statement<'_> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    Statement::new(
        "SELECT sealed_with, kind, name, number, owner, author, at, reason, body, sealed, digest FROM revisions \
         WHERE kind = $1 AND name = $2 AND number < $3 ORDER BY number DESC LIMIT $4",
        vec![Value::Int(kind(key)), Value::Text(name(key)), Value::Int(before), Value::Int(count.into())],
    )
}

/// Names of documents that changed after a version, as often as they did; one more than `most` tells that there are more.
pub(crate) fn changed_since(version: u64, most: u32) -> Result<Statement<'static>, Failure> {
    Ok(Statement::new(
        "SELECT kind, name FROM revisions WHERE change > 0 AND change > $1 ORDER BY change LIMIT $2",
        vec![Value::Int(signed(version)?), Value::Int(i64::from(most) + 1)],
    ))
}

pub(crate) fn changed(rows: Vec<Row>, most: u32) -> Result<Option<Vec<DocumentKey>>, Failure> {
    if rows.len() > usize::try_from(most).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    let keys: Result<BTreeSet<DocumentKey>, Failure> = rows.into_iter().map(|mut row| key(&mut row)).collect();
    Ok(Some(keys?.into_iter().collect()))
}

pub(crate) fn revisions(rows: Vec<Row>, opener: &Opener) -> Result<Vec<Revision>, Failure> {
    let revision = |mut row: Row| {
        let with = row.maybe_int()?;
        let key = key(&mut row)?;
        let number = row.count()?;
        let bound = bound(kind(&key), name(&key), signed(number)?);
        Ok(Revision {
            key,
            number,
            owner: parse_owner(&row.text()?)?,
            author: row.text()?,
            at: Timestamp::from_millis(row.int()?),
            reason: row.text()?,
            body: opener.text(with, &mut row, &bound)?,
            digest: row.text()?,
        })
    };
    rows.into_iter().map(revision).collect()
}

const fn kind(key: &DocumentKey) -> i64 {
    match key {
        DocumentKey::Defaults => 0,
        DocumentKey::Tier(_) => 1,
        DocumentKey::Region(_) => 2,
        DocumentKey::Tenant(_) => KIND_TENANT,
    }
}

fn name(key: &DocumentKey) -> &str {
    match key {
        DocumentKey::Defaults => "",
        DocumentKey::Tier(name) => name.as_str(),
        DocumentKey::Region(name) => name.as_str(),
        DocumentKey::Tenant(id) => id.as_str(),
    }
}

pub(crate) fn key(row: &mut Row) -> Result<DocumentKey, Failure> {
    Ok(match row.int()? {
        0 => {
            row.text()?;
            DocumentKey::Defaults
        }
        1 => DocumentKey::Tier(row.parsed::<TierName>()?),
        2 => DocumentKey::Region(row.parsed::<RegionName>()?),
        KIND_TENANT => DocumentKey::Tenant(row.parsed::<TenantId>()?),
        other => return Err(Failure::Unreadable(format!("{other} is no kind of document"))),
    })
}

fn show_owner(owner: &Owner) -> String {
    match owner {
        Owner::Api => "api".to_owned(),
        Owner::Folder(folder) => format!("folder:{folder}"),
    }
}

pub(crate) fn parse_owner(text: &str) -> Result<Owner, Failure> {
    match text.split_once(':') {
        None if text == "api" => Ok(Owner::Api),
        Some(("folder", folder)) => Ok(Owner::Folder(folder.to_owned())),
        _ => Err(Failure::Unreadable(format!("`{text}` is no owner of a document"))),
    }
}
