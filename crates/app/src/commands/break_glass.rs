//! `tenantry break-glass`: rights for a short while that one does not have otherwise, in plain sight.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use tenantry_domain::id::TenantId;
use tenantry_domain::unit::Span;
use tenantry_engine::access::{Breaking, GLASS_MAX, Glass};
use tenantry_engine::ports::store::{Authorship, KeyId, TokenRecord};
use tenantry_engine::scope::Scope;

use crate::author::author;
use crate::cli::Common;
use crate::{output, place, server, time};

#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  tenantry break-glass acme --reason 'incident 42' --for 1h
  tenantry break-glass --platform --reason 'nobody else is left' --for 30m
  tenantry break-glass list
  tenantry break-glass end 4k2m9x0qzt7b

It gives a token as a tenant's administrator, or with --platform as the platform's. It ends by itself and makes no tokens.
The audit logs of the tenant and of the platform tell of it, every act that is done with it is told with its id and reason,
and `tenantry status` shows it while it lasts.")]
pub(crate) struct BreakGlass {
    #[command(subcommand)]
    pub(super) command: Option<Also>,
    #[command(flatten)]
    pub(super) begin: Begin,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Also {
    /// List glass that is broken now
    #[command(after_help = "Example:
  tenantry break-glass list -o json")]
    List,
    /// End it before its time
    #[command(after_help = "Example:
  tenantry break-glass end 4k2m9x0qzt7b")]
    End {
        /// Which, by its id
        #[arg(value_name = "ID", value_parser = super::token::id)]
        id: KeyId,
        /// Who ends it [default: the user of this machine]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct Begin {
    /// In this tenant, as its administrator
    #[arg(value_name = "TENANT", required_unless_present = "platform", conflicts_with = "platform")]
    pub(super) tenant: Option<TenantId>,
    /// On the whole platform, as its administrator
    #[arg(long)]
    pub(super) platform: bool,
    /// Why, for all who look later
    #[arg(long, value_name = "TEXT", required = true)]
    pub(super) reason: Option<String>,
    /// For how long
    #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
    pub(super) lasts: Span,
    /// Who breaks it [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    pub(super) by: Option<String>,
    /// For how long it may be at most; with --server, the server says
    #[arg(long, value_name = "SPAN", env = "TENANTRY_BREAK_GLASS_MAX", default_value_t = GLASS_MAX)]
    pub(super) max: Span,
}

/// Broken glass as it is shown.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) id: KeyId,
    pub(super) tenant: Option<TenantId>,
    pub(super) reason: String,
    pub(super) by: String,
    #[serde(deserialize_with = "server::told")]
    pub(super) at: String,
    #[serde(deserialize_with = "server::maybe_told")]
    pub(super) ends_at: Option<String>,
}

impl Row {
    pub(super) fn of(record: TokenRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            reason: record.glass.unwrap_or_default(),
            by: record.created_by,
            at: record.created_at.to_string(),
            ends_at: record.expires_at.map(|end| end.to_string()),
        }
    }

    /// In words, for `status`.
    pub(super) fn told(&self) -> String {
        let Self { id, reason, by, .. } = self;
        format!("glass is broken {} until {} by {by}: {reason} ({id})", self.place(), self.until())
    }

    fn place(&self) -> String {
        self.tenant.as_ref().map_or_else(|| "on the whole platform".to_owned(), |tenant| format!("in {tenant}"))
    }

    fn until(&self) -> &str {
        self.ends_at.as_deref().unwrap_or("-")
    }
}

/// Glass that was broken just now.
#[derive(Serialize)]
pub(super) struct Broke {
    #[serde(flatten)]
    pub(super) row: Row,
    /// Only here, and only once.
    pub(super) token: String,
}

impl Broke {
    pub(super) fn say(&self, common: &Common) -> anyhow::Result<ExitCode> {
        output::say(common.output, self, |broke| {
            format!("{}\nthis token is shown only now\n  TENANTRY_TOKEN={}", broke.row.told(), broke.token)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says glass that is broken.
pub(super) fn listed(common: &Common, rows: &[Row]) -> anyhow::Result<ExitCode> {
    output::say(common.output, rows, |rows| {
        if rows.is_empty() {
            return "no glass is broken".to_owned();
        }
        let cells = |row: &Row| {
            let tenant = row.tenant.as_ref().map_or("(platform)", TenantId::as_str).to_owned();
            vec![row.id.to_string(), tenant, row.until().to_owned(), row.by.clone(), row.reason.clone()]
        };
        output::table(&["ID", "TENANT", "ENDS", "BY", "REASON"], rows.iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Says glass that was mended.
pub(super) fn ended(common: &Common, row: &Row) -> anyhow::Result<ExitCode> {
    output::say(common.output, row, |row| format!("{} opens nothing any more", row.id))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn run(common: &Common, asked: BreakGlass) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let now = time::now();
    match asked.command {
        None => {
            let Begin { tenant, platform: _, reason, lasts, by, max } = asked.begin;
            let Some(reason) = reason else { bail!("say why: --reason TEXT") };
            let breaking = Breaking { tenant, reason, lives: lasts };
            let issued = Glass::new(store, max).begin(breaking, &author(by), now).await?;
            Broke { token: issued.token.reveal(), row: Row::of(issued.record) }.say(common)
        }
        Some(Also::List) => {
            let found = Glass::new(store, GLASS_MAX).list(&Scope::platform(), now).await?;
            listed(common, &found.into_iter().map(Row::of).collect::<Vec<Row>>())
        }
        Some(Also::End { id, by }) => {
            let by = Authorship { author: author(by), at: now, reason: "ended on the command line".to_owned() };
            ended(common, &Row::of(Glass::new(store, GLASS_MAX).end(&Scope::platform(), &id, &by).await?))
        }
    }
}
