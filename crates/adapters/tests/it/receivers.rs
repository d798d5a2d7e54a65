//! Receivers of audit logs over real sockets and files.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tenantry_adapters::audit::{FileReceiver, Syslog, Webhook};
use tenantry_audit::{Entry, Form, Outcome, Told, webhook_signature};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::receiver::Receiver;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        AT
    }
}

fn told(seqs: std::ops::Range<u64>) -> Vec<Told> {
    let entry = |seq| Entry {
        action: "config.revise".into(),
        actor: "user:ada".into(),
        after: None,
        at: AT,
        before: None,
        detail: None,
        from: None,
        outcome: Outcome::Done,
        policies: Vec::new(),
        reason: format!("größer {seq}"),
        request: None,
        resource: "tenant/acme".into(),
        seq,
        tenant: Some(TenantId::new("acme").unwrap()),
    };
    seqs.map(|seq| Told {
        origin: "t/audit/tenant/acme".into(),
        entry: entry(seq),
        hash: "00".repeat(32),
        detail: None,
    })
    .collect()
}

#[tokio::test]
async fn a_file_has_whole_lines_whatever_broke_off_in_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.jsonl");
    let file = FileReceiver::new(path.clone(), Form::Json);
    file.deliver(&told(0..2)).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 10]).unwrap();
    file.deliver(&told(1..3)).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let whole: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let seqs: Vec<_> = whole.iter().map(|line| line["entry"]["seq"].as_u64().unwrap()).collect();
    assert_eq!((seqs, text.lines().count()), (vec![0, 1, 2], 4));
    // Moved away by a collector, it is begun anew.
    std::fs::rename(&path, folder.path().join("old")).unwrap();
    file.deliver(&told(3..4)).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    let nowhere = FileReceiver::new(folder.path().join("no/such"), Form::Json);
    assert!(nowhere.deliver(&told(0..1)).await.unwrap_err().message.contains("no/such"));
}

/// The messages in frames that count their octets.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let (message, rest) = bytes[space + 1..].split_at(length);
        messages.push(String::from_utf8(message.to_vec()).unwrap());
        bytes = rest;
    }
    messages
}

#[tokio::test]
async fn syslog_is_acknowledged_by_who_has_read_all_of_it_and_by_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let syslog = Syslog::plain("127.0.0.1", port, "host", Form::Ocsf);
    let read = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        frames(&all)
    };
    let batch = told(0..3);
    let (sent, messages) = tokio::join!(syslog.deliver(&batch), read);
    sent.unwrap();
    assert_eq!(messages.len(), 3);
    for (seq, message) in messages.iter().enumerate() {
        assert!(message.starts_with("<110>1 2027-01-15T08:00:00Z host tenantry - config.revise - {"), "{message}");
        let event: serde_json::Value = serde_json::from_str(&message[message.find('{').unwrap()..]).unwrap();
        assert_eq!((&event["class_uid"], &event["metadata"]["sequence"]), (&3004.into(), &seq.into()));
    }
    // One that breaks off with something unread has not acknowledged.
    let big = told(0..200);
    let broken = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0; 10];
        stream.read_exact(&mut some).await.unwrap();
        drop(stream);
    };
    let (sent, ()) = tokio::join!(syslog.deliver(&big), broken);
    sent.unwrap_err();
    drop(listener);
    assert!(syslog.deliver(&batch).await.unwrap_err().message.contains("127.0.0.1"));
}

#[tokio::test]
async fn syslog_over_tls_trusts_the_named_authority_alone() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certified.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let syslog = Syslog::secured("localhost", port, "host", Form::Ocsf, Some(&ca)).unwrap();
    let read = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.shutdown().await.unwrap();
        frames(&all).len()
    };
    let batch = told(0..3);
    let (sent, count) = tokio::join!(syslog.deliver(&batch), read);
    sent.unwrap();
    assert_eq!(count, 3);
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&ca, other.cert.pem()).unwrap();
    let stranger = Syslog::secured("localhost", port, "host", Form::Ocsf, Some(&ca)).unwrap();
    let refuse = async {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.map(drop).unwrap_err();
    };
    let (sent, ()) = tokio::join!(stranger.deliver(&batch), refuse);
    sent.unwrap_err();
}

/// Reads one request and answers it; gives its head and body.
async fn answer(listener: &TcpListener, status: &str) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (head, body) = request(&mut stream).await;
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    (head, body)
}

async fn request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        all.extend_from_slice(&buffer[..count]);
        let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let length: usize = length.unwrap();
        while all.len() < end + 4 + length {
            let count = stream.read(&mut buffer).await.unwrap();
            all.extend_from_slice(&buffer[..count]);
        }
        return (head, all.split_off(end + 4));
    }
}

#[tokio::test]
async fn a_webhook_is_signed_and_delivered_when_it_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?key=secret", listener.local_addr().unwrap());
    let secret = vec![7; 32];
    let hook = Webhook::new(&url, secret.clone(), Form::CloudEvents, None, Box::new(Still)).unwrap();
    let batch = told(0..3);
    let (sent, (head, body)) = tokio::join!(hook.deliver(&batch), answer(&listener, "204 No Content"));
    sent.unwrap();
    let header = |name: &str| {
        let found = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("{name} in {head}")).to_owned()
    };
    assert!(head.starts_with("POST /hook?key=secret "), "{head}");
    assert_eq!(header("content-type"), "application/cloudevents-batch+json");
    let seconds: i64 = header("webhook-timestamp").parse().unwrap();
    assert_eq!(header("webhook-signature"), webhook_signature(&secret, &header("webhook-id"), seconds, &body));
    let events: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let ids: Vec<_> = events.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["0", "1", "2"]);
    // The same batch has the same id, whenever it comes.
    let (sent, (again, _)) = tokio::join!(hook.deliver(&batch), answer(&listener, "500 Oh"));
    assert!(sent.unwrap_err().message.contains("500"));
    assert!(again.contains(&header("webhook-id")));
    let (sent, _) = tokio::join!(hook.deliver(&batch), answer(&listener, "503 Later\r\nretry-after: 7"));
    assert_eq!(sent.unwrap_err().again_after, Some(7));
    let (sent, _) =
        tokio::join!(hook.deliver(&batch), answer(&listener, "302 Elsewhere\r\nlocation: http://127.0.0.1:1/"));
    sent.unwrap_err();
    // One that dies in the midst has not acknowledged; neither has one that is not there, and its address is not told.
    let dies = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        drop(stream);
    };
    let (sent, ()) = tokio::join!(hook.deliver(&batch), dies);
    sent.unwrap_err();
    drop(listener);
    let away = hook.deliver(&batch).await.unwrap_err();
    assert!(!away.message.contains("secret"), "{away}");
}

#[tokio::test]
async fn a_large_batch_comes_in_several_requests_and_not_at_all_where_one_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let hook = Webhook::new(&url, vec![7; 32], Form::CloudEvents, None, Box::new(Still)).unwrap();
    let mut batch = told(0..20);
    batch.iter_mut().for_each(|told| told.entry.reason = "x".repeat(60_000));
    let counts = Arc::new(Mutex::new(Vec::new()));
    let (count, receive) = (Arc::clone(&counts), async {
        for status in ["200 OK", "500 Oh"] {
            let (_, body) = answer(&listener, status).await;
            let events: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
            counts.lock().unwrap().push(events.len());
        }
    });
    let (sent, ()) = tokio::join!(hook.deliver(&batch), receive);
    sent.unwrap_err();
    assert!(count.lock().unwrap().iter().all(|count| (1..20).contains(count)), "{count:?}");
}
