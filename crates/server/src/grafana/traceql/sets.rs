//! Span sets, and how their spans lie to one another in a trace.

use std::collections::{BTreeSet, HashMap};

/// Sets of spans.
#[derive(Debug, PartialEq)]
pub enum Set {
    /// The spans that fulfil the filter at this place of the query.
    Filter(usize),
    /// Spans of the second set that lie so to spans of the first.
    Related(Relation, Box<Self>, Box<Self>),
    /// Spans of all, where none is empty.
    All(Vec<Self>),
    /// Spans of any.
    Any(Vec<Self>),
}

/// A relation between two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    kind: Kind,
    /// Spans of the second set that do *not* lie so.
    negated: bool,
    /// The spans of the first set that are lain to as well.
    both: bool,
}

/// What the spans of the second set are to those of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Descendant,
    Child,
    Ancestor,
    Parent,
    Sibling,
}

const fn relation(kind: Kind, negated: bool, both: bool) -> Relation {
    Relation { kind, negated, both }
}

/// How relations are written; the longer ones first.
pub const RELATIONS: [(&str, Relation); 15] = [
    ("!>>", relation(Kind::Descendant, true, false)),
    ("!<<", relation(Kind::Ancestor, true, false)),
    ("&>>", relation(Kind::Descendant, false, true)),
    ("&<<", relation(Kind::Ancestor, false, true)),
    (">>", relation(Kind::Descendant, false, false)),
    ("<<", relation(Kind::Ancestor, false, false)),
    ("!>", relation(Kind::Child, true, false)),
    ("!<", relation(Kind::Parent, true, false)),
    ("!~", relation(Kind::Sibling, true, false)),
    ("&>", relation(Kind::Child, false, true)),
    ("&<", relation(Kind::Parent, false, true)),
    ("&~", relation(Kind::Sibling, false, true)),
    (">", relation(Kind::Child, false, false)),
    ("<", relation(Kind::Parent, false, false)),
    ("~", relation(Kind::Sibling, false, false)),
];

impl Set {
    /// Whether spans have to lie to one another in some way, so that conditions on each span alone do not tell.
    pub fn is_related(&self) -> bool {
        match self {
            Self::Filter(_) => false,
            Self::Related(..) => true,
            Self::All(sets) | Self::Any(sets) => sets.iter().any(Self::is_related),
        }
    }

    /// A condition that every trace fulfils which has such spans; of sets without relations, only those.
    pub fn traces(&self, filters: &[String]) -> String {
        match self {
            Self::Filter(at) => format!("trace_id IN (SELECT trace_id FROM spans WHERE {})", filters[*at]),
            Self::Related(relation, _, right) if relation.negated => right.traces(filters),
            Self::Related(_, left, right) => format!("{} AND {}", left.traces(filters), right.traces(filters)),
            Self::All(sets) => joined(sets, filters, " AND "),
            Self::Any(sets) => format!("({})", joined(sets, filters, " OR ")),
        }
    }

    /// The spans of a trace that are found; none where the trace is not.
    pub fn found(&self, tree: &Tree) -> BTreeSet<usize> {
        match self {
            Self::Filter(at) => (0..tree.fits.len()).filter(|&span| tree.fits[span][*at]).collect(),
            Self::Related(relation, left, right) => {
                let (left, right) = (left.found(tree), right.found(tree));
                let related = tree.related(relation.kind, &left, &right);
                match relation {
                    Relation { negated: true, .. } => right.difference(&related).copied().collect(),
                    Relation { both: true, kind, .. } => {
                        let others = tree.related(kind.inverse(), &right, &left);
                        related.union(&others).copied().collect()
                    }
                    _ => related,
                }
            }
            Self::All(sets) => {
                let found: Vec<BTreeSet<usize>> = sets.iter().map(|set| set.found(tree)).collect();
                if found.iter().any(BTreeSet::is_empty) {
                    BTreeSet::new()
                } else {
                    found.into_iter().flatten().collect()
                }
            }
            Self::Any(sets) => sets.iter().flat_map(|set| set.found(tree)).collect(),
        }
    }
}

fn joined(sets: &[Set], filters: &[String], by: &str) -> String {
    sets.iter().map(|set| set.traces(filters)).collect::<Vec<String>>().join(by)
}

impl Kind {
    fn inverse(self) -> Self {
        match self {
            Self::Descendant => Self::Ancestor,
            Self::Child => Self::Parent,
            Self::Ancestor => Self::Descendant,
            Self::Parent => Self::Child,
            Self::Sibling => Self::Sibling,
        }
    }
}

/// The spans of one trace.
#[derive(Debug, Default)]
pub struct Tree {
    ids: Vec<String>,
    parents: Vec<Option<String>>,
    fits: Vec<Vec<bool>>,
    places: HashMap<String, usize>,
}

impl Tree {
    /// Adds a span with what it fulfils of the query's filters.
    pub fn add(&mut self, id: String, parent: Option<String>, fits: Vec<bool>) {
        self.places.insert(id.clone(), self.ids.len());
        self.ids.push(id);
        self.parents.push(parent);
        self.fits.push(fits);
    }

    /// The id of a span.
    pub fn id(&self, span: usize) -> &str {
        &self.ids[span]
    }

    fn parent(&self, span: usize) -> Option<usize> {
        self.places.get(self.parents[span].as_ref()?).copied()
    }

    /// Those above a span, from its parent on. Spans that claim to be above themselves end it.
    fn above(&self, span: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.parent(span), move |&above| self.parent(above)).take(self.ids.len())
    }

    /// The spans of `right` that are so to one of `left`.
    fn related(&self, kind: Kind, left: &BTreeSet<usize>, right: &BTreeSet<usize>) -> BTreeSet<usize> {
        let wanted: BTreeSet<usize> = match kind {
            Kind::Descendant => {
                right.iter().copied().filter(|&span| self.above(span).any(|above| left.contains(&above))).collect()
            }
            Kind::Child => {
                let below = |span: &usize| self.parent(*span).is_some_and(|parent| left.contains(&parent));
                right.iter().copied().filter(below).collect()
            }
            Kind::Ancestor => left.iter().flat_map(|&span| self.above(span)).collect(),
            Kind::Parent => left.iter().filter_map(|&span| self.parent(span)).collect(),
            Kind::Sibling => {
                let mut families: HashMap<&str, BTreeSet<usize>> = HashMap::new();
                for &span in left {
                    if let Some(parent) = &self.parents[span] {
                        families.entry(parent).or_default().insert(span);
                    }
                }
                let has_other = |span: &usize| {
                    let family = self.parents[*span].as_deref().and_then(|parent| families.get(parent));
                    family.is_some_and(|family| family.iter().any(|other| other != span))
                };
                right.iter().copied().filter(has_other).collect()
            }
        };
        wanted.intersection(right).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent (0) that calls a model (1) and two tools (2, 3), of which one calls a model again (4).
    fn tree() -> Tree {
        let mut tree = Tree::default();
        // Filters: agent, model, tool.
        for (id, parent, fits) in [
            ("a", None, [true, false, false]),
            ("m", Some("a"), [false, true, false]),
            ("s", Some("a"), [false, false, true]),
            ("t", Some("a"), [false, false, true]),
            ("n", Some("t"), [false, true, false]),
        ] {
            tree.add(id.into(), parent.map(str::to_owned), fits.to_vec());
        }
        tree
    }

    fn found(operator: &str, left: usize, right: usize) -> String {
        let (_, relation) = RELATIONS.into_iter().find(|(written, _)| *written == operator).unwrap();
        let set = Set::Related(relation, Box::new(Set::Filter(left)), Box::new(Set::Filter(right)));
        let tree = tree();
        set.found(&tree).into_iter().map(|span| tree.id(span)).collect()
    }

    #[test]
    fn spans_are_found_by_those_around_them() {
        let (agent, model, tool) = (0, 1, 2);
        for (operator, left, right, expected) in [
            (">>", agent, model, "mn"),
            (">", agent, model, "m"),
            (">", tool, model, "n"),
            (">>", model, tool, ""),
            ("<<", model, agent, "a"),
            ("<<", model, tool, "t"),
            ("<", model, agent, "a"),
            ("~", model, tool, "st"),
            ("~", tool, tool, "st"),
            ("~", agent, agent, ""),
            ("!>", agent, model, "n"),
            ("!>>", tool, model, "m"),
            ("!~", model, tool, ""),
            ("&>>", tool, model, "tn"),
            ("&<", model, tool, "tn"),
        ] {
            assert_eq!(found(operator, left, right), expected, "{left} {operator} {right}");
        }
    }

    #[test]
    fn sets_are_joined_and_loops_end() {
        let tree = tree();
        assert_eq!(Set::All(vec![Set::Filter(0), Set::Filter(1)]).found(&tree).len(), 3);
        let (_, child) = RELATIONS[12];
        let nothing = Set::Related(child, Box::new(Set::Filter(1)), Box::new(Set::Filter(2)));
        assert!(Set::All(vec![Set::Filter(0), nothing]).found(&tree).is_empty());
        let mut turning = Tree::default();
        turning.add("x".into(), Some("y".into()), vec![true]);
        turning.add("y".into(), Some("x".into()), vec![true]);
        let set = Set::Related(RELATIONS[4].1, Box::new(Set::Filter(0)), Box::new(Set::Filter(0)));
        assert_eq!(set.found(&turning).len(), 2);
    }
}
