//! DataFusion's errors as ours: the questioner's mistakes, limits, and faults of the program.

use std::collections::BTreeSet;

use datafusion::arrow::error::ArrowError;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;

use crate::content::MISPLACED;
use crate::yielding::NobodyWaits;
use crate::{LimitName, Position, QueryError};

/// A column is suggested where it differs by at most this many letters.
const MAX_EDITS: usize = 2;

/// An error of the SQL parser.
pub(crate) fn from_parser(error: DataFusionError) -> QueryError {
    match error {
        DataFusionError::SQL(error, _) => match *error {
            ParserError::RecursionLimitExceeded => {
                QueryError::invalid("the query is nested too deeply; take brackets or subqueries out of each other")
            }
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => placed(&message),
        },
        DataFusionError::Diagnostic(_, inner) => from_parser(*inner),
        other => convert(other),
    }
}

/// Any error of planning or running a query.
pub(crate) fn convert(error: DataFusionError) -> QueryError {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let position = diagnostic.span.map(|span| Position { line: span.start.line, column: span.start.column });
            match (convert(*inner), position) {
                (QueryError::Invalid { message, position: None }, Some(position)) => {
                    QueryError::Invalid { message: format!("{message} (at {position})"), position: Some(position) }
                }
                (other, _) => other,
            }
        }
        DataFusionError::Context(_, inner) => convert(*inner),
        DataFusionError::Shared(inner) => convert_ref(&inner),
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => convert(first),
            None => QueryError::Internal("an empty list of errors".into()),
        },
        DataFusionError::ArrowError(error, _) => from_arrow(*error),
        other => convert_ref(&other),
    }
}

/// As [`convert`], for errors that several streams share and nobody owns.
fn convert_ref(error: &DataFusionError) -> QueryError {
    match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => convert_ref(inner),
        DataFusionError::Shared(inner) => convert_ref(inner),
        DataFusionError::Collection(errors) if !errors.is_empty() => convert_ref(&errors[0]),
        DataFusionError::ResourcesExhausted(_) => QueryError::Limit {
            name: LimitName::QueryBytes,
            limit: "memory of all running queries".into(),
            advice: "narrow the time range, group by fewer values or ask for fewer columns",
        },
        DataFusionError::SQL(error, _) => placed(&error.to_string()),
        DataFusionError::SchemaError(error, _) => QueryError::invalid(schema_message(error)),
        DataFusionError::Plan(message)
        | DataFusionError::NotImplemented(message)
        | DataFusionError::Execution(message)
        | DataFusionError::Configuration(message) => QueryError::invalid(tidy(message)),
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ArrowError::ExternalError(inner) => external(inner.as_ref()),
            ArrowError::ComputeError(_)
            | ArrowError::CastError(_)
            | ArrowError::ParseError(_)
            | ArrowError::DivideByZero
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::InvalidArgumentError(_) => QueryError::invalid(tidy(&error.to_string())),
            other => QueryError::Internal(other.to_string()),
        },
        DataFusionError::External(inner) => external(inner.as_ref()),
        DataFusionError::Internal(message) if message.contains(MISPLACED) => QueryError::invalid(
            "content() cannot be worked out here: take it in the SELECT list or the WHERE clause of a subquery, and go on from there",
        ),
        other => QueryError::Internal(other.strip_backtrace()),
    }
}

fn from_arrow(error: ArrowError) -> QueryError {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<DataFusionError>() {
            Ok(inner) => convert(*inner),
            Err(inner) => external(inner.as_ref()),
        },
        other => convert_ref(&DataFusionError::ArrowError(Box::new(other), None)),
    }
}

fn external(error: &(dyn std::error::Error + Send + Sync + 'static)) -> QueryError {
    match error.downcast_ref::<DataFusionError>() {
        Some(inner) => convert_ref(inner),
        // The regular expression of a query is a value, found wrong only when it is used.
        None if error.is::<NobodyWaits>() => QueryError::out_of_time(),
        None if error.to_string().starts_with("regex parse error") => QueryError::invalid(error.to_string()),
        None => QueryError::Internal(error.to_string()),
    }
}

fn schema_message(error: &SchemaError) -> String {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return error.to_string();
    };
    let missing = format!("there is no column `{}`", field.flat_name());
    let known: BTreeSet<&str> = valid_fields.iter().map(|field| field.name()).collect();
    let likeness = |name: &str| levenshtein(&field.name().to_lowercase(), &name.to_lowercase());
    match known.iter().map(|name| (likeness(name), *name)).min() {
        None => missing,
        Some((edits, nearest)) if edits <= MAX_EDITS => format!("{missing}; did you mean `{nearest}`?"),
        Some(_) => format!("{missing}; the columns here are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// A parser's message with its `at Line: 1, Column: 8` read back as a place.
fn placed(message: &str) -> QueryError {
    let message = tidy(message);
    let Some((before, place)) = message.rsplit_once(" at Line: ") else {
        return QueryError::invalid(message);
    };
    let mut numbers =
        place.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty()).map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(line)), Some(Ok(column))) => {
            let position = Position { line, column };
            QueryError::Invalid { message: format!("{before} (at {position})"), position: Some(position) }
        }
        _ => QueryError::invalid(message),
    }
}

/// How the engine begins the useful part of its message on wrong arguments.
const NO_FUNCTION: &str = "No function matches the given name and argument types";

/// Takes the engine's own prefixes and asides off a message.
fn tidy(message: &str) -> String {
    const PREFIXES: [&str; 9] = [
        "SQL error: ",
        "sql parser error: ",
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "Compute error: ",
        "Cast error: ",
        "Parser error: ",
        "Invalid argument error: ",
    ];
    let mut rest = message.trim();
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = shorter;
    }
    // What precedes this sentence is about the engine's own attempts, and may even ask for a bug report.
    if let Some(at) = rest.find(NO_FUNCTION) {
        rest = &rest[at..];
    }
    // Backtraces follow the message when a build asks for them.
    rest.split("\n\nbacktrace:")
        .next()
        .unwrap_or(rest)
        .trim()
        .replace("\n\tCandidate functions:\n\t", " It takes: ")
        .replace("\n\t", ", ")
}
