//! Connections: accepted, limited, served, and ended in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tenantry_domain::unit::Span;
use tenantry_engine::access::GLASS_MAX;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tower_service::Service;
use tracing::{debug, info, warn};

use crate::metrics::Metrics;
use crate::outer::{Peer, PeerCertificate};
use crate::tls::{self, Door, Identity};

/// What one server bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; one more waits in the kernel's queue. 1,024 unless told.
    pub connections: usize,
    /// Requests under way at a time; one more is turned away. 256 unless told.
    pub requests: usize,
    /// Of these, how many may be one tenant's, or one caller's of the platform. 64 unless told.
    pub requests_each: usize,
    /// Event streams at a time over all callers. 256 unless told.
    pub streams: usize,
    /// Event streams at a time of one caller. 8 unless told.
    pub streams_each: usize,
    /// Bytes of a body: 1 MiB unless told, and 16 times as many for a bulk apply.
    pub body_bytes: usize,
    /// Bytes of a request's head. 32 KiB unless told.
    pub head_bytes: u32,
    /// How long a request's head, a TLS handshake and a resting connection may take. 30 seconds unless told.
    pub head_time: Duration,
    /// How long a request may take, its body included. 30 seconds unless told.
    pub request_time: Duration,
    /// How long requests under way are waited for at the end. 20 seconds unless told.
    pub drain_time: Duration,
    /// How often files of certificates are looked at for changes.
    pub renew_every: Duration,
    /// Requests a second that one caller of one tenant may make over time. 50 unless told.
    pub rate: u32,
    /// Requests at once that one caller may make after a rest. 200 unless told.
    pub burst: u32,
    /// Attempts a second with a token that is none, from one address, over time. 5 unless told.
    pub strangers_rate: u32,
    /// Attempts at once with a token that is none, from one address, after a rest. 50 unless told.
    pub strangers_burst: u32,
    /// How long glass may stay broken. 4 hours unless told.
    pub break_glass: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            requests: 256,
            requests_each: 64,
            streams: 256,
            streams_each: 8,
            body_bytes: 1024 * 1024,
            head_bytes: 32 * 1024,
            head_time: Duration::from_secs(30),
            request_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(20),
            renew_every: Duration::from_secs(10),
            rate: 50,
            burst: 200,
            strangers_rate: 5,
            strangers_burst: 50,
            break_glass: GLASS_MAX,
        }
    }
}

/// Header lines of a request.
const HEADERS_MAX: usize = 64;
/// Requests at a time on one HTTP/2 connection.
const STREAMS_PER_CONNECTION: u32 = 64;
/// A listener that could not accept, for want of file descriptors say, rests so long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Why the API is not served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address is taken.
    #[error(
        "{address} is taken by another program; give the API another address (`--listen 127.0.0.1:0` takes any free \
         port), or leave it out (`--no-api`)"
    )]
    Taken {
        /// Which.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; see whether this machine has it and this user may use it")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others could listen in.
    #[error(
        "{address} can be reached from elsewhere, and tokens would travel in the clear: give a certificate (`--tls-cert \
         FILE --tls-key FILE`), or listen on loopback (`--listen 127.0.0.1:7400`) behind a proxy that has one"
    )]
    Clear {
        /// Which.
        address: SocketAddr,
    },
    /// The certificate cannot be used.
    #[error(
        "the certificate or key in {} cannot be used: {message}; it takes PEM files, the certificate first and then \
         its issuers", file.display()
    )]
    Certificate {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl ServeError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Taken { .. } | Self::Listen { .. } => "T812",
            Self::Clear { .. } => "T813",
            Self::Certificate { .. } => "T814",
        }
    }
}

/// A place that is listened on; nothing is answered yet.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Door>>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listening {
    /// Takes the address. Outside loopback it needs a certificate.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn on(address: SocketAddr, identity: Option<&Identity>) -> Result<Self, ServeError> {
        if identity.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(ServeError::Clear { address });
        }
        let tls = identity.map(Door::open).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => ServeError::Taken { address },
            _ => ServeError::Listen { address, source },
        })?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener, address, tls })
    }

    /// Where it really is, the port included.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// As callers write it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }
}

/// Follows the files of certificates.
async fn renewing(door: Arc<Door>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match door.renew() {
            Ok(true) => info!("certificates of the API were renewed"),
            Ok(false) => {}
            Err(error) => warn!(%error, "changed certificates cannot be used; those of before are"),
        }
    }
}

/// Serves until `ending`, then waits for what is under way, but not for ever.
pub(crate) async fn serve(
    listening: Listening,
    router: Router,
    limits: Limits,
    metrics: Arc<Metrics>,
    ending: CancellationToken,
) {
    let Listening { listener, address: _, tls } = listening;
    let builder = Arc::new(protocol(&limits));
    let (graceful, tasks) = (GracefulShutdown::new(), TaskTracker::new());
    let places = Arc::new(Semaphore::new(limits.connections));
    let _renewing = tls.clone().map(|door| AbortOnDropHandle::new(tokio::spawn(renewing(door, limits.renew_every))));
    loop {
        // A connection is taken from the kernel's queue when there is a place for it.
        let place = tokio::select! {
            biased;
            () = ending.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            biased;
            () = ending.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let acceptor = tls.as_deref().map(Door::acceptor);
        let (tls, builder, router, watcher) = (acceptor, Arc::clone(&builder), router.clone(), graceful.watcher());
        let (counted, ending) = (metrics.connection(), ending.clone());
        tasks.spawn(async move {
            let _held = (place, counted);
            let Some(secured) = secured(stream, tls, limits.head_time, &ending).await else { return };
            let certificate = secured.certificate();
            let service = TowerToHyperService::new(Named { router, peer: Peer(peer), certificate });
            let served = match secured {
                Secured::Plain(stream) => {
                    watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await
                }
                Secured::Tls(stream) => {
                    watcher.watch(builder.serve_connection(TokioIo::new(*stream), service).into_owned()).await
                }
            };
            if let Err(error) = served {
                debug!(error, "a connection ended out of order");
            }
        });
    }
    drop(listener);
    tasks.close();
    let drained = tokio::time::timeout(limits.drain_time, async {
        graceful.shutdown().await;
        tasks.wait().await;
    });
    match drained.await {
        Ok(()) => info!("the API has answered all that was under way"),
        Err(_) => warn!(connections = tasks.len(), "the API ends while requests are under way"),
    }
}

enum Secured {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Secured {
    /// What the certificate at the other end says; none where none was presented, or none that can be read.
    fn certificate(&self) -> Option<PeerCertificate> {
        let Self::Tls(stream) = self else { return None };
        let presented = stream.get_ref().1.peer_certificates()?.first()?;
        match tls::facts(presented) {
            Ok(facts) => Some(PeerCertificate(Arc::new(facts))),
            Err(error) => {
                info!(error, "a certificate that TLS let through cannot be read");
                None
            }
        }
    }
}

async fn secured(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    patience: Duration,
    ending: &CancellationToken,
) -> Option<Secured> {
    // Answers are small and at once.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection is slower than it could be");
    }
    let Some(tls) = tls else { return Some(Secured::Plain(stream)) };
    let handshake = tokio::select! {
        biased;
        () = ending.cancelled() => return None,
        handshake = tokio::time::timeout(patience, tls.accept(stream)) => handshake,
    };
    match handshake {
        Ok(Ok(stream)) => Some(Secured::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            debug!(%error, "no TLS came about");
            None
        }
        Err(_) => None,
    }
}

fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let head = usize::try_from(limits.head_bytes).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_headers(HEADERS_MAX)
        .max_buf_size(head.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .keep_alive_interval(limits.head_time)
        .keep_alive_timeout(limits.head_time);
    builder
}

/// The router, told who is at the other end.
#[derive(Clone)]
struct Named {
    router: Router,
    peer: Peer,
    certificate: Option<PeerCertificate>,
}

impl Service<Request<Incoming>> for Named {
    type Response = Response;
    type Error = Infallible;
    type Future = <Router as Service<Request<Incoming>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Incoming>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        self.router.call(request)
    }
}
