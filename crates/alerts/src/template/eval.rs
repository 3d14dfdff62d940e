//! Expanding a template.

use std::collections::BTreeMap;

use super::functions;
use super::lex::place;
use super::parse::{Arg, ArgKind, Defined, Node, Parsed, Pipe};
use super::value::{MapKind, Value};
use super::{TemplateError, World};

/// Bytes a template may expand to.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;
/// Nodes a template may run through, loops and templates it calls included.
pub const MAX_STEPS: usize = 200_000;
/// Templates that may call each other.
const MAX_CALLS: usize = 50;

/// Why the evaluation of a list ended.
enum Flow {
    Next,
    Break,
    Continue,
}

type Outcome<T> = Result<T, String>;

pub(super) fn expand(
    parsed: &Parsed,
    defined: &BTreeMap<&str, &Defined>,
    data: &Value,
    world: &mut dyn World,
) -> Result<String, TemplateError> {
    let mut run = Run {
        defined,
        world,
        out: String::new(),
        variables: vec![(String::new(), data.clone())],
        steps: 0,
        calls: 0,
        at: parsed.skipped,
    };
    match run.list(&parsed.body, data) {
        Ok(_) => Ok(run.out),
        Err(message) => Err(TemplateError { at: place(&parsed.text, run.at, parsed.skipped), message }),
    }
}

struct Run<'a> {
    defined: &'a BTreeMap<&'a str, &'a Defined>,
    world: &'a mut dyn World,
    out: String,
    variables: Vec<(String, Value)>,
    steps: usize,
    calls: usize,
    at: usize,
}

impl Run<'_> {
    fn list(&mut self, nodes: &[Node], dot: &Value) -> Outcome<Flow> {
        for node in nodes {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(format!("the template takes more than {MAX_STEPS} steps"));
            }
            let flow = self.node(node, dot)?;
            if self.out.len() > MAX_OUTPUT_BYTES {
                return Err(format!("the template expands to more than {MAX_OUTPUT_BYTES} bytes"));
            }
            if !matches!(flow, Flow::Next) {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Outcome<Flow> {
        let known = self.variables.len();
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Print(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.out.push_str(&value.to_string());
                }
            }
            Node::If { pipe, then, otherwise } => {
                let chosen = if self.pipe(pipe, dot)?.is_true() { then } else { otherwise };
                let flow = self.list(chosen, dot)?;
                self.variables.truncate(known);
                return Ok(flow);
            }
            Node::With { pipe, then, otherwise } => {
                let value = self.pipe(pipe, dot)?;
                let flow = if value.is_true() { self.list(then, &value) } else { self.list(otherwise, dot) }?;
                self.variables.truncate(known);
                return Ok(flow);
            }
            Node::Range { pipe, each, otherwise } => {
                self.range(pipe, each, otherwise, dot)?;
                self.variables.truncate(known);
            }
            Node::Template { name, pipe, at } => {
                let value = pipe.as_ref().map_or(Ok(Value::Nil), |pipe| self.pipe(pipe, dot))?;
                self.at = *at;
                let body = *self.defined.get(name.as_str()).ok_or_else(|| format!("template {name:?} not defined"))?;
                self.call(body, value)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn call(&mut self, body: &[Node], data: Value) -> Outcome<()> {
        self.calls += 1;
        if self.calls > MAX_CALLS {
            return Err(format!("templates call each other more than {MAX_CALLS} deep"));
        }
        let outer = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        let outcome = self.list(body, &data);
        self.variables = outer;
        self.calls -= 1;
        outcome.map(|_| ())
    }

    fn range(&mut self, pipe: &Pipe, each: &[Node], otherwise: &[Node], dot: &Value) -> Outcome<()> {
        // The variables of a range stand for key and value of each turn, not for the list.
        let value = self.commands(pipe, dot)?;
        let pairs: Vec<(Value, Value)> = match &value {
            Value::List(items) => {
                items.iter().cloned().enumerate().map(|(at, item)| (Value::Int(at as i64), item)).collect()
            }
            Value::Map(MapKind::Texts | MapKind::Any, map) => {
                map.iter().map(|(name, value)| (Value::text(name), value.clone())).collect()
            }
            Value::Int(count) => {
                (0..(*count).clamp(0, MAX_STEPS as i64)).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            Value::Nil => Vec::new(),
            other => return Err(format!("range can't iterate over {other}")),
        };
        if pairs.is_empty() {
            self.list(otherwise, dot)?;
            return Ok(());
        }
        let known = self.variables.len();
        for (key, item) in pairs {
            match pipe.variables.as_slice() {
                [] => {}
                [value] => self.set(value, item.clone(), pipe.assigns),
                [first, value, ..] => {
                    self.set(first, key, pipe.assigns);
                    self.set(value, item.clone(), pipe.assigns);
                }
            }
            let flow = self.list(each, &item)?;
            self.variables.truncate(known);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value, assigns: bool) {
        match self.variables.iter_mut().rev().find(|(other, _)| assigns && other == name) {
            Some((_, slot)) => *slot = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Outcome<Value> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.set(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Outcome<Value> {
        self.at = pipe.at;
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, last, dot)?);
            self.at = pipe.at;
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(&mut self, args: &[Arg], last: Option<Value>, dot: &Value) -> Outcome<Value> {
        let Some((first, rest)) = args.split_first() else { return Ok(Value::Nil) };
        match &first.kind {
            ArgKind::Function(name) if first.fields.is_empty() => self.function(name, rest, last, dot),
            _ if rest.is_empty() && last.is_none() => self.arg(first, dot),
            _ => {
                let Some((method, path)) = first.fields.split_last() else {
                    return Err("can't give argument to non-function".into());
                };
                let mut value = self.bare(&first.kind, dot)?;
                for name in path {
                    value = field(&value, name)?;
                }
                let mut given = rest.iter().map(|arg| self.arg(arg, dot)).collect::<Outcome<Vec<_>>>()?;
                given.extend(last);
                functions::method(&value, method, &given)
            }
        }
    }

    fn function(&mut self, name: &str, args: &[Arg], last: Option<Value>, dot: &Value) -> Outcome<Value> {
        if matches!(name, "and" | "or") {
            // These two stop at the first argument that decides.
            let mut value = Value::Nil;
            for arg in args {
                value = self.arg(arg, dot)?;
                if value.is_true() == (name == "or") {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut values = args.iter().map(|arg| self.arg(arg, dot)).collect::<Outcome<Vec<_>>>()?;
        values.extend(last);
        let own = self.world.call(name, &values);
        own.unwrap_or_else(|| functions::call(name, &values, self.world))
            .map_err(|error| format!("error calling {name}: {error}"))
    }

    fn arg(&mut self, arg: &Arg, dot: &Value) -> Outcome<Value> {
        let mut value = self.bare(&arg.kind, dot)?;
        for name in &arg.fields {
            value = field(&value, name)?;
        }
        Ok(value)
    }

    fn bare(&mut self, kind: &ArgKind, dot: &Value) -> Outcome<Value> {
        Ok(match kind {
            ArgKind::Dot => dot.clone(),
            ArgKind::Nil => Value::Nil,
            ArgKind::Bool(value) => Value::Bool(*value),
            ArgKind::Int(value) => Value::Int(*value),
            ArgKind::Float(value) => Value::Float(*value),
            ArgKind::Text(text) => Value::text(text),
            ArgKind::Variable(name) => {
                let found = self.variables.iter().rev().find(|(other, _)| other == name);
                found.map(|(_, value)| value.clone()).ok_or_else(|| format!("undefined variable: ${name}"))?
            }
            ArgKind::Function(name) => self.function(name, &[], None, dot)?,
            ArgKind::Pipe(pipe) => self.pipe(pipe, dot)?,
        })
    }
}

/// `.name` of a value.
fn field(value: &Value, name: &str) -> Outcome<Value> {
    if let Value::Map(kind, map) = value {
        // Methods of label sets come before labels of the same name, as in Go.
        if *kind != MapKind::Texts || !functions::is_method(name) {
            return match (map.get(name), kind) {
                (Some(found), _) => Ok(found.clone()),
                (None, MapKind::Texts) => Ok(Value::text("")),
                (None, MapKind::Any) => Ok(Value::Nil),
                (None, MapKind::Struct(of)) => Err(format!("can't evaluate field {name} in type {of}")),
            };
        }
    }
    if *value == Value::Nil {
        return Err(format!("nil data; no entry for key {name:?}"));
    }
    functions::method(value, name, &[])
}
