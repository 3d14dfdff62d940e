//! From pieces to a tree. Names of functions and variables are checked here, so that a rule with a typing error is refused
//! when it is read and not when it fires.

use std::collections::BTreeMap;

use super::TemplateError;
use super::functions;
use super::lex::{Piece, Word, pieces, place};

/// Blocks that may be inside each other.
const MAX_NESTING: usize = 64;

/// A template read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub body: Vec<Node>,
    pub defined: BTreeMap<String, Defined>,
    /// The whole text with the prelude, and the length of the prelude.
    pub text: String,
    pub skipped: usize,
}

/// A template defined by name.
pub(super) type Defined = Vec<Node>;

#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Print(Pipe),
    If { pipe: Pipe, then: Vec<Node>, otherwise: Vec<Node> },
    With { pipe: Pipe, then: Vec<Node>, otherwise: Vec<Node> },
    Range { pipe: Pipe, each: Vec<Node>, otherwise: Vec<Node> },
    Template { name: String, pipe: Option<Pipe>, at: usize },
    Break,
    Continue,
}

/// Commands, the result of each the last argument of the next.
#[derive(Debug)]
pub(super) struct Pipe {
    pub variables: Vec<String>,
    pub assigns: bool,
    pub commands: Vec<Vec<Arg>>,
    pub at: usize,
}

#[derive(Debug)]
pub(super) struct Arg {
    pub kind: ArgKind,
    /// `.a.b` behind it.
    pub fields: Vec<String>,
}

#[derive(Debug)]
pub(super) enum ArgKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
}

/// Reads a template; `more` are functions of the caller's own.
pub(super) fn parse(text: &str, skipped: usize, more: &'static [&'static str]) -> Result<Parsed, TemplateError> {
    let mut parser = Parser {
        pieces: pieces(text, skipped)?.into_iter(),
        variables: vec![String::new()],
        defined: BTreeMap::new(),
        depth: 0,
        loops: 0,
        more,
    };
    let located = |(at, message): Failure| TemplateError { at: place(text, at, skipped), message };
    let (body, end) = parser.list(true).map_err(located)?;
    debug_assert!(matches!(end, End::File));
    Ok(Parsed { body, defined: parser.defined, text: text.to_owned(), skipped })
}

type Failure = (usize, String);

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    variables: Vec<String>,
    defined: BTreeMap<String, Defined>,
    depth: usize,
    loops: usize,
    more: &'static [&'static str],
}

/// What ended a list of nodes.
enum End {
    File,
    Closed,
    Else(Words),
}

impl Parser {
    fn list(&mut self, top: bool) -> Result<(Vec<Node>, End), Failure> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err((0, format!("blocks are nested deeper than {MAX_NESTING} levels")));
        }
        let mut nodes = Vec::new();
        let mut last = 0;
        let end = loop {
            let (words, at) = match self.pieces.next() {
                None if top => break End::File,
                None => return Err((last, "unexpected end of the template: an {{end}} is missing".into())),
                Some(Piece::Text(text)) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Some(Piece::Action(words, at)) => (words, at),
            };
            last = at;
            let mut words = Words { words, at: 0, begin: at };
            let keyword = match words.peek() {
                Some(Word::Name(name)) => name.clone(),
                _ => String::new(),
            };
            match keyword.as_str() {
                "end" | "else" if top => return Err((at, format!("unexpected {{{{{keyword}}}}}"))),
                "end" => break End::Closed,
                "else" => {
                    words.next();
                    break End::Else(words);
                }
                _ => nodes.extend(self.node(&keyword, words)?),
            }
        };
        self.depth -= 1;
        Ok((nodes, end))
    }

    fn node(&mut self, keyword: &str, mut words: Words) -> Result<Option<Node>, Failure> {
        if matches!(keyword, "if" | "with" | "range" | "template" | "define" | "block" | "break" | "continue") {
            words.next();
        }
        Ok(Some(match keyword {
            "if" | "with" | "range" => self.control(keyword, words)?,
            "define" | "block" => {
                let name = words.text("a name in quotes")?;
                let pipe = (keyword == "block").then(|| self.pipe(&mut words)).transpose()?;
                words.end()?;
                let outer = std::mem::replace(&mut self.variables, vec![String::new()]);
                let (body, end) = self.list(false)?;
                self.variables = outer;
                if !matches!(end, End::Closed) {
                    return Err((words.begin, format!("unexpected {{{{else}}}} in the template {name:?}")));
                }
                self.defined.insert(name.clone(), body);
                match pipe {
                    Some(pipe) => Node::Template { name, pipe: Some(pipe), at: words.begin },
                    None => return Ok(None),
                }
            }
            "template" => {
                let name = words.text("a name in quotes")?;
                let pipe = if words.peek().is_some() { Some(self.pipe(&mut words)?) } else { None };
                words.end()?;
                Node::Template { name, pipe, at: words.begin }
            }
            "break" | "continue" if self.loops == 0 => {
                return Err((words.begin, format!("{{{{{keyword}}}}} outside of {{{{range}}}}")));
            }
            "break" => Node::Break,
            "continue" => Node::Continue,
            _ => {
                let pipe = self.pipe(&mut words)?;
                words.end()?;
                Node::Print(pipe)
            }
        }))
    }

    fn control(&mut self, keyword: &str, mut words: Words) -> Result<Node, Failure> {
        let known = self.variables.len();
        let pipe = self.pipe(&mut words)?;
        words.end()?;
        self.loops += usize::from(keyword == "range");
        let (then, end) = self.list(false)?;
        self.loops -= usize::from(keyword == "range");
        let otherwise = match end {
            End::Else(mut rest) => match rest.peek() {
                None => {
                    let (otherwise, end) = self.list(false)?;
                    if !matches!(end, End::Closed) {
                        return Err((words.begin, "expected {{end}}, found {{else}}".into()));
                    }
                    otherwise
                }
                Some(Word::Name(name)) if name == "if" || name == "with" => {
                    let name = name.clone();
                    rest.next();
                    vec![self.control(&name, rest)?]
                }
                Some(_) => return Err((rest.begin, "unexpected words after {{else".into())),
            },
            _ => Vec::new(),
        };
        self.variables.truncate(known);
        Ok(match keyword {
            "if" => Node::If { pipe, then, otherwise },
            "with" => Node::With { pipe, then, otherwise },
            _ => Node::Range { pipe, each: then, otherwise },
        })
    }

    fn pipe(&mut self, words: &mut Words) -> Result<Pipe, Failure> {
        let at = words.place();
        let (variables, assigns) = self.declaration(words)?;
        let mut commands = Vec::new();
        loop {
            let mut args = Vec::new();
            while let Some(arg) = self.arg(words)? {
                args.push(arg);
            }
            if args.is_empty() {
                return Err((words.place(), "missing value for command".into()));
            }
            if !commands.is_empty() && !matches!(args[0].kind, ArgKind::Function(_)) && args[0].fields.is_empty() {
                return Err((words.place(), "non executable command in pipeline".into()));
            }
            commands.push(args);
            if !words.accept(&Word::Pipe) {
                break;
            }
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe { variables, assigns, commands, at })
    }

    fn declaration(&mut self, words: &mut Words) -> Result<(Vec<String>, bool), Failure> {
        let mut variables = Vec::new();
        let mut ahead = words.at;
        loop {
            let Some((Word::Variable(name), _)) = words.words.get(ahead) else { return Ok((Vec::new(), false)) };
            variables.push(name.clone());
            ahead += 1;
            match words.words.get(ahead) {
                Some((Word::Comma, _)) => ahead += 1,
                Some((Word::Declare, _)) => {
                    words.at = ahead + 1;
                    return Ok((variables, false));
                }
                Some((Word::Assign, at)) => {
                    if let Some(name) = variables.iter().find(|name| !self.variables.contains(name)) {
                        return Err((*at, format!("undefined variable \"${name}\"")));
                    }
                    words.at = ahead + 1;
                    return Ok((variables, true));
                }
                _ => return Ok((Vec::new(), false)),
            }
        }
    }

    fn arg(&mut self, words: &mut Words) -> Result<Option<Arg>, Failure> {
        let at = words.place();
        let mut fields = Vec::new();
        let kind = match words.peek() {
            None | Some(Word::Pipe | Word::Close) => return Ok(None),
            Some(word) => {
                let word = word.clone();
                words.next();
                match word {
                    Word::Dot => ArgKind::Dot,
                    Word::Field { name, .. } => {
                        fields.push(name);
                        ArgKind::Dot
                    }
                    Word::Int(number) => ArgKind::Int(number),
                    Word::Float(number) => ArgKind::Float(number),
                    Word::Text(text) => ArgKind::Text(text),
                    Word::Variable(name) => {
                        if !self.variables.contains(&name) {
                            return Err((at, format!("undefined variable \"${name}\"")));
                        }
                        ArgKind::Variable(name)
                    }
                    Word::Name(name) => match name.as_str() {
                        "true" => ArgKind::Bool(true),
                        "false" => ArgKind::Bool(false),
                        "nil" => ArgKind::Nil,
                        _ if functions::exists(&name) || self.more.contains(&name.as_str()) => ArgKind::Function(name),
                        _ => return Err((at, format!("function {name:?} not defined"))),
                    },
                    Word::Open => {
                        self.depth += 1;
                        if self.depth > MAX_NESTING {
                            return Err((at, format!("nested deeper than {MAX_NESTING} levels")));
                        }
                        let pipe = self.pipe(words)?;
                        self.depth -= 1;
                        if !words.accept(&Word::Close) {
                            return Err((at, "unclosed left paren".into()));
                        }
                        ArgKind::Pipe(Box::new(pipe))
                    }
                    other => return Err((at, format!("unexpected {other:?} in an action"))),
                }
            }
        };
        while let Some(Word::Field { name, chained: true }) = words.peek() {
            fields.push(name.clone());
            words.next();
        }
        Ok(Some(Arg { kind, fields }))
    }
}

/// The words of one action.
struct Words {
    words: Vec<(Word, usize)>,
    at: usize,
    begin: usize,
}

impl Words {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at).map(|(word, _)| word)
    }

    fn next(&mut self) {
        self.at += 1;
    }

    fn place(&self) -> usize {
        self.words.get(self.at).map_or(self.begin, |(_, at)| *at)
    }

    fn accept(&mut self, word: &Word) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn text(&mut self, what: &str) -> Result<String, Failure> {
        match self.peek() {
            Some(Word::Text(text)) => {
                let text = text.clone();
                self.next();
                Ok(text)
            }
            _ => Err((self.place(), format!("expected {what}"))),
        }
    }

    fn end(&self) -> Result<(), Failure> {
        match self.peek() {
            None => Ok(()),
            Some(Word::Close) => Err((self.place(), "unexpected right paren".into())),
            Some(_) => Err((self.place(), "unexpected words at the end of an action".into())),
        }
    }
}
