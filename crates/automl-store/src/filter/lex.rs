//! Cuts a filter into tokens.

use super::Op;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Bare: a keyword, an identifier with its dots, or a number.
    Word(String),
    /// In backticks.
    Name(String),
    /// In double quotes: a name or a text, as the place has it.
    Quoted(String),
    /// In single quotes.
    Text(String),
    Op(Op),
    Open,
    Close,
    Comma,
}

pub(super) struct Lexeme {
    pub(super) token: Token,
    /// Its first character, counted from 1.
    pub(super) at: usize,
}

/// The tokens of a text, or the character at fault and why.
pub(super) fn lex(text: &str) -> Result<Vec<Lexeme>, (usize, &'static str)> {
    let letters: Vec<char> = text.chars().collect();
    let mut lexemes = Vec::new();
    let mut place = 0;
    while let Some(&letter) = letters.get(place) {
        let at = place + 1;
        let (token, n_letters) = match letter {
            _ if letter.is_whitespace() => {
                place += 1;
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '`' | '"' | '\'' => {
                quoted(&letters[place..]).ok_or((at, "this quote is not closed"))?
            }
            '=' | '!' | '<' | '>' => {
                operator(&letters[place..]).ok_or((at, "'!' is only known in '!='"))?
            }
            _ if is_of_word(letter) => {
                let rest = &letters[place..];
                let length = rest
                    .iter()
                    .take_while(|&&letter| is_of_word(letter))
                    .count();
                (Token::Word(rest[..length].iter().collect()), length)
            }
            _ => return Err((at, "this character is only known inside quotes")),
        };
        lexemes.push(Lexeme { token, at });
        place += n_letters;
    }
    Ok(lexemes)
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || "_.-+/:@".contains(letter)
}

/// What stands in quotes; a doubled quote is one of the text.
fn quoted(letters: &[char]) -> Option<(Token, usize)> {
    let quote = letters[0];
    let mut text = String::new();
    let mut place = 1;
    loop {
        let &letter = letters.get(place)?;
        if letter != quote {
            text.push(letter);
            place += 1;
        } else if letters.get(place + 1) == Some(&quote) {
            text.push(quote);
            place += 2;
        } else {
            break;
        }
    }
    let token = match quote {
        '`' => Token::Name(text),
        '"' => Token::Quoted(text),
        _ => Token::Text(text),
    };
    Some((token, place + 1))
}

fn operator(letters: &[char]) -> Option<(Token, usize)> {
    let (op, length) = match (letters[0], letters.get(1)) {
        ('=', Some('=')) => (Op::Equal, 2),
        ('=', _) => (Op::Equal, 1),
        ('!', Some('=')) | ('<', Some('>')) => (Op::NotEqual, 2),
        ('<', Some('=')) => (Op::LessOrEqual, 2),
        ('<', _) => (Op::Less, 1),
        ('>', Some('=')) => (Op::GreaterOrEqual, 2),
        ('>', _) => (Op::Greater, 1),
        _ => return None,
    };
    Some((Token::Op(op), length))
}
