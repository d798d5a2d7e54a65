//! Syslog over TCP, with or without TLS (RFC 5424, 5425 and 6587 with octet counting).
//!
//! Syslog has no acknowledgement. What comes nearest: after a batch the connection is ended from this side, and the
//! receiver, when it has read all of it, ends it from the other. A batch whose connection ends in another way comes again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use tenantry_audit::{Form, Told, octet_counted};
use tenantry_engine::ports::receiver::{Receiver, Undelivered};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::undelivered;
use crate::tls;

/// How long a batch may take, from the connection to its end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that a receiver may say, which it should not.
const SAID_MAX: usize = 64 * 1024;

/// A receiver of syslog.
#[derive(Clone)]
pub struct Syslog {
    /// `HOST:PORT`.
    address: String,
    /// The host's name, and TLS, where it is spoken.
    secured: Option<(ServerName<'static>, TlsConnector)>,
    /// The name of this machine in messages.
    host: String,
    form: Form,
}

impl std::fmt::Debug for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syslog")
            .field("address", &self.address)
            .field("tls", &self.secured.is_some())
            .finish_non_exhaustive()
    }
}

impl Syslog {
    /// The receiver at a host and port; `own` is the name of this machine.
    #[must_use]
    pub fn plain(host: &str, port: u16, own: &str, form: Form) -> Self {
        Self { address: format!("{host}:{port}"), secured: None, host: own.to_owned(), form }
    }

    /// As [`plain`](Self::plain), over TLS; trusted are the authorities of a PEM file, or the system's.
    ///
    /// # Errors
    /// A file or a host's name that cannot be used.
    pub fn secured(host: &str, port: u16, own: &str, form: Form, ca: Option<&Path>) -> Result<Self, Undelivered> {
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|error| undelivered(format!("{host}: {error}")))?;
        let connector = TlsConnector::from(Arc::new(tls::client(ca).map_err(undelivered)?));
        Ok(Self { secured: Some((name, connector)), ..Self::plain(host, port, own, form) })
    }

    async fn send(&self, text: &str) -> std::io::Result<()> {
        let stream = TcpStream::connect(&self.address).await?;
        match &self.secured {
            None => talk(stream, text).await,
            Some((name, connector)) => talk(connector.connect(name.clone(), stream).await?, text).await,
        }
    }
}

/// Says all of it, ends, and waits until the other side has ended too.
async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    let (mut said, mut buffer) = (0, [0_u8; 1024]);
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            more => said += more,
        }
        if said > SAID_MAX {
            return Err(std::io::Error::other("it says more than a receiver of syslog does"));
        }
    }
}

#[async_trait]
impl Receiver for Syslog {
    async fn deliver(&self, told: &[Told]) -> Result<(), Undelivered> {
        let text: String = told.iter().map(|told| octet_counted(told, &self.host, &self.form.of(told))).collect();
        match tokio::time::timeout(PATIENCE, self.send(&text)).await {
            Ok(sent) => sent.map_err(|error| undelivered(format!("{}: {error}", self.address))),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                Err(undelivered(format!("{}: it has not read all within {seconds} seconds", self.address)))
            }
        }
    }
}
