//! Signing in elsewhere: OpenID Connect with the authorization code flow and PKCE.
//!
//! The provider is found by its issuer (discovery), its tokens are checked against its keys (JWKS), and what it says of a person
//! becomes roles by the rules of a file. Nothing of the provider is kept but issuer and subject.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use access::Role;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use model::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// How long somebody may take at the provider, in nanoseconds: ten minutes.
pub const PATIENCE: i64 = 600 * 1_000_000_000;
/// People who may be on their way at once; the longest gone make room.
const ON_THEIR_WAY_MAX: usize = 1_000;
/// How long what the provider says of itself is believed, in nanoseconds: an hour.
const BELIEVED: i64 = 3_600 * 1_000_000_000;
/// Bytes of an answer of the provider that are read.
const ANSWER_MAX: usize = 1 << 20;
/// Signatures that are accepted: with keys the provider alone has.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The file: who vouches for people, and what they may do.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider, as its tokens name it: `https://login.example`.
    pub issuer: String,
    /// How the provider calls this server.
    pub client_id: String,
    /// The secret it gave, where it gave one.
    #[serde(skip)]
    pub client_secret: Option<String>,
    /// A file with that secret.
    pub client_secret_file: Option<std::path::PathBuf>,
    /// Where browsers reach this server: `https://tawny.example`.
    pub url: String,
    /// What is asked for.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// The claim that becomes the name.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// Who may do what.
    #[serde(default)]
    pub role: Vec<RoleRule>,
}

impl std::fmt::Debug for Oidc {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.client_id, self.issuer)
    }
}

/// A role for those of whom the provider says something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// The claim: `groups`, `email`.
    pub claim: String,
    /// What it has to be or hold; `*` at the beginning stands for anything before.
    pub value: String,
    /// In which project; `*` for all.
    pub project: String,
    /// viewer, responder, editor or admin.
    pub role: String,
}

fn scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).into()
}

fn name_claim() -> String {
    "email".into()
}

/// Why somebody cannot sign in, or the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The file.
    #[error("{0}")]
    File(String),
    /// The provider does not answer, or not as it should.
    #[error("the provider {issuer} cannot be asked: {problem}")]
    Provider {
        /// Its name.
        issuer: String,
        /// What is wrong.
        problem: String,
    },
    /// The answer is not one to a question of this browser.
    #[error("this sign-in was not begun here, or too long ago: begin again")]
    Stranger,
    /// The token is not good.
    #[error("the provider's token cannot be used: {0}")]
    Token(String),
    /// Nobody lets this person in.
    #[error("{0}")]
    NotAllowed(String),
}

impl Oidc {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, OidcError> {
        let mut oidc: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            // Without the line itself: a secret that was written there must not be in a log.
            OidcError::File(format!("line {line}: {}", error.message().lines().collect::<Vec<_>>().join(", ")))
        })?;
        oidc.issuer = oidc.issuer.trim_end_matches('/').to_owned();
        oidc.url = oidc.url.trim_end_matches('/').to_owned();
        let plain = |url: &str| {
            url.starts_with("http://127.0.0.1")
                || url.starts_with("http://localhost")
                || url.starts_with("http://[::1]")
        };
        if !oidc.issuer.starts_with("https://") && !plain(&oidc.issuer) {
            return Err(OidcError::File("`issuer` is an https:// URL: tokens over plain HTTP prove nothing".into()));
        }
        if oidc.role.is_empty() {
            return Err(OidcError::File(
                "nobody would have a role: write [[role]] with claim, value, project and role".into(),
            ));
        }
        for rule in &oidc.role {
            rule.role.parse::<Role>().map_err(|error| OidcError::File(error.to_string()))?;
        }
        if let Some(path) = &oidc.client_secret_file {
            let secret = std::fs::read_to_string(path)
                .map_err(|error| OidcError::File(format!("cannot read {}: {error}", path.display())))?;
            oidc.client_secret = Some(secret.trim().to_owned());
        }
        Ok(oidc)
    }

    /// Name and roles of the person a token is about.
    fn person(&self, claims: &Value) -> Result<(String, Vec<(String, Role)>), OidcError> {
        if self.name_claim == "email" && claims.get("email_verified") == Some(&Value::Bool(false)) {
            return Err(OidcError::NotAllowed("the provider has not verified the e-mail address".into()));
        }
        let name = claims.get(&self.name_claim).and_then(Value::as_str).filter(|name| access::is_name(name));
        let name = name.ok_or_else(|| {
            OidcError::NotAllowed(format!(
                "the claim `{}` is no name: letters, digits, `-`, `_`, `.` and `@`, up to {}",
                self.name_claim,
                access::MAX_NAME
            ))
        })?;
        let fits = |wanted: &str, found: &str| match wanted.strip_prefix('*') {
            Some(end) => found.ends_with(end),
            None => found == wanted,
        };
        let holds = |rule: &&RoleRule| match claims.get(&rule.claim) {
            Some(Value::String(text)) => fits(&rule.value, text),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(|text| fits(&rule.value, text)),
            _ => false,
        };
        // Of several rules for a project the strongest role counts.
        let mut roles: BTreeMap<String, Role> = BTreeMap::new();
        for rule in self.role.iter().filter(holds) {
            if let Ok(role) = rule.role.parse::<Role>() {
                roles.entry(rule.project.clone()).and_modify(|known| *known = (*known).max(role)).or_insert(role);
            }
        }
        if roles.is_empty() {
            return Err(OidcError::NotAllowed("no rule gives this person a role: ask an administrator".into()));
        }
        Ok((name.to_owned(), roles.into_iter().collect()))
    }
}

/// Somebody who was sent to the provider.
struct OnTheWay {
    verifier: String,
    nonce: String,
    until: Timestamp,
}

#[derive(Clone, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

/// The way in by a provider.
pub struct OidcDoor {
    settings: Oidc,
    http: reqwest::Client,
    on_the_way: Mutex<HashMap<String, OnTheWay>>,
    provider: tokio::sync::Mutex<Option<(Discovered, JwkSet, Timestamp)>>,
}

impl OidcDoor {
    /// A door by a file's settings, which asks the provider through `http`.
    pub fn new(settings: Oidc, http: reqwest::Client) -> Self {
        Self { settings, http, on_the_way: Mutex::default(), provider: tokio::sync::Mutex::default() }
    }

    /// Where browsers come back to.
    fn callback(&self) -> String {
        format!("{}/api/v1/login/oidc/callback", self.settings.url)
    }

    /// The address to send a browser to, and the state that its cookie has to show when it comes back.
    ///
    /// # Errors
    /// When the provider does not say where that is.
    pub async fn begin(&self, random: [[u8; 32]; 3], now: Timestamp) -> Result<(String, String), OidcError> {
        let provider = self.provider(now, None).await?.0;
        let [state, nonce, verifier] = random.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let challenge = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()));
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.callback())
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let mut waiting = self.on_the_way.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, one| one.until > now);
        if waiting.len() >= ON_THEIR_WAY_MAX
            && let Some(longest) = waiting.iter().min_by_key(|(_, one)| one.until).map(|(state, _)| state.clone())
        {
            waiting.remove(&longest);
        }
        waiting.insert(state.clone(), OnTheWay { verifier, nonce, until: now.plus_nanos(PATIENCE) });
        let join = if provider.authorization_endpoint.contains('?') { '&' } else { '?' };
        Ok((format!("{}{join}{query}", provider.authorization_endpoint), state))
    }

    /// Who comes back with a code: identity, name and roles.
    ///
    /// # Errors
    /// When the browser did not begin here, the token is not good, or no rule lets the person in.
    pub async fn finish(
        &self,
        state: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<(String, String, Vec<(String, Role)>), OidcError> {
        // Taken out: a code is for once.
        let waiting = self.on_the_way.lock().unwrap_or_else(PoisonError::into_inner).remove(state);
        let waiting = waiting.filter(|one| one.until > now).ok_or(OidcError::Stranger)?;
        let token = self.exchange(code, &waiting.verifier, now).await?;
        let claims = self.check(&token, &waiting.nonce, now).await?;
        let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| OidcError::Token("it names no subject".into()))?;
        let (name, roles) = self.settings.person(&claims)?;
        Ok((format!("{}|{subject}", self.settings.issuer), name, roles))
    }

    async fn exchange(&self, code: &str, verifier: &str, now: Timestamp) -> Result<String, OidcError> {
        let provider = self.provider(now, None).await?.0;
        let settings = &self.settings;
        let body: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.callback())
            .append_pair("client_id", &settings.client_id)
            .append_pair("code_verifier", verifier)
            .finish();
        let mut request = self
            .http
            .post(&provider.token_endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body);
        if let Some(secret) = &settings.client_secret {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = STANDARD.encode(format!("{}:{}", encode(&settings.client_id), encode(secret)));
            request = request.header("authorization", format!("Basic {pair}"));
        }
        #[derive(Deserialize)]
        struct Answer {
            id_token: String,
        }
        // The provider's words may hold the code: they are not repeated.
        let answer: Answer = self.answer(request).await?;
        Ok(answer.id_token)
    }

    /// The claims of a token that is the provider's, for this server, of this sign-in, and not over.
    async fn check(&self, token: &str, nonce: &str, now: Timestamp) -> Result<Value, OidcError> {
        let bad = |error: jsonwebtoken::errors::Error| OidcError::Token(error.to_string());
        let header = jsonwebtoken::decode_header(token).map_err(bad)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(OidcError::Token(format!("it is signed with {:?}, which proves nothing here", header.alg)));
        }
        let (provider, keys) = self.provider(now, header.kid.as_deref()).await?;
        let key = match &header.kid {
            Some(kid) => keys.find(kid),
            None if keys.keys.len() == 1 => keys.keys.first(),
            None => None,
        };
        let key = key.ok_or_else(|| OidcError::Token("it is signed with a key the provider does not list".into()))?;
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[&self.settings.client_id]);
        validation.set_issuer(&[&provider.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let key = DecodingKey::from_jwk(key).map_err(bad)?;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).map_err(bad)?.claims;
        if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err(OidcError::Token("it belongs to another sign-in".into()));
        }
        Ok(claims)
    }

    /// What the provider says of itself, asked again after a while, and for a key that is not known.
    async fn provider(&self, now: Timestamp, kid: Option<&str>) -> Result<(Discovered, JwkSet), OidcError> {
        let mut known = self.provider.lock().await;
        if let Some((discovered, keys, at)) = &*known {
            let misses = kid.is_some_and(|kid| keys.find(kid).is_none());
            // A key nobody knows asks once a minute at most.
            let old = now.nanos_since(*at) > if misses { 60 * 1_000_000_000 } else { BELIEVED };
            if !old {
                return Ok((discovered.clone(), keys.clone()));
            }
        }
        let issuer = &self.settings.issuer;
        let url = format!("{issuer}/.well-known/openid-configuration");
        let discovered: Discovered = self.answer(self.http.get(&url)).await?;
        if discovered.issuer.trim_end_matches('/') != issuer {
            return Err(self.wrong(format!("it calls itself {}", discovered.issuer)));
        }
        let keys: JwkSet = self.answer(self.http.get(&discovered.jwks_uri)).await?;
        *known = Some((discovered.clone(), keys.clone(), now));
        Ok((discovered, keys))
    }

    fn wrong(&self, problem: String) -> OidcError {
        OidcError::Provider { issuer: self.settings.issuer.clone(), problem }
    }

    async fn answer<T: serde::de::DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, OidcError> {
        let mut response = request.send().await.map_err(|error| self.wrong(error.without_url().to_string()))?;
        if !response.status().is_success() {
            return Err(self.wrong(format!("it answers {}", response.status())));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.wrong(error.without_url().to_string()))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_MAX {
                return Err(self.wrong(format!("its answer has more than {ANSWER_MAX} bytes")));
            }
        }
        serde_json::from_slice(&bytes).map_err(|_| self.wrong("its answer is not what the standard says".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FILE: &str = r#"
issuer = "https://login.example/"
client_id = "tawny"
url = "https://tawny.example"
[[role]]
claim = "groups"
value = "sre"
project = "*"
role = "responder"
[[role]]
claim = "email"
value = "*@shop.example"
project = "shop"
role = "viewer"
[[role]]
claim = "groups"
value = "shop-admins"
project = "shop"
role = "admin"
"#;

    #[test]
    fn what_the_provider_says_of_a_person_becomes_roles() {
        let oidc = Oidc::parse(FILE).unwrap();
        let person = |claims: Value| oidc.person(&claims);
        let (name, roles) = person(json!({ "email": "jane@shop.example", "groups": ["sre", "shop-admins"] })).unwrap();
        assert_eq!(name, "jane@shop.example");
        assert_eq!(roles, [("*".to_owned(), Role::Responder), ("shop".to_owned(), Role::Admin)]);
        assert!(person(json!({ "email": "eve@evil.example", "groups": [] })).is_err());
        assert!(person(json!({ "email": "eve@shop.example", "email_verified": false })).is_err());
        assert!(person(json!({ "email": "../up", "groups": ["sre"] })).is_err());
    }

    #[test]
    fn a_file_that_proves_nothing_or_gives_nobody_a_role_is_refused() {
        assert!(Oidc::parse(&FILE.replace("https://login.example/", "http://login.example")).is_err());
        assert!(Oidc::parse(&FILE.replace("responder", "boss")).is_err());
        let none = FILE.split("[[role]]").next().unwrap();
        assert!(Oidc::parse(none).unwrap_err().to_string().contains("[[role]]"));
    }
}
