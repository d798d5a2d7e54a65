//! A question as Cedar has it: the request, and the few entities that it is about.

use cedar_policy::{Context, Entities, Entity, EntityUid, Request, RestrictedExpression, Schema};
use cedar_policy_core::ast::{Name, RestrictedExpr};
use cedar_policy_core::entities::{Entities as Store, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;

use super::rules::{Rules, Types, role_in, uid};
use super::zones::Zones;
use super::{Action, Circumstances, Principal, Resource, TenantFacts};

/// What is asked, whole.
pub(super) struct Question {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

impl Question {
    /// Puts it; says what is wrong where it cannot be. Types make it fit the schema, so that `schema` is only for tests.
    pub(super) fn put(
        rules: &Rules,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        circumstances: &Circumstances,
        zones: &Zones,
        schema: Option<&Schema>,
    ) -> Result<Self, String> {
        let types = &rules.types;
        let action_entity = rules.actions.get(&action).ok_or_else(|| format!("there is no action {action}"))?;
        let mut entities = Vec::with_capacity(6);
        let asker = uid(&types.principal, &principal.id);
        entities.push(principal_entity(types, asker.clone(), principal, resource.tenant())?);
        let target = match resource {
            // There is nothing to know of it.
            Resource::Platform => types.platform.clone(),
            Resource::Tenant(tenant) => {
                let target = uid(&types.tenant, tenant.id.as_str());
                entities.push(tenant_entity(target.clone(), tenant)?);
                target
            }
            Resource::Workload { name, tenant } => {
                let owner = uid(&types.tenant, tenant.id.as_str());
                let target = uid(&types.workload, &format!("{}/{name}", tenant.id));
                entities.push(tenant_entity(owner.clone(), tenant)?);
                let attributes = [("tenant".to_owned(), RestrictedExpression::new_entity_uid(owner.clone()))];
                let workload = Entity::new(target.clone(), attributes.into(), [owner].into_iter().collect());
                entities.push(workload.map_err(|error| error.to_string())?);
                target
            }
        };
        // With a schema, all actions come from there.
        if schema.is_none() {
            entities.push(action_entity.clone());
        }
        if let Some(clock) = zones.clock(types, circumstances.now)? {
            entities.push(clock);
        }
        let context = context(types, action, circumstances)?;
        let request = Request::new(asker, action_entity.uid(), target, context, schema);
        Ok(Self {
            request: request.map_err(|error| error.to_string())?,
            entities: match schema {
                None => closed(&entities)?,
                Some(_) => Entities::from_entities(entities, schema).map_err(|error| error.to_string())?,
            },
        })
    }
}

/// A store of entities whose ancestors are complete as they are: roles and tenants have none, and an action comes with all
/// of its own. Otherwise Cedar would look for more, which takes as long as the rest of the question.
fn closed(entities: &[Entity]) -> Result<Entities, String> {
    let entities = entities.iter().map(|entity| entity.as_ref().clone());
    let (schema, complete) = (None::<&NoEntitiesSchema>, TCComputation::AssumeAlreadyComputed);
    let store = Store::from_entities(entities, schema, complete, Extensions::all_available());
    store.map(Entities::from).map_err(|error| error.to_string())
}

/// Whoever asks, as what they are on the platform and in the tenant that is asked about.
fn principal_entity(
    types: &Types,
    asker: EntityUid,
    principal: &Principal,
    about: Option<&TenantFacts>,
) -> Result<Entity, String> {
    let roles = principal.bindings.iter().filter_map(|binding| match binding.tenant() {
        None => Some(uid(&types.role, binding.role().as_str())),
        Some(tenant) if about.is_some_and(|about| about.id == *tenant) => {
            Some(uid(&types.role, &role_in(tenant, binding.role().as_str())))
        }
        Some(_) => None,
    });
    let tenants = principal.tenants().into_iter();
    let tenants = tenants.map(|tenant| RestrictedExpression::new_entity_uid(uid(&types.tenant, tenant.as_str())));
    let attributes = [
        ("tenants".to_owned(), RestrictedExpression::new_set(tenants)),
        ("glass".to_owned(), RestrictedExpression::new_bool(principal.glass)),
    ];
    Entity::new(asker, attributes.into(), roles.collect()).map_err(|error| error.to_string())
}

fn tenant_entity(id: EntityUid, tenant: &TenantFacts) -> Result<Entity, String> {
    let TenantFacts { id: _, declared, tier, region, labels, suspended } = tenant;
    let text = |text: &String| RestrictedExpression::new_string(text.clone());
    let mut attributes = vec![
        ("declared".to_owned(), RestrictedExpression::new_bool(*declared)),
        ("suspended".to_owned(), RestrictedExpression::new_bool(*suspended)),
    ];
    attributes.extend(tier.iter().map(|tier| ("tier".to_owned(), text(tier))));
    attributes.extend(region.iter().map(|region| ("region".to_owned(), text(region))));
    let tags = labels.iter().map(|(name, value)| (name.clone(), text(value)));
    Entity::new_with_tags(id, attributes, [], tags).map_err(|error| error.to_string())
}

/// A value that one of Cedar's functions makes of a text. Cedar's own constructors read the function's name anew each time,
/// which takes longer than all else of a question.
fn called(function: &Name, text: String) -> RestrictedExpression {
    RestrictedExpr::call_extension_fn(function.clone(), [RestrictedExpr::val(text)]).into()
}

/// What a question tells of the moment: of sizes and documents, only where the action is about them.
fn context(types: &Types, action: Action, circumstances: &Circumstances) -> Result<Context, String> {
    let Circumstances { now, dry_run, from, scale, rewrite } = circumstances;
    let long = |count: u64| RestrictedExpression::new_long(i64::try_from(count).unwrap_or(i64::MAX));
    let mut pairs = vec![
        ("now".to_owned(), called(&types.datetime, format!("{:.3}", now.to_jiff()))),
        ("clock".to_owned(), RestrictedExpression::new_entity_uid(types.clock.clone())),
        ("dry_run".to_owned(), RestrictedExpression::new_bool(*dry_run)),
    ];
    // An IPv4 address that came over a socket of IPv6 is written as what it is; Cedar knows no other way.
    pairs.extend(from.map(|from| ("from".to_owned(), called(&types.ip, from.to_canonical().to_string()))));
    if let Some(scale) = scale.filter(|_| action == Action::ScaleWorkload) {
        let sizes = [("from", scale.from), ("to", scale.to)];
        let sizes = sizes.map(|(name, size)| (name.to_owned(), long(u64::from(size.get()))));
        let sizes = RestrictedExpression::new_record(sizes).map_err(|error| error.to_string())?;
        pairs.push(("scale".to_owned(), sizes));
    }
    if let Some(rewrite) = rewrite.as_ref().filter(|_| action == Action::WriteConfig) {
        pairs.push(("raise".to_owned(), long(rewrite.raise_percent())));
        let touches = rewrite.touches.iter().map(|field| RestrictedExpression::new_string(field.clone()));
        pairs.push(("touches".to_owned(), RestrictedExpression::new_set(touches)));
        let reaches = rewrite.reaches.iter().map(|one| RestrictedExpression::new_string(one.as_str().to_owned()));
        pairs.push(("reaches".to_owned(), RestrictedExpression::new_set(reaches)));
    }
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}
