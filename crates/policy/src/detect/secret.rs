//! Credentials: keys of known providers by the form their makers gave them, and what stands where a password stands.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::{Hits, pattern};

/// Forms of keys, as their providers document or publish them for secret scanning.
const FORMS: &[&str] = &[
    // OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse and others that begin like them
    r"\b[sp]k-(?:[a-z0-9]+-)*[A-Za-z0-9_-]{16,}",
    // LangSmith, Groq, xAI, Perplexity, Tavily, NVIDIA, Replicate, Hugging Face, Fireworks, Pinecone, Mistral's agents
    r"\blsv2_(?:pt|sk)_[A-Za-z0-9_]{16,}",
    r"\b(?:gsk_|xai-|pplx-|tvly-|nvapi-|r8_|hf_|fw_|pcsk_|csk-)[A-Za-z0-9_-]{20,}",
    // Amazon: access key ids
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
    // Google: API keys, OAuth tokens and client secrets
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\bya29\.[0-9A-Za-z_-]{20,}",
    r"\bGOCSPX-[0-9A-Za-z_-]{20,}",
    // GitHub, GitLab
    r"\bgh[pousr]_[A-Za-z0-9]{36,}",
    r"\bgithub_pat_[A-Za-z0-9_]{22,}",
    r"\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}",
    // Slack: tokens and webhooks; Discord and Teams webhooks
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bxapp-\d-[A-Za-z0-9-]{10,}",
    r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}",
    r"https://discord(?:app)?\.com/api/webhooks/\d+/[A-Za-z0-9_-]{20,}",
    r"https://[a-z0-9-]+\.webhook\.office\.com/[A-Za-z0-9@/_-]{20,}",
    // Stripe, Square, Twilio, SendGrid, Mailgun, Shopify
    r"\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{10,}",
    r"\bwhsec_[0-9A-Za-z+/]{20,}",
    r"\bEAAA[0-9A-Za-z_-]{56,}",
    r"\b(?:SK|AC)[0-9a-f]{32}\b",
    r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",
    r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    // npm, PyPI, crates.io, Docker, DigitalOcean, Databricks, HashiCorp, Grafana, New Relic, Linear, Notion, Telegram
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\bcio[A-Za-z0-9]{32}\b",
    r"\bdckr_pat_[A-Za-z0-9_-]{20,}",
    r"\bdo[opr]_v1_[0-9a-f]{64}",
    r"\bdapi[0-9a-f]{32}",
    r"\b(?:hvs|hvb|hvr)\.[A-Za-z0-9_-]{20,}",
    r"\bgl(?:sa|c)_[A-Za-z0-9_=+/-]{20,}",
    r"\bNRAK-[A-Z0-9]{27}",
    r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}",
    r"\b(?:ntn|secret)_[A-Za-z0-9]{40,}",
    r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}",
    // Azure connection strings
    r"(?i)\b(?:AccountKey|SharedAccessKey|sig)=[A-Za-z0-9%+/]{30,}=*",
    // Tawny's own
    r"\btwy_[A-Za-z0-9_-]{20,}",
    // JSON web tokens
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    // Private keys in PEM; without its end when the text is cut
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
];

/// Credentials by where they stand; the group is what is taken out.
const PLACES: &[&str] = &[
    // Authorization headers
    r"(?i)\b(?:bearer|basic|digest|token)\s+([A-Za-z0-9._~+/-]{16,}=*)",
    // Passwords in addresses
    r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@",
    // Assignments
    r#"(?i)(?:^|[^a-z0-9])(?:[a-z0-9]+[_-])*(?:password|passwd|passphrase|pwd|secret|api[_-]?key|access[_-]?key|access[_-]?token|auth[_-]?token|refresh[_-]?token|client[_-]?secret|private[_-]?key)["'\\]*\s*(?:=|:|=>)\s*["'\\]*([^\s"'\\,;&}{)\]]{6,})"#,
];

/// Names that end in one of these words hold a credential, whatever it looks like.
const NAMES: &[&str] = &[
    "authorization", "proxy_authorization", "password", "passwd", "passphrase", "pwd", "secret", "client_secret", "api_key",
    "apikey", "x_api_key", "access_key", "access_token", "refresh_token", "id_token", "auth_token", "bearer_token",
    "session_token", "private_key", "secret_key", "secret_access_key", "cookie", "set_cookie", "credentials",
];

static ALL: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(FORMS.iter().chain(PLACES)).expect("patterns of the program are right; a test compiles each")
});
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| FORMS.iter().chain(PLACES).map(|text| pattern(text)).collect());

/// Finds credentials.
pub(crate) fn find(text: &str, hits: &mut Hits) {
    for number in ALL.matches(text) {
        let found = EACH[number].captures_iter(text).filter_map(|captures| captures.get(1).or(captures.get(0)));
        hits.extend(found.map(|found| found.range()));
    }
}

/// Whether what stands under that name is a credential: an attribute's key or a member's in JSON, by its last word.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let last = name.rsplit(['.', '/', ':']).next().unwrap_or(name).trim();
    if last.len() < 3 || last.len() > 40 {
        return false;
    }
    let last = last.replace('-', "_").to_ascii_lowercase();
    NAMES.contains(&last.as_str()) || NAMES.contains(&last.trim_start_matches("x_"))
}
