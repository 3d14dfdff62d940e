//! Two runs side by side: their steps aligned, the first place where they part, what each cost.
//!
//! Steps are aligned by kind and name with the longest common subsequence, in the order of time; of runs with very many steps the beginning is
//! aligned. Aligned steps are compared by what was put in and what came out.

use model::{Content, ResolvedStep, SpanId, StepKind};
use serde::Serialize;

use super::evidence::Evidence;
use super::text;

/// Steps of each run that are aligned.
pub const MOST_STEPS: usize = 2_000;

/// How a pair of steps compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Same input, same output.
    Same,
    /// Same kind and name, other input.
    Input,
    /// Same input, other output.
    Output,
    /// Only in the first run.
    Removed,
    /// Only in the second.
    Added,
}

/// A line of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Kind and name.
    pub step: String,
    /// In the first run.
    pub left: Option<SpanId>,
    /// In the second.
    pub right: Option<SpanId>,
    /// How they compare.
    pub difference: Difference,
    /// What was put in or came out on the left, where that differs, cut short.
    pub left_text: Option<String>,
    /// And on the right.
    pub right_text: Option<String>,
    /// Milliseconds on the left and the right.
    pub ms: [Option<f64>; 2],
}

/// Two runs compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Aligned steps.
    pub pairs: Vec<Pair>,
    /// Position of the first pair that differs.
    pub first_divergence: Option<usize>,
    /// Steps that are the same in both.
    pub same: usize,
    /// Whether steps beyond [`MOST_STEPS`] were left out.
    pub cut: bool,
}

struct Item<'a> {
    name: String,
    step: &'a ResolvedStep,
    content: &'a Content,
}

/// Compares two runs.
pub fn compare(left: &Evidence<'_>, right: &Evidence<'_>) -> Comparison {
    let (a, b) = (items(left), items(right));
    let cut = a.len() > MOST_STEPS || b.len() > MOST_STEPS;
    let (a, b) = (&a[..a.len().min(MOST_STEPS)], &b[..b.len().min(MOST_STEPS)]);
    // Length of the longest common subsequence of what follows each pair of positions.
    let width = b.len() + 1;
    let mut longest = vec![0u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i].name == b[j].name {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        let both = i < a.len() && j < b.len();
        if both && a[i].name == b[j].name {
            pairs.push(pair(&a[i], &b[j]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (both && longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
            pairs.push(alone(&a[i], Difference::Removed));
            i += 1;
        } else {
            pairs.push(alone(&b[j], Difference::Added));
            j += 1;
        }
    }
    let first_divergence = pairs.iter().position(|pair| pair.difference != Difference::Same);
    let same = pairs.iter().filter(|pair| pair.difference == Difference::Same).count();
    Comparison { pairs, first_divergence, same, cut }
}

fn items<'a>(evidence: &Evidence<'a>) -> Vec<Item<'a>> {
    let mut order: Vec<usize> = (0..evidence.steps.len()).collect();
    order.sort_by_key(|&at| (evidence.steps[at].span.start, evidence.steps[at].depth));
    let item = |at: usize| {
        let step = &evidence.steps[at];
        let name = match step.span.kind {
            // The model may differ; the call is the same step.
            StepKind::Llm => format!("llm {}", step.agent.as_deref().unwrap_or("")),
            kind => format!("{kind} {}", step.span.tool_name.as_deref().unwrap_or(&step.span.name)),
        };
        Item { name: name.trim_end().to_string(), step, content: evidence.contents[at] }
    };
    order.into_iter().map(item).collect()
}

fn pair(a: &Item<'_>, b: &Item<'_>) -> Pair {
    let (inputs, outputs) = ([input(a), input(b)], [output(a), output(b)]);
    let (difference, texts) = if inputs[0] != inputs[1] {
        (Difference::Input, Some(inputs))
    } else if outputs[0] != outputs[1] {
        (Difference::Output, Some(outputs))
    } else {
        (Difference::Same, None)
    };
    let [left_text, right_text] = texts.map_or([None, None], |texts| texts.map(|said| Some(text::short(&said, 160))));
    Pair {
        step: a.name.clone(),
        left: Some(a.step.span.span_id),
        right: Some(b.step.span.span_id),
        difference,
        left_text,
        right_text,
        ms: [ms(a), ms(b)],
    }
}

fn alone(item: &Item<'_>, difference: Difference) -> Pair {
    let said = Some(text::short(&input(item), 160)).filter(|said| !said.is_empty());
    let id = Some(item.step.span.span_id);
    let removed = difference == Difference::Removed;
    let (left, right) = if removed { (id, None) } else { (None, id) };
    let (left_text, right_text) = if removed { (said, None) } else { (None, said) };
    let ms = if removed { [ms(item), None] } else { [None, ms(item)] };
    Pair { step: item.name.clone(), left, right, difference, left_text, right_text, ms }
}

fn ms(item: &Item<'_>) -> Option<f64> {
    item.step.span.duration_nanos().map(|nanos| nanos as f64 / 1e6)
}

/// What is new in a step's input: the last message of a conversation, the arguments of a tool.
fn input(item: &Item<'_>) -> String {
    let content = item.content;
    let value = content.tool_arguments.as_ref().or(content.input_value.as_ref()).map(|value| text::as_text(value).into_owned());
    let message = || content.input.last().map(|message| message.plain_text());
    value.or(content.query.clone()).or_else(message).unwrap_or_default()
}

fn output(item: &Item<'_>) -> String {
    let content = item.content;
    if let Some(value) = content.tool_result.as_ref().or(content.output_value.as_ref()) {
        return text::as_text(value).into_owned();
    }
    let mut said: Vec<String> = Vec::new();
    for part in content.output.iter().flat_map(|message| &message.parts) {
        match part {
            model::Part::Text { text } => said.push(text.clone()),
            model::Part::ToolCall { name, arguments, .. } => said.push(format!("{name} {arguments}")),
            _ => {}
        }
    }
    said.extend(content.documents.iter().filter_map(|document| document.id.clone()));
    said.join("\n")
}
