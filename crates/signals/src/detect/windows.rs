//! Context windows of models, by the beginning of their names.
//!
//! From the providers' model pages as of November 2025. Only families whose window is the same for every member are listed; a model
//! that is not known has no window rather than a wrong one.

/// Beginning of a name and tokens of the window; the longest beginning that fits wins.
const WINDOWS: &[(&str, u64)] = &[
    ("chatgpt-4o", 128_000),
    ("claude-2", 200_000),
    ("claude-3", 200_000),
    ("claude-haiku-4", 200_000),
    ("claude-opus-4", 200_000),
    ("claude-sonnet-4", 200_000),
    ("codestral", 256_000),
    ("command-a", 256_000),
    ("command-r", 128_000),
    ("deepseek-chat", 128_000),
    ("deepseek-reasoner", 128_000),
    ("gemini-1.5-flash", 1_048_576),
    ("gemini-1.5-pro", 2_097_152),
    ("gemini-2", 1_048_576),
    ("gemini-3", 1_048_576),
    ("gemma-3", 131_072),
    ("gpt-3.5-turbo", 16_385),
    ("gpt-4", 8_192),
    ("gpt-4-32k", 32_768),
    ("gpt-4-turbo", 128_000),
    ("gpt-4.1", 1_047_576),
    ("gpt-4o", 128_000),
    ("gpt-5", 400_000),
    ("gpt-oss", 131_072),
    ("llama-3.1", 131_072),
    ("llama-3.3", 131_072),
    ("ministral", 131_072),
    ("mistral-large", 131_072),
    ("mistral-medium", 131_072),
    ("mistral-small", 131_072),
    ("o1", 200_000),
    ("o1-mini", 128_000),
    ("o1-preview", 128_000),
    ("o3", 200_000),
    ("o4-mini", 200_000),
    ("text-davinci-003", 4_097),
];

/// Tokens of a model's window. A provider in front of the name (`anthropic/claude-…`, `us.anthropic.claude-…`) does not matter.
pub fn window(model: &str) -> Option<u64> {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let name = name.rsplit("anthropic.").next().unwrap_or(&name);
    let fitting = WINDOWS.iter().filter(|(beginning, _)| name.starts_with(beginning));
    fitting.max_by_key(|(beginning, _)| beginning.len()).map(|&(_, tokens)| tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_wins_and_an_unknown_model_has_no_window() {
        assert_eq!(window("gpt-4o-2024-11-20"), Some(128_000));
        assert_eq!(window("gpt-4-0613"), Some(8_192));
        assert_eq!(window("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), Some(200_000));
        assert_eq!(window("openai/o3"), Some(200_000));
        assert_eq!(window("our-own-model"), None);
    }
}
