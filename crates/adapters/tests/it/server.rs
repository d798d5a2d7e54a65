//! A small HTTP server on loopback that says what a test tells it to.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Makes the raw response to the request of a number (from 0) with its head and body; `None` never answers.
type Reply = dyn Fn(usize, &str) -> Option<String> + Send + Sync;

/// The server; it ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(reply: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(reply)).await
    }

    pub(crate) async fn start_tls(
        tls: tokio_rustls::TlsAcceptor,
        reply: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(tls), Arc::new(reply)).await
    }

    async fn listen(tls: Option<tokio_rustls::TlsAcceptor>, reply: Arc<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, log, reply) = (tls.clone(), Arc::clone(&log), Arc::clone(&reply));
                connections.spawn(async move {
                    // What a client breaks off is part of the tests.
                    let _ = match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &log, &*reply).await,
                            Err(error) => Err(error),
                        },
                        None => serve(stream, &log, &*reply).await,
                    };
                });
            }
        });
        Self { address, seen, task }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    log: &Mutex<Vec<String>>,
    reply: &Reply,
) -> io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            body.len() >= length.parse::<usize>().unwrap()
        });
        if whole || count == 0 {
            break;
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    match reply(number, &request) {
        Some(response) => {
            stream.write_all(response.as_bytes()).await?;
            stream.shutdown().await
        }
        None => std::future::pending().await,
    }
}

/// A response with a status, more header lines, and a body.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// An answer with these elements.
pub(crate) fn vector(elements: &str) -> String {
    let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{elements}]}}}}"#);
    response("200 OK", "content-type: application/json\r\n", &body)
}
