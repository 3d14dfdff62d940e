//! Which row a name leads to.

use signals::prices::Prices;

use crate::{at, today};

fn row(provider: Option<&str>, model: &str) -> Option<String> {
    Prices::built_in().find(provider, model, today()).map(|found| found.row.id.to_string())
}

#[test]
fn the_same_model_is_found_under_all_its_spellings() {
    for (provider, model, id) in [
        // Versions.
        (Some("openai"), "gpt-4o-2024-11-20", "openai/gpt-4o-2024-08-06"),
        (Some("openai"), "gpt-4.1-2025-04-14", "openai/gpt-4.1"),
        (Some("openai"), "gpt-5.1-2025-11-13", "openai/gpt-5.1"),
        (Some("anthropic"), "claude-3-5-sonnet-latest", "anthropic/claude-3-5-sonnet"),
        (Some("anthropic"), "claude-opus-4-1-20250805", "anthropic/claude-opus-4-1"),
        (Some("anthropic"), "claude-opus-4-20250514", "anthropic/claude-opus-4-0"),
        (Some("gcp.gemini"), "gemini-2.0-flash-001", "gcp.gemini/gemini-2.0-flash"),
        (Some("gcp.gemini"), "gemini-2.5-flash-preview-05-20", "gcp.gemini/gemini-2.5-flash-preview"),
        (Some("mistral_ai"), "mistral-large-latest", "mistral_ai/mistral-large-latest@2025-12-02"),
        (Some("cohere"), "command-a-03-2025", "cohere/command-a"),
        // Paths and routers.
        (None, "models/gemini-2.5-pro", "gcp.gemini/gemini-2.5-pro"),
        (Some("gcp.vertex_ai"), "publishers/google/models/gemini-2.5-pro", "gcp.gemini/gemini-2.5-pro"),
        (None, "openai/gpt-4o", "openai/gpt-4o@2024-10-02"),
        (Some("openrouter"), "anthropic/claude-3.5-sonnet", "anthropic/claude-3-5-sonnet"),
        (Some("openai"), "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        (None, "azure/o3-mini", "azure.ai.openai/o3-mini"),
        (
            Some("litellm"),
            "bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            "aws.bedrock/anthropic.claude-haiku-4-5",
        ),
        (None, "vertex_ai/claude-sonnet-4@20250514", "anthropic/claude-sonnet-4-0"),
        (None, "groq/llama-3.1-8b-instant", "groq/llama-3.1-8b-instant"),
        (
            None,
            "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
        ),
        // Bedrock.
        (Some("aws.bedrock"), "anthropic.claude-3-haiku-20240307-v1:0", "aws.bedrock/anthropic.claude-3-haiku"),
        (Some("anthropic"), "us.anthropic.claude-opus-4-5-20251101-v1:0", "aws.bedrock/anthropic.claude-opus-4-5"),
        (Some("aws.bedrock"), "claude-sonnet-4-20250514-v1:0", "aws.bedrock/anthropic.claude-sonnet-4"),
        (
            None,
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6",
            "aws.bedrock/anthropic.claude-sonnet-4-6",
        ),
        (Some("aws.bedrock"), "meta.llama3-3-70b-instruct-v1:0", "aws.bedrock/meta.llama3-3-70b-instruct"),
        (Some("aws.bedrock"), "amazon.titan-embed-text-v2:0", "aws.bedrock/amazon.titan-embed-text-v2"),
        // Azure.
        (Some("azure.ai.openai"), "gpt-35-turbo", "openai/gpt-3.5-turbo"),
        (Some("azure.ai.openai"), "gpt-4o-mini-2024-07-18.ft-0a1b2c", "openai/ft:gpt-4o-mini"),
        (Some("azure.ai.openai"), "team7-gpt-4o-eastus2", "openai/gpt-4o@2024-10-02"),
        (Some("azure.ai.inference"), "Phi-4", "azure.ai.inference/phi-4"),
        // Case, separators, and providers spelled their own way.
        (Some("OpenAI"), "GPT-4O-Mini", "openai/gpt-4o-mini"),
        (Some("Azure"), "GPT-4o_mini", "openai/gpt-4o-mini"),
        // Who serves it is known from the model alone.
        (Some("openai"), "deepseek-v4-pro", "deepseek/deepseek-v4-pro@2026-09-14T04:00:00Z"),
        (Some("openai"), "llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
    ] {
        assert_eq!(row(provider, model).as_deref(), Some(id), "{provider:?} {model}");
    }
}

#[test]
fn what_cannot_be_known_is_not_guessed() {
    for (provider, model) in [
        (Some("openai"), "gpt-99"),
        (Some("openai"), "boom"),
        (None, ""),
        // Whoever runs a model at home pays no list price.
        (Some("ollama"), "deepseek-chat"),
        (Some("vllm"), "gpt-4o"),
        // Sellers without rows have prices of their own.
        (Some("ibm.watsonx.ai"), "mistral-large-2512"),
        // Two sellers, two prices.
        (None, "openai/gpt-oss-120b"),
        // A longer name is another model.
        (Some("openai"), "gpt-4o-realtime-next"),
        (Some("azure.ai.openai"), "gpt-4o-mini2"),
        (Some("azure.ai.openai"), "chatbot-prod"),
        (Some("openai"), "contoso-gpt-4o-prod"),
        // Free of charge on OpenRouter is another offer.
        (Some("openrouter"), "google/gemini-2.5-pro:free"),
    ] {
        assert_eq!(row(provider, model), None, "{provider:?} {model}");
    }
}

#[test]
fn the_price_of_a_day_holds_from_its_first_moment() {
    let prices = Prices::built_in();
    let input = |model: &str, moment: &str| {
        let found = prices.find(None, model, at(moment)).unwrap();
        found.row.rates.rate(signals::prices::Class::Input).per_million().to_string()
    };
    assert_eq!(input("gpt-4o", "2024-10-01T23:59:59.999999999Z"), "5");
    assert_eq!(input("gpt-4o", "2024-10-02T00:00:00Z"), "2.5");
    assert_eq!(input("o3", "2025-06-09"), "10");
    assert_eq!(input("o3", "2025-06-10"), "2");
    for (moment, dollars) in
        [("2026-10-19", "0.68"), ("2026-10-20", "1.36"), ("2026-10-28", "1.36"), ("2026-10-29", "0.7")]
    {
        assert_eq!(input("mistral-large-4", moment), dollars, "{moment}");
    }
    // A model has no price before it existed.
    assert!(prices.find(Some("deepseek"), "deepseek-flash", at("2026-09-09")).is_none());
}
