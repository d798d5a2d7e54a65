//! What tenants share: the defaults, tiers and regions.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tenantry_engine::access::Action;
use tenantry_engine::tenants::Shared;

use super::documents::document_operations;
use super::platform;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page::{self, Paging};
use crate::problem::Problem;
use crate::wire::config::{Layer, LayerPage};

const TAG: &str = "layers";

fn example() -> Value {
    json!({ "name": "gold", "revision": 2, "owner": "api", "changed_at": "2026-03-01T09:30:00Z", "tenants": 12 })
}

pub(crate) fn operations() -> Vec<Operation> {
    let plain = |operation: Operation| operation;
    let page = || json!({ "items": [example()], "next": null });
    let read = || Door::One(Action::ReadLayer, platform);
    let mut operations = document_operations!(
        "/v1/layers/defaults", TAG, "the defaults", platform, Action::ReadLayer, Action::WriteLayer,
        Action::WriteLayer, told: plain,
        ids: ["readDefaults", "writeDefaults", "removeDefaults", "listDefaultsRevisions", "readDefaultsRevision",
              "diffDefaults", "rollbackDefaults"]
    );
    operations.extend([
        Operation::new(Method::GET, "/v1/layers/tiers", "listTiers", read(), |asked| Box::pin(tiers(asked)))
            .says(TAG, "Tiers", "With how many tenants name each.")
            .query::<Paging>()
            .gives::<LayerPage>(StatusCode::OK, "A page of them.", page()),
        Operation::new(Method::GET, "/v1/layers/regions", "listRegions", read(), |asked| Box::pin(regions(asked)))
            .says(TAG, "Regions", "With how many tenants name each.")
            .query::<Paging>()
            .gives::<LayerPage>(StatusCode::OK, "A page of them.", page()),
    ]);
    operations.extend(document_operations!(
        "/v1/layers/tiers/{tier}", TAG, "a tier", platform, Action::ReadLayer, Action::WriteLayer,
        Action::WriteLayer, told: plain,
        ids: ["readTier", "writeTier", "removeTier", "listTierRevisions", "readTierRevision", "diffTier", "rollbackTier"]
    ));
    operations.extend(document_operations!(
        "/v1/layers/regions/{region}", TAG, "a region", platform, Action::ReadLayer, Action::WriteLayer,
        Action::WriteLayer, told: plain,
        ids: ["readRegion", "writeRegion", "removeRegion", "listRegionRevisions", "readRegionRevision", "diffRegion",
              "rollbackRegion"]
    ));
    operations
}

async fn tiers(asked: &Asked) -> Result<Answer, Problem> {
    listed(asked, &asked.tenants().tiers().await?)
}

async fn regions(asked: &Asked) -> Result<Answer, Problem> {
    listed(asked, &asked.tenants().regions().await?)
}

fn listed(asked: &Asked, all: &[Shared]) -> Result<Answer, Problem> {
    let Paging { limit, cursor } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let (found, next) = page::after(all.iter(), |one| one.name.clone(), after.as_deref(), count);
    let items = found.into_iter().map(|one| page::selected(&Layer::from(one.clone()), None));
    Answer::ok(&LayerPage { items: items.collect::<Result<_, _>>()?, next })
}
