//! Where the browser comes back to: a server on loopback that lives for one login.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Where the provider sends the browser to.
const PATH: &str = "/callback";
/// Connections at a time: a browser opens a few.
const CONNECTIONS_MAX: usize = 16;
/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The program ends soon after the answer; so long may its sending take.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The place while it is listened on.
pub(super) struct Place {
    listener: TcpListener,
    port: u16,
}

impl Place {
    /// Takes a port; 0 for any that is free.
    ///
    /// # Errors
    /// A port that is taken.
    pub(super) async fn take(port: u16) -> anyhow::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// As the provider is told.
    pub(super) fn redirect(&self) -> String {
        format!("http://localhost:{}{PATH}", self.port)
    }

    /// Waits for a query in which `read` finds what is wanted, and tells the person.
    ///
    /// # Errors
    /// That of `read`, which the person is told too.
    pub(super) async fn wait<T>(self, read: impl Fn(&str) -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
        let (sender, mut queries) = mpsc::channel::<Brought>(1);
        let sender = Arc::new(sender);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(brought) = queries.recv() => {
                    let found = read(&brought.query);
                    let words = match &found {
                        Ok(None) => (StatusCode::BAD_REQUEST, "This is not the answer to the login that is waited for."),
                        Ok(Some(_)) => (StatusCode::OK, "You are logged in. This page can be closed."),
                        Err(_) => (StatusCode::OK, "You are not logged in; the terminal says why. This page can be closed."),
                    };
                    let _ = brought.answer.send(words);
                    if let Some(found) = found.transpose() {
                        let all = async { while connections.join_next().await.is_some() {} };
                        let _ = tokio::time::timeout(LAST_WORD, all).await;
                        return found;
                    }
                }
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                    let Ok((stream, _)) = accepted else { continue };
                    let sender = Arc::clone(&sender);
                    let service = service_fn(move |request| answer(Arc::clone(&sender), request));
                    let mut builder = hyper::server::conn::http1::Builder::new();
                    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).keep_alive(false);
                    // How a connection ends says nothing about the login.
                    connections.spawn(async move {
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// What a browser brought, and where its answer goes.
struct Brought {
    query: String,
    answer: tokio::sync::oneshot::Sender<(StatusCode, &'static str)>,
}

async fn answer(
    sender: Arc<mpsc::Sender<Brought>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET || request.uri().path() != PATH {
        return Ok(page(StatusCode::NOT_FOUND, "There is nothing here."));
    }
    let (answer, words) = tokio::sync::oneshot::channel();
    let brought = Brought { query: request.uri().query().unwrap_or_default().to_owned(), answer };
    let over = (StatusCode::GONE, "The login is over.");
    let (status, words) = match sender.send(brought).await {
        Ok(()) => words.await.unwrap_or(over),
        Err(_) => over,
    };
    Ok(page(status, words))
}

/// Nothing of the request is in it.
fn page(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(words.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}
