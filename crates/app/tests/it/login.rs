//! Logging in at a real provider, as a person with a browser does.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::api::Up;
use crate::dex::{Dex, PASSWORD};
use crate::folder::until;
use crate::tenantry::Tenantry;

fn document(issuer: &str) -> String {
    format!(
        "issuers:
  - name: dex
    url: {issuer}
    audiences: [tenantry]
    claims: {{ name: email, groups: groups }}
    bindings:
      - {{ group: platform, role: platform-admin }}
"
    )
}

struct Person<'a>(&'a Tenantry);

impl Person<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.0.command();
        command.env("XDG_CONFIG_HOME", self.0.folder.path().join("home")).env_remove("TENANTRY_TOKEN").args(args);
        command
    }

    fn says(&self, args: &[&str]) -> (String, i32) {
        let output = self.command(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code().unwrap())
    }

    /// Begins to log in; the address to go to.
    fn begins(&self, server: &str, issuer: &str) -> (Child, String) {
        let args =
            ["login", "--server", server, "--issuer", issuer, "--client-id", "tenantry", "--no-browser", "-o", "json"];
        let mut child = self.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find(|line| line.trim().starts_with("http")).unwrap().trim().to_owned();
        // What it says afterwards is of no interest, but must be read.
        std::thread::spawn(move || lines.for_each(drop));
        (child, address)
    }

    fn kept(&self) -> (Value, u32) {
        let path = self.0.folder.path().join("home/tenantry/credentials.json");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        (serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap(), mode)
    }
}

fn browser() -> reqwest::Client {
    let tls = tokio_rustls::rustls::ClientConfig::builder_with_provider(
        tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(tokio_rustls::rustls::RootCertStore::empty())
    .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
}

/// Goes to the address, gives name and password, and is sent back.
async fn logs_in(address: &str, name: &str, password: &str) -> String {
    let browser = browser();
    let page = browser.get(address).send().await.unwrap();
    let form = page.url().clone();
    let user = format!("{name}@example.org");
    let answer = browser.post(form).form(&[("login", user.as_str()), ("password", password)]).send().await.unwrap();
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_is_known_stays_known_and_logs_out() {
    let Some(dex) = Dex::start("a_person_logs_in", "61s") else { return };
    let tenantry = Tenantry::new();
    tenantry.write("identities.yaml", &document(&dex.url));
    let up = Up::start_with(&tenantry, &["--identities", "identities.yaml"]);
    let person = Person(&tenantry);
    let (said, code) = person.says(&["whoami", "--server", &up.url]);
    assert!(code == 1 && said.contains("nobody is logged in") && said.contains("tenantry login"), "{said}");

    let (child, address) = person.begins(&up.url, &dex.url);
    let sent: reqwest::Url = address.parse().unwrap();
    let asked = |name: &str| sent.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(asked("code_challenge_method").as_deref(), Some("S256"));
    assert!(asked("nonce").is_some() && asked("state").is_some());
    // Whoever else comes to the place where the browser is waited for is not heard.
    let place = asked("redirect_uri").unwrap();
    for (query, status) in [("?code=x&state=guessed", 400), ("?error=access_denied", 400), ("/../x", 404)] {
        assert_eq!(browser().get(format!("{place}{query}")).send().await.unwrap().status().as_u16(), status, "{query}");
    }
    assert!(logs_in(&address, "ada", "wrong").await.contains("Invalid"));
    assert!(logs_in(&address, "ada", PASSWORD).await.contains("You are logged in"));
    let output = child.wait_with_output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["issuer"], dex.url.as_str());

    let (kept, mode) = person.kept();
    assert_eq!(mode, 0o600);
    let (said, code) = person.says(&["whoami", "--server", &up.url]);
    assert!(code == 0 && said.contains("oidc:dex:ada@example.org") && said.contains("platform-admin"), "{said}");
    assert!(!said.contains("eyJ"), "a token is not shown");
    // It ends soon, and so is made new when it is used.
    until("that the token is made new", || {
        let (said, code) = person.says(&["whoami", "--server", &up.url, "-o", "json"]);
        assert_eq!(code, 0, "{said}");
        person.kept().0["servers"][&up.url]["expires_at"] != kept["servers"][&up.url]["expires_at"]
    });
    // A login to one server is none to another.
    let (said, code) = person.says(&["whoami", "--server", "http://127.0.0.1:9"]);
    assert!(code == 1 && said.contains("nobody is logged in"), "{said}");

    assert!(person.says(&["logout", "--server", &up.url]).0.contains("logged out"));
    let (said, code) = person.says(&["whoami", "--server", &up.url]);
    assert!(code == 1 && said.contains("nobody is logged in"), "{said}");
    assert!(person.says(&["logout", "--server", &up.url]).0.contains("nobody was logged in"));
}

#[test]
fn a_login_that_cannot_come_about_says_why_and_what_to_do() {
    let tenantry = Tenantry::new();
    let person = Person(&tenantry);
    let login = |issuer: &str| person.says(&["login", "--issuer", issuer, "--client-id", "tenantry", "--no-browser"]);
    for (issuer, word) in
        [("http://id.example.org", "neither by https nor on loopback"), ("http://127.0.0.1:9", "did not answer")]
    {
        let (said, code) = login(issuer);
        assert!(code == 1 && said.contains(word) && said.contains("T722"), "{said}");
    }
    let clear = ["login", "--server", "http://tenantry.example.org", "--issuer", "https://a", "--client-id", "x"];
    assert!(person.says(&clear).0.contains("a token is not sent"));
    let folder = tenantry.folder.path().join("home/tenantry");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("credentials.json"), "{ \"servers\": {} }").unwrap();
    std::fs::set_permissions(folder.join("credentials.json"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(person.says(&["whoami"]).0.contains("chmod 600"));
}

#[test]
fn a_document_of_identities_with_problems_keeps_the_server_from_starting() {
    let tenantry = Tenantry::new();
    tenantry.write("identities.yaml", "issuers:\n  - { name: a, url: 'http://id.example.org', audiences: [x] }\n");
    tenantry.write("kubeconfig", crate::folder::NOBODY);
    let up = "up --mode observe --kubeconfig kubeconfig --listen 127.0.0.1:0 --log error --identities identities.yaml";
    let said = tenantry.says(up);
    assert!(said.contains("identities.yaml:2:") && said.contains("issuers[0].url") && said.contains("T720"), "{said}");
    tenantry.write("identities.yaml", "certificates:\n  bindings: [{ common_name: ci, role: operator }]\n");
    let said = tenantry.says(up);
    assert!(said.contains("--tls-client-ca") && said.contains("T721"), "{said}");
}

#[test]
fn the_documented_example_is_one() {
    let text = include_str!("../../../../docs/identity.md");
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let whole: Vec<&str> = blocks.filter(|block| block.starts_with("# identities.yaml")).collect();
    assert!(whole.len() > 3, "the page has examples");
    for (number, block) in whole.into_iter().enumerate() {
        let read = tenantry_engine::access::identity::Declared::read(&format!("example {number}"), block);
        read.unwrap_or_else(|problems| panic!("{problems}"));
    }
}
