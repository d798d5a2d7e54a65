//! Signatures of requests to AWS, and the credentials for them, by `reqsign`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use http::Request;
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner};
use reqsign_core::{Context, Error, FileRead, HttpSend, Signer, StaticEnv};
use tenantry_keys::KeyError;

use crate::identity::Web;
use crate::keys::asking::{Trouble, said, setting};
use crate::keys::surroundings::Surroundings;

/// How long the machine's own service of credentials, or AWS's, may take. It is looked for also where there is none.
const PATIENCE: Duration = Duration::from_secs(2);
const BYTES_MAX: usize = 64 * 1024;
/// Largest file of credentials, in bytes.
const FILE_MAX: u64 = 1024 * 1024;

/// Signs requests.
pub(super) struct Signing(Signer<Credential>);

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing(..)")
    }
}

impl Signing {
    pub(super) fn new(region: &str, surroundings: &Surroundings, place: &str) -> Result<Self, KeyError> {
        let web = Web::within(surroundings.ca(Some("AWS_CA_BUNDLE")).as_deref(), PATIENCE, BYTES_MAX)
            .map_err(|error| setting(place, error.message))?;
        let envs = surroundings.all().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let env = StaticEnv { home_dir: surroundings.home().map(PathBuf::from), envs };
        let context = Context::new().with_file_read(Files).with_http_send(Sends(web)).with_env(env);
        Ok(Self(Signer::new(context, DefaultCredentialProvider::new(), RequestSigner::new("kms", region))))
    }

    /// The headers of a request for an operation.
    pub(super) async fn sign(
        &self,
        endpoint: &str,
        operation: &str,
        body: &[u8],
    ) -> Result<Vec<(String, String)>, Trouble> {
        let request = Request::post(format!("{endpoint}/"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("TrentService.{operation}"))
            .header("x-amz-content-sha256", hex::encode(digest(&SHA256, body)))
            .body(())
            .map_err(|error| Trouble::Passing(error.to_string()))?;
        let mut parts = request.into_parts().0;
        self.0.sign(&mut parts, None).await.map_err(|error| trouble(&error))?;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        // The client sets that of the host itself, and the same.
        let rest = parts.headers.iter().filter(|(name, _)| *name != http::header::HOST);
        Ok(rest.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect())
    }
}

fn trouble(error: &Error) -> Trouble {
    if error.is_retryable() {
        return Trouble::Passing(said(&error.to_string()));
    }
    Trouble::Denied(format!(
        "no credentials of AWS are to be had ({}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a \
         role",
        said(&error.to_string())
    ))
}

/// Reads files of credentials.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let unread = |why: String| Error::config_invalid(format!("`{path}` cannot be read: {why}"));
        let metadata = tokio::fs::metadata(path).await.map_err(|error| unread(error.to_string()))?;
        if metadata.len() > FILE_MAX {
            return Err(unread(format!("it is longer than {FILE_MAX} bytes")));
        }
        tokio::fs::read(path).await.map_err(|error| unread(error.to_string()))
    }
}

/// Asks for credentials over HTTP.
#[derive(Debug)]
struct Sends(Web);

impl HttpSend for Sends {
    async fn http_send(&self, request: Request<bytes::Bytes>) -> reqsign_core::Result<http::Response<bytes::Bytes>> {
        let (parts, body) = request.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<(String, String)> =
            parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let body = (!body.is_empty()).then(|| body.to_vec());
        let answered = self.0.ask(parts.method.as_str(), &parts.uri.to_string(), &headers, body).await;
        // The address of one's own service of credentials may be secret in part, so that it is not repeated.
        let failed = || Error::unexpected("who gives credentials did not answer").set_retryable(true);
        let (status, body) = answered.map_err(|_| failed())?;
        http::Response::builder().status(status).body(body.into()).map_err(|_| failed())
    }
}
