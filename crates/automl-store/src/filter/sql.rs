//! Filters as SQL.

use super::{Clause, FilterError, Op, Operand};
use crate::db::{Arg, Dialect, Value};

/// A statement that grows, with the values of its places.
pub(crate) struct Dynamic {
    /// The text so far.
    pub(crate) sql: String,
    values: Vec<Value>,
    dialect: Dialect,
}

impl Dynamic {
    pub(crate) fn new(sql: impl Into<String>, dialect: Dialect) -> Self {
        Self {
            sql: sql.into(),
            values: Vec::new(),
            dialect,
        }
    }

    pub(crate) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// A place for a value, as text for the statement.
    pub(crate) fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    pub(crate) fn args(&self) -> Vec<Arg<'_>> {
        self.values.iter().map(Arg::from).collect()
    }

    /// Places for many texts, joined by commas.
    pub(crate) fn texts(&mut self, texts: &[String]) -> String {
        let places: Vec<String> = (texts.iter())
            .map(|text| self.place(Value::Text(text.clone())))
            .collect();
        places.join(", ")
    }
}

/// The comparison of an expression as SQL.
pub(crate) fn compare(
    statement: &mut Dynamic,
    expression: &str,
    clause: &Clause,
) -> Result<String, FilterError> {
    let sign = match clause.op {
        Op::Equal => "=",
        Op::NotEqual => "<>",
        Op::Less => "<",
        Op::LessOrEqual => "<=",
        Op::Greater => ">",
        Op::GreaterOrEqual => ">=",
        Op::Like | Op::ILike => return like(statement, expression, clause),
        Op::In | Op::NotIn => return within(statement, expression, clause),
        Op::IsNull => return Ok(format!("{expression} IS NULL")),
        Op::IsNotNull => return Ok(format!("{expression} IS NOT NULL")),
    };
    let value = match &clause.operand {
        Operand::Number(number) => Value::Real(*number),
        Operand::Text(text) => Value::Text(text.clone()),
        Operand::List(_) | Operand::Nothing => {
            return Err(clause.subject.wrong("a list is compared by IN or NOT IN"));
        }
    };
    let place = statement.place(value);
    Ok(format!("{expression} {sign} {place}"))
}

/// `%` is any text and `_` any character; there is no escape, in either database.
fn like(statement: &mut Dynamic, expression: &str, clause: &Clause) -> Result<String, FilterError> {
    let Operand::Text(pattern) = &clause.operand else {
        return Err(clause.subject.wrong("LIKE and ILIKE need a text in quotes"));
    };
    let is_any_case = clause.op == Op::ILike;
    let place = statement.place(Value::Text(pattern.clone()));
    let (left, right) = if is_any_case {
        (format!("lower({expression})"), format!("lower({place})"))
    } else {
        (expression.to_owned(), place)
    };
    Ok(match statement.dialect {
        Dialect::Sqlite => format!("{left} LIKE {right}"),
        Dialect::Postgres => format!("{left} LIKE {right} ESCAPE ''"),
    })
}

fn within(
    statement: &mut Dynamic,
    expression: &str,
    clause: &Clause,
) -> Result<String, FilterError> {
    let Operand::List(texts) = &clause.operand else {
        return Err(clause
            .subject
            .wrong("IN and NOT IN need a list of texts in parentheses"));
    };
    let places = statement.texts(texts);
    let sign = if clause.op == Op::In { "IN" } else { "NOT IN" };
    Ok(format!("{expression} {sign} ({places})"))
}
