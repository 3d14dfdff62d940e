//! Signing in elsewhere, with a provider of our own on this machine that says whatever a test wants.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use server::config::Oidc;
use tempfile::TempDir;

use crate::support::{Answer, Server};

/// What the provider answers at its token endpoint, and what it was asked there.
#[derive(Default)]
struct Plan {
    token: String,
    asked: HashMap<String, String>,
}

struct Provider {
    url: String,
    key: Vec<u8>,
    plan: Arc<Mutex<Plan>>,
}

impl Provider {
    fn start() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap().as_ref().to_vec();
        let public = Ed25519KeyPair::from_pkcs8(&key).unwrap().public_key().as_ref().to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let (own, shared) = (url.clone(), Arc::clone(&plan));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut length) = (String::new(), 0);
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let answer = match first.split(' ').nth(1).unwrap() {
                    "/.well-known/openid-configuration" => {
                        json!({ "issuer": own, "authorization_endpoint": format!("{own}/authorize"),
                        "token_endpoint": format!("{own}/token"), "jwks_uri": format!("{own}/keys") })
                    }
                    "/keys" => {
                        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig",
                        "x": URL_SAFE_NO_PAD.encode(&public) }] })
                    }
                    _ => {
                        let mut plan = shared.lock().unwrap();
                        plan.asked = form_urlencoded::parse(&body).into_owned().collect();
                        json!({ "access_token": "a", "token_type": "Bearer", "id_token": plan.token })
                    }
                };
                let answer = answer.to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
            }
        });
        Self { url, key, plan }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&self.key)).unwrap()
    }
}

/// The server, with rules for the provider's groups.
fn serve(provider: &Provider) -> Server {
    let file = format!(
        "issuer = \"{}\"\nclient_id = \"tawny\"\nurl = \"http://tawny.example\"\n[[role]]\nclaim = \"groups\"\nvalue = \"sre\"\nproject = \"*\"\nrole = \"admin\"",
        provider.url
    );
    let oidc = Oidc::parse(&file).unwrap();
    Server::configured(TempDir::new().unwrap(), |settings| settings.oidc = Some(oidc))
}

fn get(server: &Server, path: &str, cookie: &str) -> Answer {
    // Redirects are the browser's to follow.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .into();
    let response = agent.get(format!("{}{path}", server.http)).header("cookie", cookie).call().unwrap();
    let (head, body) = response.into_parts();
    Answer { status: head.status.as_u16(), headers: head.headers, body: body.into_with_config().read_to_vec().unwrap() }
}

/// Begins a sign-in: what the provider is told, and the browser's cookie.
fn begin(server: &Server) -> (HashMap<String, String>, String) {
    let sent = get(server, "/api/v1/login/oidc", "");
    assert_eq!(sent.status, 303, "{}", sent.text());
    let query = sent.header("location").split_once('?').unwrap().1.to_owned();
    let told = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    (told, sent.header("set-cookie").split(';').next().unwrap().to_owned())
}

fn claims(provider: &Provider, nonce: &str) -> Value {
    let soon = server::SystemClock::time().as_nanos() / 1_000_000_000 + 300;
    json!({ "iss": provider.url, "aud": "tawny", "sub": "17", "exp": soon, "nonce": nonce, "email": "jane@shop.example",
        "email_verified": true, "groups": ["sre"] })
}

#[test]
fn somebody_the_provider_vouches_for_signs_in_and_gets_the_role_of_their_group() {
    let provider = Provider::start();
    let server = serve(&provider);
    assert_eq!(get(&server, "/api/v1/login", "").ok().json(), json!({ "oidc": true }));
    let (told, cookie) = begin(&server);
    assert_eq!((told["client_id"].as_str(), told["code_challenge_method"].as_str()), ("tawny", "S256"));
    assert_eq!(told["redirect_uri"], "http://tawny.example/api/v1/login/oidc/callback");
    provider.plan.lock().unwrap().token = provider.sign(&claims(&provider, &told["nonce"]));
    let back = format!("/api/v1/login/oidc/callback?code=c-1&state={}", told["state"]);
    assert_eq!(get(&server, &back, "tawny_oidc=another").status, 401, "another browser's");
    let signed = get(&server, &back, &cookie);
    assert_eq!((signed.status, signed.header("location")), (303, "/"), "{}", signed.text());
    let asked = provider.plan.lock().unwrap().asked.clone();
    let digest = ring::digest::digest(&ring::digest::SHA256, asked["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), told["code_challenge"]);
    let session = signed.headers.get_all("set-cookie").iter().find_map(|value| {
        let value = value.to_str().unwrap();
        value.starts_with("tawny_session=").then(|| value.split(';').next().unwrap().to_owned())
    });
    let me = get(&server, "/api/v1/me", &session.unwrap()).ok().json();
    assert_eq!((&me["who"], &me["rights"][4]), (&json!("user:jane@shop.example"), &json!("admin")));
    assert_eq!(get(&server, &back, &cookie).status, 401, "a code is for once");
}

#[test]
fn a_token_that_is_not_the_providers_for_us_now_and_of_this_sign_in_opens_nothing() {
    let provider = Provider::start();
    let server = serve(&provider);
    let stranger = Provider {
        key: Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap().as_ref().to_vec(),
        ..Provider::start()
    };
    let with = |name: &'static str, value: Value| {
        move |mut claims: Value| {
            claims[name] = value.clone();
            claims
        }
    };
    type Change = Box<dyn Fn(Value) -> Value>;
    let changes: Vec<(&str, Change)> = vec![
        ("for another", Box::new(with("aud", json!("another")))),
        ("of another", Box::new(with("iss", json!("https://evil.example")))),
        ("over", Box::new(with("exp", json!(1_000_000_000)))),
        ("of another sign-in", Box::new(with("nonce", json!("another")))),
        ("without a group", Box::new(with("groups", json!(["cooks"])))),
        ("not verified", Box::new(with("email_verified", json!(false)))),
    ];
    let try_with = |token: &dyn Fn(&str) -> String| {
        let (told, cookie) = begin(&server);
        provider.plan.lock().unwrap().token = token(&told["nonce"]);
        get(&server, &format!("/api/v1/login/oidc/callback?code=c&state={}", told["state"]), &cookie)
    };
    for (what, change) in changes {
        let answer = try_with(&|nonce| provider.sign(&change(claims(&provider, nonce))));
        assert!(answer.status == 401 && answer.header("set-cookie").is_empty(), "{what}: {}", answer.text());
    }
    assert_eq!(try_with(&|nonce| stranger.sign(&claims(&provider, nonce))).status, 401, "signed by a stranger");
    // No signature at all, and one with what everybody knows.
    let plain = |header: &str, nonce: &str| {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", part(header.to_owned()), part(claims(&provider, nonce).to_string()))
    };
    assert_eq!(try_with(&|nonce| plain(r#"{"alg":"none"}"#, nonce)).status, 401);
    assert_eq!(try_with(&|nonce| plain(r#"{"alg":"HS256","kid":"k1"}"#, nonce)).status, 401);
    assert_eq!(get(&server, "/api/v1/users", "").ok().json()["users"], json!([]), "nobody was made");
}
