use super::*;

/// Servers as a settings file and flags together name them.
fn read(yaml: &str) -> anyhow::Result<Vec<Settings>> {
    let up: Up = serde_saphyr::from_str(yaml)?;
    servers(&up)?.iter().map(Server::settings).collect()
}

fn wrong(yaml: &str) -> String {
    read(yaml).unwrap_err().to_string()
}

const BOTH: &str = "
prometheus_token_file: flag.token
prometheus_header: [X-Scope-OrgID=all]
prometheus:
  - http://prometheus:9090
  - name: eu
    url: https://prom-eu:9090
    token_file: eu.token
    ca: eu.pem
    headers: { X-Scope-OrgID: team }
  - { name: us, url: 'https://prom-us:9090', user: tenantry, password_file: us.password, cert: us.pem, key: us.key }
  - { url: 'http://open:9090' }
";

#[test]
fn each_server_is_shown_what_is_its_own_and_nothing_else() {
    let found = read(BOTH).unwrap();
    let names: Vec<(&str, &str)> = found.iter().map(|one| (one.name.as_str(), one.url.as_str())).collect();
    assert_eq!(
        names,
        [
            ("prometheus", "http://prometheus:9090"),
            ("eu", "https://prom-eu:9090"),
            ("us", "https://prom-us:9090"),
            ("prometheus", "http://open:9090"),
        ]
    );
    let bearer = |file: &str| Auth::Bearer { token: Secret::File(file.into()) };
    let header = |value: &str| vec![("X-Scope-OrgID".to_owned(), Hidden::new(value))];
    assert_eq!((&found[0].auth, &found[0].headers), (&bearer("flag.token"), &header("all")));
    assert_eq!((&found[1].auth, &found[1].headers), (&bearer("eu.token"), &header("team")));
    assert_eq!(found[1].ca, Some("eu.pem".into()));
    let password = Secret::File("us.password".into());
    assert_eq!(found[2].auth, Auth::Basic { user: "tenantry".to_owned(), password });
    assert_eq!(found[2].client, Some(ClientCertificate { certificate: "us.pem".into(), key: "us.key".into() }));
    assert_eq!((&found[3].auth, found[3].headers.len(), &found[3].client), (&Auth::None, 0, &None));
}

#[test]
fn what_is_wrong_with_a_server_is_named() {
    let unknown = wrong("prometheus: [{ url: 'http://a', tokenfile: x }]");
    assert!(unknown.contains("tokenfile") && unknown.contains("token_file"), "{unknown}");
    assert!(wrong("prometheus: [{ name: eu }]").contains("url"));
    assert!(wrong("prometheus: [nowhere]").contains("NAME=http://HOST:PORT"));
    assert!(wrong("prometheus: [7]").contains("settings of its own"));
    assert!(wrong("prometheus: [{ url: 'http://a', name: eu, user: ada }]").contains("`eu` is shown either a token"));
    assert!(wrong("prometheus: [{ url: 'http://a', cert: c.pem }]").contains("come together"));
    assert!(wrong("prometheus_header: [X]\nprometheus: ['http://a']").contains("NAME=VALUE"));
}

#[test]
fn a_servers_secrets_are_not_printed() {
    let up: Up = serde_saphyr::from_str("prometheus: [{ url: 'http://a', headers: { X-Key: hush } }]").unwrap();
    assert!(!format!("{:?}", servers(&up).unwrap()).contains("hush"));
}
