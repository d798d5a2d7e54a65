//! Stands between a controller and the real API server, and does to its answers what networks and load do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tenantry_operator::{Connection, Options};
use tokio::task::JoinSet;

/// What it does to answers.
#[derive(Default)]
pub(crate) struct Faults {
    /// Writes to be refused for being too many.
    pub(crate) throttled: AtomicU32,
    /// Writes whose acknowledgement gets lost.
    pub(crate) lost: AtomicU32,
    /// Whether nothing answers.
    pub(crate) down: AtomicBool,
    /// Whether there is no metrics API.
    pub(crate) unmeasured: AtomicBool,
    /// Whether pods cannot be resized, as before Kubernetes 1.33.
    pub(crate) unresizable: AtomicBool,
    /// Watches to be told that their version is too old.
    pub(crate) gone: AtomicU32,
}

pub(crate) struct Proxy {
    pub(crate) faults: Arc<Faults>,
    open: Arc<Mutex<JoinSet<()>>>,
    listening: tokio::task::JoinHandle<()>,
    folder: tempfile::TempDir,
}

type Answer = Response<Either<Full<Bytes>, Body>>;

fn take(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn said(code: u16, text: String) -> Answer {
    let body = Either::Left(Full::new(Bytes::from(text)));
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}

async fn answer(client: Client, faults: Arc<Faults>, request: Request<Incoming>) -> Result<Answer, kube::Error> {
    let refused = || kube::Error::Service("the network is down".into());
    if faults.down.load(Ordering::SeqCst) {
        return Err(refused());
    }
    let writes = request.method() == Method::PATCH;
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let status = |code: u16, reason: &str| json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code });
    if writes && take(&faults.throttled) {
        return Ok(said(429, status(429, "TooManyRequests").to_string()));
    }
    if watches && take(&faults.gone) {
        return Ok(said(200, format!("{}\n", json!({ "type": "ERROR", "object": status(410, "Expired") }))));
    }
    if faults.unmeasured.load(Ordering::SeqCst) && request.uri().path().starts_with("/apis/metrics.k8s.io") {
        return Ok(said(404, status(404, "NotFound").to_string()));
    }
    if faults.unresizable.load(Ordering::SeqCst) && request.uri().path().ends_with("/resize") {
        return Ok(said(404, status(404, "NotFound").to_string()));
    }
    let (mut parts, body) = request.into_parts();
    parts.headers.remove("host");
    let body = body.collect().await.map_err(|error| kube::Error::Service(error.into()))?.to_bytes();
    let answer = client.send(Request::from_parts(parts, Body::from(body.to_vec()))).await?;
    if writes && answer.status().is_success() && take(&faults.lost) {
        // The API server has done it; nobody hears of it.
        return Err(refused());
    }
    Ok(answer.map(Either::Right))
}

impl Proxy {
    pub(crate) async fn start(client: Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let faults = Arc::new(Faults::default());
        let open = Arc::new(Mutex::new(JoinSet::new()));
        let (known, served) = (Arc::clone(&faults), Arc::clone(&open));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (client, faults) = (client.clone(), Arc::clone(&known));
                let serve = service_fn(move |request| answer(client.clone(), Arc::clone(&faults), request));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve);
                served.lock().unwrap().spawn(async move { drop(connection.await) });
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{ "name": "proxy", "cluster": { "server": format!("http://{address}") } }],
            "users": [{ "name": "proxy", "user": {} }],
            "contexts": [{ "name": "proxy", "context": { "cluster": "proxy", "user": "proxy" } }]
        });
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
        Self { faults, open, listening, folder }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let kubeconfig: PathBuf = self.folder.path().join("kubeconfig");
        let timeout = Duration::from_secs(5);
        Connection::open(&Options { kubeconfig: Some(kubeconfig), timeout, ..Options::default() }).await.unwrap()
    }

    /// Breaks every connection that is open.
    pub(crate) fn cut(&self) {
        self.open.lock().unwrap().abort_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
