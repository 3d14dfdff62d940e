//! From YAML to rules, with everything Prometheus checks.

use std::collections::HashSet;
use std::sync::Arc;

use promql::Query;
use promql::ast::ValueType;

use super::{Group, MAX_FILE_BYTES, Rule, RuleFile, RuleKind};
use crate::template::Template;
use crate::yaml::{self, Fields, Node, Place, Problem, Problems};

pub(super) fn file(text: &str, lenient: bool) -> Result<RuleFile, Vec<Problem>> {
    let place = Place { line: 1, column: 1 };
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_FILE_BYTES} are allowed", text.len());
        return Err(vec![Problem { place, message }]);
    }
    let root = yaml::parse(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader { problems: Problems::default(), lenient };
    let mut file = RuleFile::default();
    if let Some(mut fields) = reader.problems.fields(&root, "a rule file") {
        let mut names = HashSet::new();
        for node in fields.list("groups", &mut reader.problems) {
            let Some(group) = reader.group(node) else { continue };
            if !names.insert(group.name.clone()) {
                reader.problems.add(node.place, format!("the group {:?} is there twice", group.name));
            }
            file.groups.push(group);
        }
        reader.finish(fields);
    }
    reader.problems.finish(file)
}

struct Reader {
    problems: Problems,
    lenient: bool,
}

impl Reader {
    fn finish(&mut self, fields: Fields<'_>) {
        if self.lenient { fields.ignore_rest() } else { fields.finish(&mut self.problems) }
    }

    fn group(&mut self, node: &Node) -> Option<Group> {
        let mut fields = self.problems.fields(node, "a group")?;
        let problems = &mut self.problems;
        let name = fields.text("name", problems);
        if name.is_empty() {
            problems.add(fields.place, "a group needs a `name`");
        }
        let interval_ms = fields.duration("interval", problems);
        if interval_ms == Some(0) {
            problems.add(fields.place, format!("group {name:?}: `interval` must be longer than 0s"));
        }
        let query_offset_ms = fields.duration("query_offset", problems).unwrap_or(0);
        let limit = fields.take("limit").map_or(0, |node| problems.integer(node, "`limit`"));
        let common = self.labels(&mut fields, &format!("group {name:?}"), true);
        let mut rules = Vec::new();
        for (at, node) in fields.list("rules", &mut self.problems).iter().enumerate() {
            rules.extend(self.rule(node, &name, at + 1, &common).map(Arc::new));
        }
        self.finish(fields);
        let limit = usize::try_from(limit).unwrap_or(0);
        Some(Group { name, interval_ms, query_offset_ms, limit, rules })
    }

    fn rule(&mut self, node: &Node, group: &str, number: usize, common: &[(String, Template)]) -> Option<Rule> {
        let mut fields = self.problems.fields(node, "a rule")?;
        let (alert, record) = (fields.text("alert", &mut self.problems), fields.text("record", &mut self.problems));
        let name = if alert.is_empty() { record.clone() } else { alert.clone() };
        let what = format!("group {group:?}, rule {number}, {name:?}");
        match (alert.is_empty(), record.is_empty()) {
            (true, true) => self.problems.add(node.place, format!("{what}: one of `alert` and `record` must be set")),
            (false, false) => {
                self.problems.add(node.place, format!("{what}: only one of `alert` and `record` may be set"))
            }
            _ => {}
        }
        let query = self.query(&mut fields, &what);
        let mut labels = self.labels(&mut fields, &what, alert.is_empty());
        for (name, template) in common {
            if !labels.iter().any(|(other, _)| other == name) {
                labels.push((name.clone(), template.clone()));
            }
        }
        let kind = if alert.is_empty() {
            for field in ["for", "keep_firing_for", "annotations"] {
                if let Some(place) = fields.take(field).and_then(|_| fields.place_of(field)) {
                    self.problems.add(place, format!("{what}: `{field}` is not for recording rules"));
                }
            }
            let place = fields.place_of("record").unwrap_or(node.place);
            let valid = |name: &str| promql::is_plain_metric(name);
            if !record.is_empty() && !valid(&record) {
                self.problems.add(place, format!("{what}: {record:?} is no metric name"));
            }
            RuleKind::Record
        } else {
            let hold_ms = fields.duration("for", &mut self.problems).unwrap_or(0);
            let keep_firing_ms = fields.duration("keep_firing_for", &mut self.problems).unwrap_or(0);
            let annotations = self.templates(&mut fields, "annotations", &what);
            RuleKind::Alert { hold_ms, keep_firing_ms, annotations }
        };
        self.finish(fields);
        Some(Rule { name, query: query?, labels, kind, place: node.place })
    }

    fn query(&mut self, fields: &mut Fields<'_>, what: &str) -> Option<Query> {
        let Some(node) = fields.take("expr") else {
            self.problems.add(fields.place, format!("{what}: `expr` must be set"));
            return None;
        };
        let text = self.problems.text(node, "`expr`");
        match promql::parse(&text) {
            Ok(query) if matches!(query.root.value_type(), ValueType::Vector | ValueType::Scalar) => Some(query),
            Ok(query) => {
                let found = query.root.value_type().as_str();
                self.problems.add(
                    node.place,
                    format!("{what}: the expression gives a {found}; a rule needs an instant vector or a scalar"),
                );
                None
            }
            Err(error) => {
                self.problems.add(node.place, format!("{what}: could not parse expression: {error}"));
                None
            }
        }
    }

    fn labels(&mut self, fields: &mut Fields<'_>, what: &str, literal: bool) -> Vec<(String, Template)> {
        if !literal {
            return self.templates(fields, "labels", what);
        }
        let Some(node) = fields.take("labels") else { return Vec::new() };
        let pairs = self.problems.texts(node, "labels");
        let mut found = Vec::new();
        for (key, value) in pairs {
            let name = key.text().unwrap_or_default();
            self.check_label(name, key.place, what);
            found.push((name.to_owned(), Template::literal(value.text().unwrap_or_default())));
        }
        found
    }

    fn check_label(&mut self, name: &str, place: Place, what: &str) {
        if name.is_empty() || name == "__name__" {
            self.problems.add(place, format!("{what}: {name:?} cannot be a label of a rule"));
        }
    }

    fn templates(&mut self, fields: &mut Fields<'_>, field: &'static str, what: &str) -> Vec<(String, Template)> {
        let Some(node) = fields.take(field) else { return Vec::new() };
        let singular = if field == "labels" { "label" } else { "annotation" };
        let pairs = self.problems.texts(node, field);
        let mut found = Vec::new();
        for (key, value) in pairs {
            let name = key.text().unwrap_or_default();
            if field == "labels" {
                self.check_label(name, key.place, what);
            } else if !promql::is_plain_label(name) {
                self.problems.add(key.place, format!("{what}: {name:?} is no name of an annotation"));
            }
            match Template::parse_alert(value.text().unwrap_or_default()) {
                Ok(template) => found.push((name.to_owned(), template)),
                Err(error) => self.problems.add(value.place, format!("{what}, {singular} {name:?}: {error}")),
            }
        }
        found
    }
}
