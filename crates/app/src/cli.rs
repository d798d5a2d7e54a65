//! What can be said on the command line.

use clap::builder::TypedValueParser as _;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum as _};
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::unit::Span;

use crate::commands::{
    audit, backtest, backup, break_glass, can_i, config, demo, forecast, keys, login, policy, simulate, token, up,
    witness,
};
use crate::keys::KeyOptions;
use crate::output::Format;
use crate::private::Private;
use crate::server::ServerOptions;

/// Runs many tenants on shared infrastructure: declares, watches, forecasts, and moves capacity into place before it is
/// needed.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "First steps:
  tenantry demo                                  a dozen tenants in a simulated world, with HPA beside it
  tenantry backtest --trace load.csv             what each way of scaling would have cost on your own load
  tenantry config validate tenants/              check documents
  tenantry config apply tenants/ -m 'first'      declare them
  tenantry up --mode observe --prometheus URL    watch a real cluster and write nothing
  tenantry explain TENANT/WORKLOAD               why it is the size it is

Exit codes: 0 done; 1 it could not be done; 2 wrong usage; 3 something was found (a problem, a difference).")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command line as it is parsed and shown.
pub(crate) fn command() -> clap::Command {
    // A form that one command alone has is offered by that one: its own argument stands in for the one of all.
    let offered = |arg: Arg| {
        let forms = Format::value_variants().iter().filter_map(|form| form.to_possible_value());
        let shown = clap::builder::PossibleValuesParser::new(forms.map(|form| form.hide(false)));
        arg.value_parser(shown.try_map(|form| Format::from_str(&form, false)))
    };
    let whole = Cli::command();
    let Some(output) = whole.get_arguments().find(|arg| arg.get_id() == "output").cloned() else { return whole };
    ["backtest", "forecast"].into_iter().fold(whole, |whole, name| {
        whole.mut_subcommand(name, |command| command.arg(offered(output.clone().global(false))))
    })
}

/// What was said on the command line. Of a store and a server, of which one is meant, what is said there stands over what
/// the environment says.
///
/// # Errors
/// What cannot be said.
pub(crate) fn parsed() -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches().map_err(quiet)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let of_environment = |name: &str| matches.value_source(name) == Some(ValueSource::EnvVariable);
    match (of_environment("store"), of_environment("server")) {
        (true, false) if cli.common.server.server.is_some() => cli.common.store = None,
        (false, true) if cli.common.store.is_some() => cli.common.server.server = None,
        _ => {}
    }
    Ok(cli)
}

/// Arguments whose values may hold secrets.
const PRIVATE: [&str; 6] = ["--store", "--server", "--token", "--prometheus", "--prometheus-header", "--audit-to"];

/// How tokens begin.
const TOKEN_PREFIX: &str = "tnt_";

/// What cannot be said, without the secrets that were said: those of arguments that hold some, and tokens wherever they
/// were put.
fn quiet(mut error: clap::Error) -> clap::Error {
    let is_private = |value: &ContextValue| {
        matches!(value, ContextValue::String(text) if PRIVATE.iter().any(|name| {
            text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        }))
    };
    let of_private = error.get(ContextKind::InvalidArg).is_some_and(is_private);
    let hidden: Vec<ContextKind> = error
        .context()
        .filter(|(kind, value)| {
            let is_value = *kind == ContextKind::InvalidValue && of_private;
            is_value || value.to_string().contains(TOKEN_PREFIX)
        })
        .map(|(kind, _)| kind)
        .collect();
    for kind in hidden {
        error.insert(kind, ContextValue::String("…".to_owned()));
    }
    error
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The store: a file, `sqlite:PATH` or `postgres://USER@HOST/NAME` [default: tenantry/tenantry.db in the user's data folder]
    #[arg(long, global = true, env = "TENANTRY_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<Private>,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    /// Form of the answer
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: the control loop and what it needs
    Up(Box<up::Up>),
    /// Show a dozen simulated tenants being scaled, beside HPA
    Demo(demo::Demo),
    /// Replay recorded load against every way of scaling: cost and incidents before anything is switched on
    Backtest(Box<backtest::Backtest>),
    /// Score forecasts of recorded load against naive ones and a library's
    Forecast(forecast::Forecast),
    /// Run histories from files: load, faults, and what must come of them
    Simulate(simulate::Simulate),
    /// Declare what tenants get: validate, apply, explain, compare, roll back, carry over
    #[command(after_help = "Examples:
  tenantry config validate tenants/
  tenantry config apply tenants/ -m 'first'
  tenantry config explain acme autoscaling")]
    #[command(subcommand)]
    Config(config::Config),
    /// List tenants, tiers, regions, workloads or decisions
    #[command(after_help = "Examples:
  tenantry get workloads --watch
  tenantry get decisions --changes")]
    #[command(subcommand)]
    Get(Get),
    /// Who did what, and the proof that nothing of it was altered
    #[command(after_help = "Examples:
  tenantry audit log acme --since 24h
  tenantry audit verify")]
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The keys that the store is sealed with: list, renew, destroy
    #[command(after_help = "Examples:
  tenantry keys list
  tenantry keys rotate
  tenantry keys shred acme --yes --reason 'contract ended'")]
    #[command(subcommand)]
    Keys(keys::Keys),
    Witness(Box<witness::Witness>),
    /// Take a backup of everything, while the store is in use; list, verify and drop backups
    #[command(after_help = "Examples:
  tenantry backup --to /backups/tenantry
  tenantry backup --to s3://backups/tenantry --keep hourly=24,daily=30,monthly=12
  tenantry backup verify --to /backups/tenantry --restore

A backup is encrypted with a key that is sealed with the store's own keys: without the key file it cannot be read, so keep a
copy of that file apart. What has not changed since the last backup is not written again. `tenantry up --backup-to PLACE
--backup-every 1h` takes them by itself; `tenantry status` says how they stand.

S3 is told by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for others than Amazon's, AWS_ENDPOINT how to log
in; Google Cloud Storage by GOOGLE_APPLICATION_CREDENTIALS; Azure by AZURE_STORAGE_ACCOUNT_NAME and
AZURE_STORAGE_ACCOUNT_KEY.")]
    Backup(Box<backup::Backup>),
    Restore(Box<backup::Restore>),
    /// Say why a workload is the size it is
    #[command(after_help = "Examples:
  tenantry explain acme/api              the last decision
  tenantry explain acme/api --last 5     the last five
  tenantry explain acme/api --changes    the last that changed something
  tenantry explain acme/api -o json      with inputs, to be replayed")]
    Explain(Explain),
    /// Say what containers should request, how sure that is, what it saves, and whether it is applied
    #[command(after_help = "Examples:
  tenantry recommend                               all workloads
  tenantry recommend acme --workload api           one of them
  tenantry recommend acme -o json | jq '.recommendations[] | select(.saving > 0)'

Recommendations rest on what containers use (metrics.k8s.io), kills for want of memory, and cpu that was cut off at its
limit. They are applied by `autoscaling.vertical.mode` of a document: off (the default), initial or in_place. Savings are
in dollars where `budget.core_hour_usd` and `budget.gib_hour_usd` are declared.")]
    Recommend(Recommend),
    /// Say whether everything is healthy, what is wrong and what to do
    #[command(after_help = "Examples:
  tenantry status
  tenantry status --watch 5s
  tenantry status -o json || echo 'something is wrong'")]
    Status(Status),
    /// Set a workload's size by hand, for a while, inside all limits
    #[command(after_help = "Examples:
  tenantry scale acme/api 12 --for 2h --reason 'launch at noon'
  tenantry scale acme/api --clear --reason 'launch is over'
  tenantry scale acme/api 12 --for 2h --reason 'launch' --dry-run")]
    Scale(Scale),
    /// Stop scaling a workload
    #[command(after_help = "Examples:
  tenantry pause acme/api --reason 'incident 42'
  tenantry pause acme/api --for 1h --reason 'migration'")]
    Pause(Pause),
    /// Scale a paused workload again
    #[command(after_help = "Example:
  tenantry resume acme/api --reason 'incident 42 is over'")]
    Resume(Resume),
    /// Make, list and end API tokens
    #[command(after_help = "Examples:
  tenantry token create --role tenant-editor --tenant acme --name ci
  tenantry token list --tenant acme
  tenantry token revoke 4k2m9x0qzt7b")]
    #[command(subcommand)]
    Token(token::Token),
    Login(Box<login::Login>),
    Logout(login::Logout),
    Whoami(login::Whoami),
    /// Say whether somebody may do something, and which policies say so
    CanI(can_i::CanI),
    /// Write policies over the built-in ones, and test them
    #[command(after_help = "Examples:
  tenantry policy apply acme.cedar --tenant acme -m 'quiet nights'
  tenantry policy test cases.yaml
  tenantry policy rollback --tenant acme --to 3

Policies are Cedar's, and narrow or widen what roles may do within the walls: a tenant's speak of that tenant and its roles
only, the platform's of all.")]
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Declare roles: named sets of actions in a tenant
    #[command(after_help = "Examples:
  tenantry role apply roles.yaml --tenant acme
  tenantry role list")]
    #[command(subcommand)]
    Role(policy::Role),
    /// Take rights for a short while that one does not have otherwise, in plain sight of all
    BreakGlass(break_glass::BreakGlass),
    /// Watch tenants and workloads live
    #[command(
        after_help = "Keys: up and down move, Enter opens, t adds up by tenant, s sorts by the next column, / filters,
Esc goes back, q ends.

Examples:
  tenantry top
  tenantry top --tenant acme
  tenantry top --once        one picture, then end"
    )]
    Top(Top),
    /// Say what an error's code means and what to do
    #[command(after_help = "Examples:
  tenantry errors          all codes
  tenantry errors T202     one of them")]
    Errors {
        /// Which
        code: Option<String>,
    },
    /// Print a completion script
    #[command(after_help = "Example:
  tenantry completions bash > /etc/bash_completion.d/tenantry")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of the whole or of one command
    #[command(after_help = "Examples:
  tenantry man | man -l -
  tenantry man config apply | man -l -")]
    Man {
        /// Which command, such as `config apply`
        command: Vec<String>,
    },
}

impl Command {
    /// Whether it asks a store, or a server in its place; others need neither, or are about one server.
    pub(crate) const fn has_a_store(&self) -> bool {
        !matches!(
            self,
            Self::Up(_)
                | Self::Demo(_)
                | Self::Backtest(_)
                | Self::Forecast(_)
                | Self::Simulate(_)
                | Self::Login(_)
                | Self::Logout(_)
                | Self::Whoami(_)
                | Self::Errors { .. }
                | Self::Completions { .. }
                | Self::Man { .. }
        )
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Get {
    /// Tenants with their tier, region and workloads
    #[command(after_help = "Examples:
  tenantry get tenants
  tenantry get tenants -o json")]
    Tenants(Watch),
    /// Tiers with the tenants that name them
    #[command(after_help = "Examples:
  tenantry get tiers
  tenantry get tiers -o json")]
    Tiers(Watch),
    /// Regions with the tenants that name them
    #[command(after_help = "Examples:
  tenantry get regions
  tenantry get regions -o json")]
    Regions(Watch),
    /// Workloads with their size, load and expectation
    #[command(after_help = "Examples:
  tenantry get workloads
  tenantry get workloads --tenant acme --watch 2s")]
    Workloads(OfTenant),
    /// Decisions, newest first
    #[command(after_help = "Examples:
  tenantry get decisions --changes --last 20
  tenantry get decisions --workload acme/api -o json")]
    Decisions(Decisions),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Watch {
    /// Look again each SPAN until interrupted
    #[arg(long, value_name = "SPAN", num_args = 0..=1, default_missing_value = "2s")]
    pub(crate) watch: Option<Span>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OfTenant {
    /// Only of this tenant
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<TenantId>,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Decisions {
    /// Only about this workload
    #[arg(long, value_name = "TENANT/WORKLOAD")]
    pub(crate) workload: Option<WorkloadKey>,
    /// Only of this tenant
    #[arg(long, value_name = "ID", conflicts_with = "workload")]
    pub(crate) tenant: Option<TenantId>,
    /// Only those that asked for a change
    #[arg(long)]
    pub(crate) changes: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) last: u32,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Explain {
    /// Which workload
    #[arg(value_name = "TENANT/WORKLOAD")]
    pub(crate) workload: WorkloadKey,
    /// How many decisions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) last: u32,
    /// Only those that asked for a change
    #[arg(long)]
    pub(crate) changes: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Recommend {
    /// Only of this tenant
    #[arg(value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
    /// Only this workload of the tenant
    #[arg(long, value_name = "NAME", requires = "tenant")]
    pub(crate) workload: Option<WorkloadName>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Why {
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Scale {
    /// Which workload
    #[arg(value_name = "TENANT/WORKLOAD")]
    pub(crate) workload: WorkloadKey,
    /// How many replicas; limits still hold
    #[arg(required_unless_present = "clear", conflicts_with = "clear", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) replicas: Option<u32>,
    /// How long, such as `30m` or `2h`; then it ends by itself
    #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
    pub(crate) lasts: Span,
    /// End a size set by hand now
    #[arg(long)]
    pub(crate) clear: bool,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Pause {
    /// Which workload
    #[arg(value_name = "TENANT/WORKLOAD")]
    pub(crate) workload: WorkloadKey,
    /// How long; without it until `resume`
    #[arg(long = "for", value_name = "SPAN")]
    pub(crate) lasts: Option<Span>,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Resume {
    /// Which workload
    #[arg(value_name = "TENANT/WORKLOAD")]
    pub(crate) workload: WorkloadKey,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Top {
    /// Only of this tenant
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<TenantId>,
    /// Look again each SPAN
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    pub(crate) every: Span,
    /// One picture, then end
    #[arg(long)]
    pub(crate) once: bool,
}
