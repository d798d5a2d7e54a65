//! `tenantry witness`: cosigns what a root log signs, where it goes on from what it signed before.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use tenantry_adapters::audit::witness::FileMemory;
use tenantry_api::{Identity, Listening, serve_witness};
use tenantry_audit::VerifierKey;
use tenantry_engine::audit::witness::Cosigner;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::time::SystemClock;
use crate::{audit_key, terminal};

/// Where it is served unless told.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7410);

/// Watch over a server's audit logs from another machine: cosign its root log while it only grows
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tenantry audit key --root > root.vkey                      on the server: the key of its root log
  tenantry witness --name example.net/w1 --log-file root.vkey --print-key > w1.vkey
  tenantry witness --name example.net/w1 --log-file root.vkey --listen 0.0.0.0:7410 --tls-cert w.pem --tls-key w.key
  tenantry up --witness \"$(head -1 w1.vkey)@https://witness.example.net:7410\"
  tenantry audit verify --file acme.jsonl --key audit.pub --witness-key w1.vkey

It speaks C2SP tlog-witness (POST /add-checkpoint), so that other logs can ask it too, and the server other witnesses. It
answers 409 to a log that has less than it saw, or something else, and 422 to one that does not begin with what it saw.")]
pub(crate) struct Witness {
    /// Its name, under which it cosigns: an address without a scheme, such as `example.net/w1`
    #[arg(long, env = "TENANTRY_WITNESS_NAME", value_name = "NAME")]
    name: String,
    /// Key of a log that is witnessed, as `NAME+ID+KEY`; may be said again
    #[arg(long, value_name = "KEY")]
    log: Vec<String>,
    /// File of such keys, one a line
    #[arg(long, env = "TENANTRY_WITNESS_LOGS", value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// File of its own key; made where it is not there
    #[arg(long, env = "TENANTRY_WITNESS_KEY", value_name = "FILE", default_value = "witness.key")]
    key: PathBuf,
    /// File in which it remembers what it cosigned; never put it back to an earlier state
    #[arg(long, env = "TENANTRY_WITNESS_STATE", value_name = "FILE", default_value = "witness.json")]
    state: PathBuf,
    /// Where it is served; other than loopback it needs a certificate [default: 127.0.0.1:7410]
    #[arg(long, env = "TENANTRY_WITNESS_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// PEM file of its certificate, followed by those of its issuers
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Print the keys that its cosignatures are verified with, Ed25519 and ML-DSA-44, and end
    #[arg(long)]
    print_key: bool,
}

/// Reads keys, one a line; empty lines and those that begin with `#` are passed over.
pub(crate) fn keys_of(text: &str, place: &str) -> anyhow::Result<Vec<VerifierKey>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| VerifierKey::from_text(line).with_context(|| format!("{place} holds `{line}`"))).collect()
}

pub(super) async fn run(asked: Witness) -> anyhow::Result<ExitCode> {
    let keys = audit_key::open_or_make(Some(&asked.key), None)?;
    let own = keys.public().of_witness(&asked.name)?.map(|key| key.to_text()).join("\n");
    if asked.print_key {
        terminal::say(&own);
        return Ok(ExitCode::SUCCESS);
    }
    let mut logs = keys_of(&asked.log.join("\n"), "--log")?;
    if let Some(path) = &asked.log_file {
        let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
        logs.extend(keys_of(&text, &path.display().to_string())?);
    }
    if logs.is_empty() {
        bail!(
            "no log is witnessed: give the key that `tenantry audit key --root` prints on its server, with --log or --log-file"
        );
    }
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("info")).with_writer(std::io::stderr);
    if let Err(error) = builder.with_target(false).with_ansi(false).try_init() {
        bail!("the log could not be set up: {error}");
    }
    let memory = FileMemory::open(&asked.state)?;
    let identity = asked.tls_cert.clone().zip(asked.tls_key.clone());
    let identity = identity.map(|(certificate, key)| Identity { certificate, key, clients: None, withdrawn: None });
    let listening = Listening::on(asked.listen.unwrap_or(LISTEN), identity.as_ref()).await?;
    terminal::say(&format!("{} witnesses {} at {}", asked.name, names(&logs), listening.url()));
    let cosigner = Cosigner::new(asked.name.clone(), keys, logs, Box::new(memory));
    let ended = CancellationToken::new();
    let served = serve_witness(listening, cosigner, format!("{own}\n"), Arc::new(SystemClock), ended.clone());
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let told = async {
        let [terminated, interrupted] = &mut ends;
        tokio::select! {
            biased;
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        ended.cancel();
    };
    tokio::join!(served, told);
    Ok(ExitCode::SUCCESS)
}

fn names(logs: &[VerifierKey]) -> String {
    let mut names: Vec<&str> = logs.iter().map(VerifierKey::name).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
