use super::parse_expression;
