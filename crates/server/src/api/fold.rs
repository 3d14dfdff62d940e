//! Which steps of a large run are answered at first: nobody reads 100,000 rows, and what is folded is one request away.

use model::{ResolvedStep, SpanId, SpanStatus};
use utoipa::IntoParams;

use super::params::{Params, span_id};
use super::types::Problem;

/// Which steps of a large run to answer with; only with `content=none`.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct FoldParams {
    /// Steps at most, about: the upper ones, failed ones and those that lead to them. `folded` of a step says how many below it
    /// are left out.
    #[param(example = 2000)]
    pub limit: Option<usize>,
    /// Only this step and those below it.
    pub under: Option<String>,
    /// A step that is wanted whatever is left out, with those above it.
    pub show: Option<String>,
    /// Only steps that mention this text in name, kind, agent, model, tool, error or previews, and those above them; case is ignored.
    pub find: Option<String>,
}

/// A question for a part of a run's steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    /// Steps at most, about; all where nothing is said.
    pub limit: Option<usize>,
    /// Only this step and those below it.
    pub under: Option<SpanId>,
    /// A step that is wanted in any case, with those above it.
    pub show: Option<SpanId>,
    /// Lower-case text that steps must mention.
    pub find: Option<String>,
}

impl Params {
    /// Which steps are wanted, from [`FoldParams`]; `None` where all are.
    pub fn fold(&mut self) -> Result<Option<Fold>, Problem> {
        let fold = Fold {
            limit: self.read("limit", "a whole number")?,
            under: self.one("under")?.map(|text| span_id(&text)).transpose()?,
            show: self.one("show")?.map(|text| span_id(&text)).transpose()?,
            find: self.one("find")?.map(|text| text.to_lowercase()),
        };
        Ok((fold != Fold::default()).then_some(fold))
    }
}

/// Positions of the steps to answer with, in their order, each with the number of steps below it that are left out. Empty where
/// `under` names no step. Steps come in pre-order.
pub fn choose(steps: &[ResolvedStep], fold: &Fold) -> Vec<(usize, u32)> {
    let place = |id: SpanId| steps.iter().position(|step| step.span.span_id == id);
    let range = match fold.under.map(place) {
        None => 0..steps.len(),
        Some(None) => return Vec::new(),
        Some(Some(at)) => at..end_of(steps, at),
    };
    let parents = parents(steps);
    let mut chosen = Chosen { parents: &parents, first: range.start, shown: vec![false; range.len()], count: 0 };
    let limit = fold.limit.unwrap_or(usize::MAX);
    if let Some(at) = fold.show.and_then(place).filter(|at| range.contains(at)) {
        chosen.with_ancestors(at);
    }
    match &fold.find {
        Some(text) => {
            for at in range.clone().filter(|at| mentions(&steps[*at], text)) {
                if chosen.count >= limit {
                    break;
                }
                chosen.with_ancestors(at);
            }
        }
        None if range.len() <= limit => range.clone().for_each(|at| chosen.take(at)),
        None => chosen.upper_and_failed(steps, range.clone(), limit),
    }
    let mut left_out = vec![0; range.len()];
    for at in range.clone().filter(|at| !chosen.shown[at - range.start]) {
        let mut above = parents[at];
        while let Some(up) = above.filter(|up| range.contains(up)) {
            if chosen.shown[up - range.start] {
                left_out[up - range.start] += 1;
                break;
            }
            above = parents[up];
        }
    }
    range.clone().filter(|at| chosen.shown[at - range.start]).map(|at| (at, left_out[at - range.start])).collect()
}

struct Chosen<'s> {
    parents: &'s [Option<usize>],
    first: usize,
    shown: Vec<bool>,
    count: usize,
}

impl Chosen<'_> {
    fn take(&mut self, at: usize) {
        let shown = &mut self.shown[at - self.first];
        self.count += usize::from(!*shown);
        *shown = true;
    }

    fn with_ancestors(&mut self, at: usize) {
        let mut next = Some(at);
        while let Some(at) = next.filter(|at| *at >= self.first && !self.shown[at - self.first]) {
            self.take(at);
            next = self.parents[at];
        }
    }

    /// Whole levels as long as they fit, then failed steps for at most half of what is left, then the next level in order.
    fn upper_and_failed(&mut self, steps: &[ResolvedStep], range: std::ops::Range<usize>, limit: usize) {
        let mut sizes = std::collections::BTreeMap::new();
        for at in range.clone() {
            *sizes.entry(steps[at].depth).or_insert(0_usize) += 1;
        }
        let (mut whole, mut sum) = (None, 0);
        for (depth, size) in sizes {
            sum += size;
            if sum > limit {
                break;
            }
            whole = Some(depth);
        }
        let fits = |at: &usize| whole.is_some_and(|depth| steps[*at].depth <= depth);
        range.clone().filter(fits).for_each(|at| self.take(at));
        let half = self.count + limit.saturating_sub(self.count) / 2;
        for at in range.clone().filter(|at| steps[*at].span.status == SpanStatus::Error) {
            if self.count >= half {
                break;
            }
            self.with_ancestors(at);
        }
        let next = whole.map_or(steps[range.start].depth, |depth| depth + 1);
        for at in range.filter(|at| steps[*at].depth == next) {
            if self.count >= limit {
                break;
            }
            self.take(at);
        }
    }
}

/// One past the last step below a step.
fn end_of(steps: &[ResolvedStep], at: usize) -> usize {
    let below = steps[at + 1..].iter().take_while(|step| step.depth > steps[at].depth).count();
    at + 1 + below
}

fn parents(steps: &[ResolvedStep]) -> Vec<Option<usize>> {
    let mut path = Vec::<usize>::new();
    let mut out = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        while path.last().is_some_and(|last| steps[*last].depth >= step.depth) {
            path.pop();
        }
        out.push(path.last().copied());
        path.push(at);
    }
    out
}

/// Whether lower-case text is found in what is known of a step without its content.
fn mentions(step: &ResolvedStep, text: &str) -> bool {
    let span = &step.span;
    let texts = [
        &step.agent,
        &span.model,
        &span.tool_name,
        &span.error_type,
        &span.error_message,
        &span.input_preview,
        &span.output_preview,
    ];
    span.name.to_lowercase().contains(text)
        || span.kind.as_str().contains(text)
        || texts.into_iter().flatten().any(|one| one.to_lowercase().contains(text))
        || span.span_id.to_string().contains(text)
        || (span.status == SpanStatus::Error && "error".contains(text))
}
