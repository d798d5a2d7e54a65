//! Where backups are kept: a folder, or the object storage of Amazon S3 and what speaks its protocol, Google or Azure.
//!
//! How to log in comes from the environment, under the names that the vendors' own tools use (`AWS_ACCESS_KEY_ID`,
//! `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` and so on), or from the machine that the program runs on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, Error, ObjectStore, ObjectStoreScheme, RetryConfig};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use thiserror::Error;
use url::Url;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(10);
/// Times that a request is made again, and for how long at most, where that may help.
const AGAIN_MAX: usize = 5;
const AGAIN_FOR: Duration = Duration::from_secs(90);

/// Why a place for backups cannot be used.
#[derive(Debug, Error)]
#[error("backups cannot be kept at {place}: {message}")]
pub struct NoPlace {
    place: String,
    message: String,
}

impl NoPlace {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "T1101"
    }
}

/// A place that is ready.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What holds the objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Under which name in there.
    pub root: object_store::path::Path,
    /// What it is called, without anything secret.
    pub said: String,
}

/// Opens a folder, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. With `make`, a folder that is not
/// there is made, for its owner only. Nothing is asked of a server yet.
///
/// # Errors
/// [`NoPlace`] says what to write instead, or what is missing in the environment.
pub fn open(place: &str, make: bool) -> Result<Opened, NoPlace> {
    let path = place.strip_prefix("file://").unwrap_or(place);
    if !path.contains("://") {
        return folder(Path::new(path), make);
    }
    let url: Url = place.parse().map_err(|_| unknown(place))?;
    // An address may come with what is secret.
    let said = format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    let said = said.trim_end_matches('/').to_owned();
    let failed = |error: Error| NoPlace { place: said.clone(), message: error.to_string() };
    if !matches!(url.scheme(), "s3" | "gs" | "az") || url.host_str().is_none_or(str::is_empty) {
        return Err(unknown(&said));
    }
    let (scheme, root) = ObjectStoreScheme::parse(&url).map_err(|_| unknown(&said))?;
    let retry = RetryConfig { max_retries: AGAIN_MAX, retry_timeout: AGAIN_FOR, backoff: BackoffConfig::default() };
    let objects: Arc<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::from_env().with_url(url).with_retry(retry).with_http_connector(Web);
            Arc::new(builder.build().map_err(failed)?)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder =
                GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retry).with_http_connector(Web);
            Arc::new(builder.build().map_err(failed)?)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retry).with_http_connector(Web);
            Arc::new(builder.build().map_err(failed)?)
        }
        _ => return Err(unknown(&said)),
    };
    Ok(Opened { objects, root, said })
}

fn unknown(place: &str) -> NoPlace {
    let message = "name a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX".to_owned();
    NoPlace { place: place.to_owned(), message }
}

fn folder(path: &Path, make: bool) -> Result<Opened, NoPlace> {
    let said = path.display().to_string();
    let failed = |message: String| NoPlace { place: said.clone(), message };
    if path.as_os_str().is_empty() {
        return Err(unknown("(nothing)"));
    }
    if make {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|error| failed(error.to_string()))?;
        sweep(path, 0);
    }
    if !path.is_dir() {
        return Err(failed("there is no such folder; check its name, and whether its disk is mounted".to_owned()));
    }
    let objects = LocalFileSystem::new_with_prefix(path).map_err(|error| failed(error.to_string()))?;
    // What is acknowledged is on the disk.
    let objects = objects.with_fsync(true).with_automatic_cleanup(true);
    Ok(Opened { objects: Arc::new(objects), root: object_store::path::Path::default(), said })
}

/// Folders of an archive lie so deep.
const DEPTH_MAX: u32 = 4;
/// What is being written is not older.
const LEFT_AFTER: Duration = Duration::from_secs(3600);

/// Removes what was being written, under a name of its own, by a program that was killed. What cannot be removed stays.
fn sweep(folder: &Path, depth: u32) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() && depth < DEPTH_MAX {
            sweep(&entry.path(), depth + 1);
            continue;
        }
        let name = entry.file_name();
        // As the library names them.
        let number = name.to_str().and_then(|name| name.rsplit_once('#')).map_or("", |(_, number)| number);
        let is_draft = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_old = metadata.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > LEFT_AFTER);
        if metadata.is_file() && is_draft && is_old {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Connects with the TLS of the whole program, and the authorities that the system trusts.
#[derive(Debug)]
struct Web;

impl HttpConnector for Web {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Generic { store: "HTTP", source };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| failed(error.into()))?
            .with_no_client_auth();
        // In clear text only where that is asked for (`AWS_ALLOW_HTTP`), or to the machine's own service of credentials.
        let clear = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(!clear)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECTING)
            .timeout(PATIENCE)
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(HttpClient::new).map_err(|error| failed(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_told_without_what_is_secret() {
        let said = |place: &str| open(place, false).map(|opened| (opened.said, opened.root.to_string()));
        for (place, root) in [("s3://bucket/a/b", "a/b"), ("gs://bucket", ""), ("az://container/x/", "x")] {
            match said(place) {
                Ok((told, under)) => assert_eq!((told.as_str(), under.as_str()), (place.trim_end_matches('/'), root)),
                // Google's and Azure's want to know whom to log in as.
                Err(error) => assert!(!place.starts_with("s3"), "{error}"),
            }
        }
        for wrong in ["ftp://host/x", "s3:///x", "https://example.org/x", "", "memory:///", "/no/such/folder"] {
            let error = said(wrong).unwrap_err();
            assert!(error.to_string().contains("backups cannot be kept at"), "{error}");
        }
        let secret = said("ftp://user:hush@host/x?sig=hush").unwrap_err().to_string();
        assert!(!secret.contains("hush"), "{secret}");
    }

    #[test]
    fn a_folder_is_made_for_its_owner_only_and_only_where_that_is_asked() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let place = path.display().to_string();
        assert!(open(&place, false).unwrap_err().to_string().contains("no such folder"));
        assert_eq!(open(&place, true).unwrap().said, place);
        assert!(open(&format!("file://{place}"), false).is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn what_a_killed_program_was_writing_goes_when_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("chunks/k/ab");
        std::fs::create_dir_all(&deep).unwrap();
        let old = std::time::SystemTime::now() - Duration::from_secs(7200);
        for (name, is_old) in [("ab#1", true), ("ab#2", false), ("ab", true), ("ab#", true), ("a#b", true)] {
            let file = std::fs::File::create(deep.join(name)).unwrap();
            if is_old {
                file.set_modified(old).unwrap();
            }
        }
        open(&folder.path().display().to_string(), true).unwrap();
        let mut left: Vec<String> = std::fs::read_dir(&deep)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, ["a#b", "ab", "ab#", "ab#2"]);
    }
}
