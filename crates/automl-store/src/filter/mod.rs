//! The filters and orders of a search: `metrics.loss < 0.1 AND tags.team = 'vision'`, `metrics.loss DESC`.
//!
//! The grammar is that of MLflow's search: comparisons joined by AND; an identifier is `key` or `entity.key`, each part
//! perhaps in backticks or double quotes; texts are in quotes, lists in parentheses. What an identifier means is up to who
//! searches. Cost: linear in the length.

mod lex;
mod sql;

pub(crate) use sql::{Dynamic, compare};

use lex::{Lexeme, Token, lex};

/// A comparison of a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// What is compared.
    pub subject: Subject,
    /// How.
    pub op: Op,
    /// With what.
    pub operand: Operand,
}

/// An identifier, such as `metrics.loss`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// What stands before the first dot.
    pub entity: Option<String>,
    /// What stands behind it.
    pub key: String,
    /// Its first character, counted from 1.
    pub at: usize,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the grammar")]
pub enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    ILike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
}

/// What something is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Nothing, for `IS NULL`.
    Nothing,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Texts in parentheses.
    List(Vec<String>),
}

/// A wish for the order of what is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub subject: Subject,
    /// Least first.
    pub is_ascending: bool,
}

/// A filter or an order that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {at} of '{text}': {reason}")]
pub struct FilterError {
    /// The whole text.
    pub text: String,
    /// The character that is at fault, counted from 1.
    pub at: usize,
    /// What is wrong.
    pub reason: String,
}

/// Reads a filter; nothing if it is blank.
///
/// # Errors
/// Names the character at fault.
///
/// ```
/// use automl_store::filter::{Op, Operand, parse};
///
/// let clauses = parse("metrics.loss < 0.5 AND tags.`my team` LIKE 'vis%'")?;
/// assert_eq!(clauses[0].operand, Operand::Number(0.5));
/// assert_eq!((clauses[1].subject.key.as_str(), clauses[1].op), ("my team", Op::Like));
/// assert_eq!(parse("metrics.loss <").unwrap_err().at, 15);
/// # Ok::<(), automl_store::filter::FilterError>(())
/// ```
pub fn parse(text: &str) -> Result<Vec<Clause>, FilterError> {
    let mut reader = Reader::new(text)?;
    let mut clauses = Vec::new();
    if reader.peek().is_none() {
        return Ok(clauses);
    }
    loop {
        clauses.push(reader.clause()?);
        if reader.peek().is_none() {
            return Ok(clauses);
        }
        if !reader.word("AND") {
            return Err(reader.wrong("expected AND, which joins comparisons"));
        }
    }
}

/// Reads an order such as `metrics.loss DESC`; ascending unless it says otherwise.
///
/// # Errors
/// Names the character at fault.
pub fn parse_order(text: &str) -> Result<Order, FilterError> {
    let mut reader = Reader::new(text)?;
    let subject = reader.subject()?;
    let is_descending = reader.word("DESC");
    if !is_descending {
        reader.word("ASC");
    }
    if reader.peek().is_some() {
        return Err(reader.wrong("expected ASC or DESC and then the end"));
    }
    Ok(Order {
        subject,
        is_ascending: !is_descending,
    })
}

impl Subject {
    /// An error about this identifier.
    pub(crate) fn wrong(&self, reason: impl Into<String>) -> FilterError {
        FilterError {
            text: match &self.entity {
                Some(entity) => format!("{entity}.{}", self.key),
                None => self.key.clone(),
            },
            at: self.at,
            reason: reason.into(),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    lexemes: Vec<Lexeme>,
    next: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Result<Self, FilterError> {
        let lexemes = lex(text).map_err(|(at, reason)| FilterError {
            text: text.to_owned(),
            at,
            reason: reason.to_owned(),
        })?;
        Ok(Self {
            text,
            lexemes,
            next: 0,
        })
    }

    fn peek(&self) -> Option<&Token> {
        self.lexemes.get(self.next).map(|lexeme| &lexeme.token)
    }

    fn at(&self) -> usize {
        match self.lexemes.get(self.next) {
            Some(lexeme) => lexeme.at,
            None => self.text.chars().count() + 1,
        }
    }

    fn wrong(&self, reason: impl Into<String>) -> FilterError {
        FilterError {
            text: self.text.to_owned(),
            at: self.at(),
            reason: reason.into(),
        }
    }

    /// Takes a keyword, in any case, if it is next.
    fn word(&mut self, keyword: &str) -> bool {
        let is_next =
            matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(is_next);
        is_next
    }

    fn mark(&mut self, mark: &Token) -> bool {
        let is_next = self.peek() == Some(mark);
        self.next += usize::from(is_next);
        is_next
    }

    fn clause(&mut self) -> Result<Clause, FilterError> {
        let subject = self.subject()?;
        let op = self.op()?;
        let operand = match op {
            Op::IsNull | Op::IsNotNull => Operand::Nothing,
            Op::In | Op::NotIn => self.list()?,
            _ => self.operand()?,
        };
        Ok(Clause {
            subject,
            op,
            operand,
        })
    }

    /// `key`, `entity.key`, or `entity."key"`: a bare word holds dots, so only its first splits it.
    fn subject(&mut self) -> Result<Subject, FilterError> {
        let at = self.at();
        let first = match self.peek() {
            Some(Token::Word(word)) => (word.clone(), false),
            Some(Token::Name(name) | Token::Quoted(name)) => (name.clone(), true),
            _ => return Err(self.wrong("expected an identifier, such as metrics.loss")),
        };
        self.next += 1;
        let (entity, key) = match first {
            (word, false) if word.ends_with('.') => {
                let key = match self.peek() {
                    Some(Token::Name(name) | Token::Quoted(name)) => name.clone(),
                    _ => return Err(self.wrong("expected a key behind the dot")),
                };
                self.next += 1;
                (Some(word[..word.len() - 1].to_owned()), key)
            }
            (word, false) => match word.split_once('.') {
                Some((entity, key)) => (Some(entity.to_owned()), key.to_owned()),
                None => (None, word),
            },
            (name, true) => self.behind_name(name)?,
        };
        Ok(Subject { entity, key, at })
    }

    /// What follows a name in quotes: nothing, or a dot and a key.
    fn behind_name(&mut self, name: String) -> Result<(Option<String>, String), FilterError> {
        match self.peek().cloned() {
            Some(Token::Word(word)) if word == "." => {
                self.next += 1;
                match self.peek().cloned() {
                    Some(Token::Name(key) | Token::Quoted(key)) => {
                        self.next += 1;
                        Ok((Some(name), key))
                    }
                    _ => Err(self.wrong("expected a key behind the dot")),
                }
            }
            Some(Token::Word(word)) if word.starts_with('.') => {
                self.next += 1;
                Ok((Some(name), word[1..].to_owned()))
            }
            _ => Ok((None, name)),
        }
    }

    fn op(&mut self) -> Result<Op, FilterError> {
        if let Some(Token::Op(op)) = self.peek() {
            let op = *op;
            self.next += 1;
            return Ok(op);
        }
        let start = self.next;
        if self.word("LIKE") {
            return Ok(Op::Like);
        }
        if self.word("ILIKE") {
            return Ok(Op::ILike);
        }
        if self.word("IN") {
            return Ok(Op::In);
        }
        if self.word("NOT") && self.word("IN") {
            return Ok(Op::NotIn);
        }
        self.next = start;
        if self.word("IS") {
            let is_not = self.word("NOT");
            if self.word("NULL") {
                return Ok(if is_not { Op::IsNotNull } else { Op::IsNull });
            }
        }
        self.next = start;
        Err(self.wrong(
            "expected a comparison: =, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL or IS NOT NULL",
        ))
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        let operand = match self.peek() {
            Some(Token::Text(text) | Token::Quoted(text)) => Operand::Text(text.clone()),
            Some(Token::Word(word)) => match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Operand::Number(number),
                _ => return Err(self.wrong("a text must be in quotes")),
            },
            Some(Token::Open) => return self.list(),
            _ => return Err(self.wrong("expected a number or a text in quotes")),
        };
        self.next += 1;
        Ok(operand)
    }

    fn list(&mut self) -> Result<Operand, FilterError> {
        if !self.mark(&Token::Open) {
            return Err(self.wrong("expected a list in parentheses"));
        }
        let mut texts = Vec::new();
        loop {
            match self.peek() {
                Some(Token::Text(text) | Token::Quoted(text)) => texts.push(text.clone()),
                _ => return Err(self.wrong("expected a text in quotes")),
            }
            self.next += 1;
            if self.mark(&Token::Close) {
                return Ok(Operand::List(texts));
            }
            if !self.mark(&Token::Comma) {
                return Err(self.wrong("expected a comma or a closing parenthesis"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
