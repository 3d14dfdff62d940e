//! From text to one statement that can only read.
//!
//! Everything a query may be is listed here and the rest is refused before anything is planned: one `SELECT` (with `WITH`,
//! set operations, subqueries) over the documented views, or `EXPLAIN` of one. What gets through is planned in a session
//! that knows no other catalog, no table functions and no file formats, so this check is the polite half of the fence, not the only one.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::format::ExplainStatementOptions;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, Query, Select, SetExpr, Spanned, Statement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::errors;
use crate::{LimitName, Position, QueryError};

/// Longest SQL text, in bytes.
pub const MAX_SQL_BYTES: usize = 100_000;
/// Most names, keywords and operators in an SQL text. Literals and commas are not counted, so long `IN` lists are fine;
/// what is counted can nest, and the planner walks nesting by recursion.
pub const MAX_SQL_WORDS: usize = 3_000;
/// Deepest nesting of brackets and subqueries the parser follows (DataFusion's own default).
const MAX_NESTING: usize = 50;

/// Reads `text` as one statement that only reads the named `views`.
pub(crate) fn parse(text: &str, views: &[&str]) -> Result<DfStatement, QueryError> {
    let tokens = tokens(text)?;
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(MAX_NESTING)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(errors::from_parser)?;
    let statement = match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => statement,
        (None, _) => return Err(QueryError::invalid("the query is empty; write one SELECT")),
        (Some(_), more) => {
            return Err(QueryError::invalid(format!("{} statements were given; send one SELECT at a time", more + 1)));
        }
    };
    check(&statement, views)?;
    Ok(statement)
}

/// Splits `text` into tokens within the limits on length.
fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, QueryError> {
    if text.len() > MAX_SQL_BYTES {
        return Err(QueryError::Limit {
            name: LimitName::SqlBytes,
            limit: format!("{MAX_SQL_BYTES} bytes of SQL"),
            advice: "shorten the query",
        });
    }
    let tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| invalid_at(&error.message, error.location))?;
    let words = tokens.iter().filter(|token| counts(&token.token)).count();
    if words > MAX_SQL_WORDS {
        return Err(QueryError::Limit {
            name: LimitName::SqlWords,
            limit: format!("{MAX_SQL_WORDS} names, keywords and operators, found {words}"),
            advice: "write long alternatives as one IN list",
        });
    }
    Ok(tokens)
}

/// Whether a token counts towards [`MAX_SQL_WORDS`].
fn counts(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_) | Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) | Token::EOF
    )
}

fn check(statement: &DfStatement, views: &[&str]) -> Result<(), QueryError> {
    match statement {
        DfStatement::Statement(statement) => check_query(statement, views),
        DfStatement::Explain(explain) => {
            let plain = ExplainStatementOptions::default();
            if explain.options != plain {
                return Err(QueryError::invalid(
                    "only plain EXPLAIN is available, without ANALYZE, VERBOSE or options",
                ));
            }
            match explain.statement.as_ref() {
                DfStatement::Statement(statement) => check_query(statement, views),
                _ => Err(refused("EXPLAIN of this statement")),
            }
        }
        DfStatement::CopyTo(_) => Err(refused("COPY")),
        DfStatement::CreateExternalTable(_) => Err(refused("CREATE EXTERNAL TABLE")),
        DfStatement::Reset(_) => Err(refused("RESET")),
    }
}

fn check_query(statement: &Statement, views: &[&str]) -> Result<(), QueryError> {
    let Statement::Query(query) = statement else {
        let word = statement.to_string().split_whitespace().next().unwrap_or_default().to_uppercase();
        return Err(refused(&word));
    };
    let mut ctes = Ctes::default();
    let _ = query.visit(&mut ctes);
    match query.visit(&mut Check { views, ctes: ctes.0 }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Names given by `WITH` anywhere in the query. Their scope is left to the planner.
#[derive(Default)]
struct Ctes(HashSet<String>);

impl Visitor for Ctes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.0.insert(folded(&cte.alias.name));
        }
        ControlFlow::Continue(())
    }
}

struct Check<'a> {
    views: &'a [&'a str],
    ctes: HashSet<String>,
}

impl Visitor for Check<'_> {
    type Break = QueryError;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<QueryError> {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            other => ControlFlow::Break(refused(other.to_string().split_whitespace().next().unwrap_or_default())),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<QueryError> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(refused("SELECT … FOR UPDATE"));
        }
        check_body(&query.body)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<QueryError> {
        match &select.into {
            Some(_) => ControlFlow::Break(refused("SELECT INTO")),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<QueryError> {
        match factor {
            TableFactor::Table { args: None, version: None, sample: None, .. }
            | TableFactor::Derived { sample: None, .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                ControlFlow::Break(invalid_at(
                    &format!("there is no table function `{name}`; read one of {}", self.views.join(", ")),
                    name.span().start,
                ))
            }
            other => ControlFlow::Break(invalid_at("this form of FROM is not available", other.span().start)),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<QueryError> {
        let known = match relation.0.as_slice() {
            [part] => part.as_ident().is_some_and(|ident| {
                let name = folded(ident);
                self.ctes.contains(&name) || self.views.contains(&name.as_str())
            }),
            _ => false,
        };
        if known {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(invalid_at(
            &format!("there is no table `{relation}`; the tables are {}", self.views.join(", ")),
            relation.span().start,
        ))
    }
}

/// Set operations nest to the left without brackets; a loop over the left side needs no stack.
fn check_body(body: &SetExpr) -> ControlFlow<QueryError> {
    let mut pending = vec![body];
    while let Some(body) = pending.pop() {
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) => {}
            SetExpr::SetOperation { left, right, .. } => pending.extend([left.as_ref(), right.as_ref()]),
            SetExpr::Values(_) => return ControlFlow::Break(refused("VALUES")),
            SetExpr::Table(_) => return ControlFlow::Break(refused("TABLE")),
            SetExpr::Insert(_) => return ControlFlow::Break(refused("INSERT")),
            SetExpr::Update(_) => return ControlFlow::Break(refused("UPDATE")),
            SetExpr::Delete(_) => return ControlFlow::Break(refused("DELETE")),
            SetExpr::Merge(_) => return ControlFlow::Break(refused("MERGE")),
        }
    }
    ControlFlow::Continue(())
}

/// The name a table reference means: unquoted names are lower case.
fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn refused(what: &str) -> QueryError {
    QueryError::invalid(format!(
        "{what} is not available: SQL here only reads; write SELECT, WITH … SELECT or EXPLAIN SELECT"
    ))
}

/// An error with its place, where the parser knew it.
pub(super) fn invalid_at(message: &str, at: Location) -> QueryError {
    if at == Span::empty().start {
        return QueryError::invalid(message);
    }
    let position = Position { line: at.line, column: at.column };
    QueryError::Invalid { message: format!("{message} (at {position})"), position: Some(position) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWS: &[&str] = &["runs", "spans"];

    fn refusal(text: &str) -> String {
        match parse(text, VIEWS) {
            Err(error) => error.to_string(),
            Ok(statement) => panic!("let through: {statement}"),
        }
    }

    #[test]
    fn reading_is_let_through() {
        for text in [
            "SELECT 1",
            "select * from runs;",
            "WITH slow AS (SELECT * FROM spans) SELECT * FROM slow JOIN runs USING (trace_id)",
            "SELECT a FROM runs UNION ALL (SELECT b FROM spans) ORDER BY 1 LIMIT 3",
            "EXPLAIN SELECT * FROM RUNS",
            "SELECT * FROM (SELECT * FROM runs) r, UNNEST(r.models)",
        ] {
            if let Err(error) = parse(text, VIEWS) {
                panic!("{text}: {error}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for (text, word) in [
            ("DROP TABLE runs", "DROP"),
            ("INSERT INTO runs SELECT * FROM runs", "INSERT"),
            ("WITH x AS (INSERT INTO runs SELECT 1 RETURNING *) SELECT * FROM x", "INSERT"),
            ("UPDATE runs SET name = 'x'", "UPDATE"),
            ("DELETE FROM runs", "DELETE"),
            ("COPY runs TO '/tmp/x.parquet'", "COPY"),
            ("COPY (SELECT * FROM runs) TO 's3://x/y'", "COPY"),
            ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "CREATE EXTERNAL TABLE"),
            ("CREATE VIEW v AS SELECT 1", "CREATE"),
            ("SET datafusion.execution.batch_size = 1", "SET"),
            ("RESET datafusion.execution.batch_size", "RESET"),
            ("SHOW TABLES", "SHOW"),
            ("SHOW ALL", "SHOW"),
            ("VALUES (1)", "VALUES"),
            ("SELECT * FROM (VALUES (1)) t", "VALUES"),
            ("SELECT * INTO x FROM runs", "SELECT INTO"),
            ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN"),
            ("EXPLAIN VERBOSE SELECT 1", "EXPLAIN"),
            ("EXPLAIN COPY runs TO 'x'", "EXPLAIN"),
            ("PREPARE p AS SELECT 1", "PREPARE"),
            ("BEGIN", "not available"),
        ] {
            let message = refusal(text);
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn only_the_views_are_tables() {
        for text in [
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM 'file.parquet'",
            "SELECT * FROM \"/etc/passwd\"",
            "SELECT * FROM other.public.runs",
            "SELECT * FROM runs WHERE trace_id IN (SELECT trace_id FROM secrets)",
            "SELECT (SELECT max(x) FROM a.b)",
            "SELECT * FROM read_parquet('x')",
            "SELECT * FROM parquet_metadata('x')",
            "SELECT * FROM generate_series(1, 10)",
            "SELECT * FROM TABLE(f(1))",
        ] {
            let message = refusal(text);
            assert!(message.contains("no table") || message.contains("not available"), "{text}: {message}");
        }
    }

    #[test]
    fn errors_say_where() {
        let error = parse("SELECT *\nFROM nowhere", VIEWS).unwrap_err();
        assert!(
            matches!(error, QueryError::Invalid { position: Some(Position { line: 2, column: 6 }), .. }),
            "{error:?}"
        );
        let error = parse("SELECT FROM WHERE", VIEWS).unwrap_err();
        assert!(matches!(error, QueryError::Invalid { position: Some(_), .. }), "{error:?}");
        let error = parse("SELECT 'open", VIEWS).unwrap_err();
        assert!(matches!(error, QueryError::Invalid { position: Some(Position { line: 1, .. }), .. }), "{error:?}");
    }

    #[test]
    fn empty_many_long_and_deep_are_refused_with_the_reason() {
        assert!(refusal("").contains("empty"));
        assert!(refusal(" ; ").contains("empty"));
        assert!(refusal("SELECT 1; SELECT 2").contains("one SELECT at a time"));
        assert!(refusal(&format!("SELECT '{}'", "x".repeat(MAX_SQL_BYTES))).contains("sql_bytes"));
        assert!(refusal(&format!("SELECT 1{}", "+1".repeat(MAX_SQL_WORDS))).contains("sql_words"));
        assert!(refusal(&format!("SELECT {}1{}", "(".repeat(500), ")".repeat(500))).contains("nested"));
        let long_list = vec!["'0123456789'"; 5_000].join(",");
        assert!(parse(&format!("SELECT * FROM runs WHERE trace_id IN ({long_list})"), VIEWS).is_ok());
    }
}
