//! API tokens: listed, made, revoked.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::access::{
    Action, Asked as Wanted, Binding, Caller, Ends, RoleName, RoleNameError, Target, Tokens, TokensError,
};
use tenantry_engine::ports::store::{KeyId, SecretHash, TokenRecord};
use utoipa::{IntoParams, ToSchema};

use super::{Trying, named};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page::{self, Paging};
use crate::problem::{INTERNAL, MALFORMED, Problem};
use crate::wire::token::{IssuedToken, RoleHeld, Token, TokenPage};

const TAG: &str = "access";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Revoking {
    /// Leave what the token made, and what that made, as it is.
    #[serde(default)]
    keep_made: bool,
    /// Say which would be ended, and end none.
    #[serde(default)]
    dry_run: bool,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Whose it is to be; the platform's own unless told.
    #[serde(default)]
    tenant: Option<String>,
    /// What it may be used as.
    #[schema(min_items = 1, max_items = 32)]
    roles: Vec<RoleHeld>,
    /// How long it lives, such as `30d`, or `never`. Unless told 90 days, or until the token that makes it ends; it never
    /// outlives that one.
    #[serde(default)]
    expires_in: Option<String>,
}

fn example() -> Value {
    json!({
        "id": "k3v9q0z7m2ab", "tenant": "acme", "name": "ci", "roles": [{ "role": "tenant-editor", "tenant": "acme" }],
        "created_by": "token:9f3m0q2x8c1d", "created_at": "2026-03-01T09:30:00Z",
        "expires_at": "2026-05-30T09:30:00Z", "last_used_at": null, "revoked_at": null,
        "break_glass": null
    })
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/tokens", "listTokens", Door::Anywhere(Action::ReadTokens), |asked| {
            Box::pin(list(asked))
        })
        .says(TAG, "API tokens", "Newest first, those that have ended among them. Never with what is secret of them.")
        .query::<Paging>()
        .gives::<TokenPage>(StatusCode::OK, "A page of them.", json!({ "items": [example()], "next": null })),
        Operation::new(Method::POST, "/v1/tokens", "createToken", Door::All(Action::CreateToken, whose), |asked| {
            Box::pin(create(asked))
        })
        .says(TAG, "Make an API token", "Its secret is shown in this answer and never again.")
        .query::<Trying>()
        .takes::<NewToken>(json!({
            "name": "ci", "tenant": "acme", "roles": [{ "role": "tenant-editor", "tenant": "acme" }],
            "expires_in": "90d"
        }))
        .gives::<IssuedToken>(
            StatusCode::CREATED,
            "The token.",
            json!({ "token": example(), "secret": "tnt_k3v9q0z7m2ab_…", "dry_run": false }),
        )
        .gives::<IssuedToken>(
            StatusCode::OK,
            "What would be made, in a dry run.",
            json!({ "token": example(), "secret": null, "dry_run": true }),
        )
        .refuses(&[404, 409, 413, 415, 422]),
        Operation::new(
            Method::DELETE,
            "/v1/tokens/{token}",
            "revokeToken",
            Door::Anywhere(Action::RevokeToken),
            |asked| Box::pin(revoke(asked)),
        )
        .says(
            TAG,
            "Revoke an API token",
            "From the next request on it opens nothing, and neither does what it made, unless told.",
        )
        .query::<Revoking>()
        .gives::<Token>(StatusCode::OK, "The token.", example())
        .refuses(&[404, 409]),
    ]
}

impl From<TokensError> for Problem {
    fn from(error: TokensError) -> Self {
        let code = error.code();
        match error {
            TokensError::Unfit { .. } => {
                let title = "the token cannot be so";
                Self::coded(StatusCode::UNPROCESSABLE_ENTITY, code, title, error.to_string())
            }
            TokensError::NoToken { .. } => Self::not_found(),
            TokensError::EndsOwn { .. } => {
                Self::coded(StatusCode::CONFLICT, code, "it would end you", error.to_string())
            }
            TokensError::NoChance(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no token was made");
                Self::new(INTERNAL, "no token was made; the server's log says more")
            }
            TokensError::Store(error) => error.into(),
        }
    }
}

/// Whose token is to be made.
fn whose(asked: &Asked) -> Result<Vec<(Action, Target)>, Problem> {
    let new: NewToken = asked.json()?;
    Ok(vec![(Action::CreateToken, named(new.tenant)?)])
}

async fn list(asked: &Asked) -> Result<Answer, Problem> {
    let Paging { limit, cursor } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let after = after.as_deref().map(record).transpose()?;
    let mut found = Vec::new();
    for scope in asked.scopes() {
        found.extend(asked.api.tokens.list(scope, after.as_ref(), count + 1).await?);
    }
    found.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let next = page::cut(&mut found, count, place);
    let items = found.iter().map(|record| page::selected(&Token::from(record), None));
    Answer::ok(&TokenPage { items: items.collect::<Result<_, _>>()?, next })
}

/// Where a page of tokens ends.
fn place(record: &TokenRecord) -> String {
    let tenant = record.tenant.as_ref().map_or("", TenantId::as_str);
    page::cursor(&format!("{}/{}/{tenant}", record.created_at.as_millis(), record.id))
}

/// A record that stands where a page ended; nothing more of it is looked at.
fn record(place: &str) -> Result<TokenRecord, Problem> {
    let read = || {
        let (at, rest) = place.split_once('/')?;
        let (id, tenant) = rest.split_once('/')?;
        let tenant = if tenant.is_empty() { None } else { Some(TenantId::new(tenant).ok()?) };
        Some(TokenRecord {
            id: KeyId::new(id).ok()?,
            tenant,
            name: String::new(),
            bindings: Vec::new(),
            hash: SecretHash([0; 32]),
            created_by: String::new(),
            created_at: Timestamp::from_millis(at.parse().ok()?),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            glass: None,
        })
    };
    read().ok_or_else(|| Problem::new(MALFORMED, "`cursor` is none of ours; take `next` of the page before as it is"))
}

fn wanted(new: NewToken) -> Result<(Wanted, Ends), Problem> {
    let NewToken { name, tenant, roles, expires_in } = new;
    let bad = |error: String| Problem::new(MALFORMED, error);
    let id = |tenant: Option<String>| tenant.map(TenantId::new).transpose().map_err(|error| bad(error.to_string()));
    let held = |held: RoleHeld| {
        let role: RoleName = held.role.parse().map_err(|error: RoleNameError| bad(error.to_string()))?;
        Binding::new(role, id(held.tenant)?).map_err(|error| bad(error.to_string()))
    };
    let bindings = roles.into_iter().map(held).collect::<Result<_, _>>()?;
    let span = |text: String| text.parse::<Span>().map_err(|error| bad(format!("`expires_in`: {error}")));
    let ends = match expires_in {
        None => Ends::Usually,
        Some(text) if text == "never" => Ends::Never,
        Some(text) => Ends::After(span(text)?),
    };
    Ok((Wanted { tenant: id(tenant)?, name, bindings, lives: None }, ends))
}

async fn create(asked: &Asked) -> Result<Answer, Problem> {
    let Trying { dry_run } = asked.query()?;
    let (wanted, ends) = wanted(asked.json()?)?;
    let maker = asked.caller.as_ref().ok_or_else(Problem::not_found)?;
    let wanted = Tokens::within(wanted, ends, maker, asked.now)?;
    let (scope, by) = (asked.scope()?, asked.principal());
    if dry_run {
        Tokens::check(scope, &wanted)?;
        asked.api.tokens.check_roles(&wanted).await?;
        let Wanted { tenant, name, bindings, lives } = wanted;
        let token = Token {
            id: String::new(),
            tenant: tenant.map(String::from),
            name,
            roles: bindings.iter().map(RoleHeld::from).collect(),
            created_by: by,
            created_at: crate::wire::instant(asked.now),
            expires_at: lives.map(|lives| crate::wire::instant(asked.now + lives)),
            last_used_at: None,
            revoked_at: None,
            break_glass: None,
        };
        return Answer::ok(&IssuedToken { token, secret: None, dry_run });
    }
    let issued = asked.api.tokens.create(scope, wanted, &by, asked.now).await?;
    let token = Token::from(&issued.record);
    let location = format!("/v1/tokens/{}", token.id);
    let kept = IssuedToken { token: token.clone(), secret: None, dry_run };
    let shown = IssuedToken { token, secret: Some(issued.token.reveal()), dry_run };
    Answer::json(StatusCode::CREATED, &shown)?.at(location).kept_as(&kept)
}

async fn revoke(asked: &Asked) -> Result<Answer, Problem> {
    let Revoking { keep_made, dry_run } = asked.query()?;
    let id = KeyId::new(asked.text("token")?).map_err(|_| Problem::not_found())?;
    let by = asked.by(None, "ended through the API")?;
    let (tokens, own) = (&asked.api.tokens, asked.caller.as_ref().and_then(Caller::token));
    for scope in asked.scopes() {
        if !keep_made && tokens.made_by(scope, &id, asked.now).await?.iter().any(|made| Some(&made.id) == own) {
            return Err(TokensError::EndsOwn { id }.into());
        }
        if dry_run {
            let found = asked.api.store.tokens_by_id(&id).await?;
            let is_in = |record: &TokenRecord| scope.only().is_none_or(|only| record.tenant.as_ref() == Some(only));
            match found.iter().find(|record| is_in(record)) {
                Some(record) => return Answer::ok(&Token::from(record)),
                None => continue,
            }
        }
        match tokens.revoke(scope, &id, &by).await {
            Ok(record) => {
                if !keep_made {
                    tokens.end_made_by(scope, &id, &by).await?;
                }
                return Answer::ok(&Token::from(&record));
            }
            Err(TokensError::NoToken { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::not_found())
}
