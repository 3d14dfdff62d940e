//! The critical path of a run: the steps it waited for, and how long for each.
//!
//! Seen from the end of a step backwards, it waited for the child that ended last before it went on; before that child began, for
//! the child that ended last before that, and so on; what is left it did itself. A child that went on beside another one was
//! not waited for. The parts add up to the length of the run, so making a step on the path shorter makes the run shorter.

use std::cmp::Reverse;

use model::{ResolvedStep, Timestamp};

/// Milliseconds of the run's length that each step itself takes up; `None` for steps nobody waited for. Steps come as
/// [`super::resolve`] gives them: in pre-order. What has not ended counts until the latest time of the run.
pub fn critical_path(steps: &[ResolvedStep]) -> Vec<Option<f64>> {
    let mut path = vec![None; steps.len()];
    let latest = steps.iter().map(|step| step.span.start.max(step.span.end)).max();
    let (Some(start), Some(end)) = (steps.iter().map(|step| step.span.start).min(), latest) else { return path };
    let (children, tops) = children(steps);
    // The top of the stack is the step whose children are being walked; the lowest stands for the run.
    let mut stack =
        vec![Frame { step: None, start, cursor: end, own: 0.0, next: by_end(steps, &tops, start, end, end) }];
    while let Some(frame) = stack.last_mut() {
        match frame.next.pop() {
            Some((child_end, child)) if child_end <= frame.cursor => {
                let child_start = steps[child].span.start.max(frame.start).min(child_end);
                frame.own += frame.cursor.millis_since(child_end);
                frame.cursor = child_start;
                let below = by_end(steps, &children[child], child_start, child_end, end);
                stack.push(Frame { step: Some(child), start: child_start, cursor: child_end, own: 0.0, next: below });
            }
            Some(_) => {}
            None => {
                if let Some(step) = frame.step {
                    path[step] = Some(frame.own + frame.cursor.millis_since(frame.start));
                }
                stack.pop();
            }
        }
    }
    path
}

struct Frame {
    step: Option<usize>,
    start: Timestamp,
    /// What lies after it is spoken for.
    cursor: Timestamp,
    own: f64,
    /// Children still to be looked at, the one that ended last at the end.
    next: Vec<(Timestamp, usize)>,
}

/// Positions of the children of each step, and of the steps at the top.
fn children(steps: &[ResolvedStep]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut children = vec![Vec::new(); steps.len()];
    let (mut tops, mut path) = (Vec::new(), Vec::<usize>::new());
    for (at, step) in steps.iter().enumerate() {
        while path.last().is_some_and(|last| steps[*last].depth >= step.depth) {
            path.pop();
        }
        path.last().map_or(&mut tops, |parent| &mut children[*parent]).push(at);
        path.push(at);
    }
    (children, tops)
}

/// Steps within a stretch of time by their ends, cut where they reach beyond it; those outside of it left out.
fn by_end(
    steps: &[ResolvedStep],
    some: &[usize],
    start: Timestamp,
    end: Timestamp,
    latest: Timestamp,
) -> Vec<(Timestamp, usize)> {
    let ended = |at: usize| if steps[at].span.end.as_nanos() == 0 { latest } else { steps[at].span.end };
    let within = some.iter().filter(|at| steps[**at].span.start <= end && ended(**at) >= start);
    let mut ends: Vec<(Timestamp, usize)> = within.map(|at| (ended(*at).min(end), *at)).collect();
    // Of those that end at the same time the one that began first was waited for longest.
    ends.sort_by_key(|(end, at)| (*end, Reverse(steps[*at].span.start), Reverse(*at)));
    ends
}
