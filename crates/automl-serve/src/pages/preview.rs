//! How a file begins, as far as a page can show it. Nothing that is shown can run: text is text, pictures are pictures,
//! and HTML stands in a frame that may neither run scripts nor fetch anything.

use super::format;
use maud::{Markup, html};

/// Bytes of a file that are looked at.
pub(super) const BYTES_MAX: u64 = 256 << 10;
/// Characters of text that are shown.
const TEXT_MAX: usize = 60_000;
const N_ROWS: usize = 50;
const N_COLUMNS: usize = 40;
const CELL_MAX: usize = 80;

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Picture,
    Page,
    Json,
    Table(char),
    Other,
}

impl Kind {
    pub(super) fn of(path: &str) -> Self {
        let lower = path.to_lowercase();
        match lower.rsplit('.').next().unwrap_or_default() {
            "png" | "jpg" | "jpeg" | "gif" | "svg" | "webp" => Self::Picture,
            "html" | "htm" => Self::Page,
            "json" => Self::Json,
            "csv" => Self::Table(','),
            "tsv" => Self::Table('\t'),
            _ => Self::Other,
        }
    }

    /// Whether the page itself shows what the file holds, rather than the browser.
    pub(super) fn is_read(self) -> bool {
        !matches!(self, Self::Picture | Self::Page)
    }
}

/// The beginning of a file of text; nothing if it is not text.
pub(super) fn text(kind: Kind, bytes: &[u8], n_bytes: u64) -> Option<Markup> {
    let is_whole = bytes.len() as u64 == n_bytes;
    let text = as_text(bytes, is_whole)?;
    let table = match kind {
        Kind::Table(delimiter) => table(text, delimiter, is_whole),
        _ => None,
    };
    if let Some(table) = table {
        return Some(table);
    }
    let value: Option<serde_json::Value> = match kind {
        Kind::Json if is_whole => serde_json::from_str(text).ok(),
        _ => None,
    };
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let (shown, is_cut) = format::clip(pretty.as_deref().unwrap_or(text), TEXT_MAX);
    Some(html! {
        pre.file { (shown) }
        @if is_cut || !is_whole { p.soft { "The beginning of " (format::bytes(n_bytes)) "." } }
    })
}

/// UTF-8 without control characters; the last letter of a part may be cut.
fn as_text(bytes: &[u8], is_whole: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if !is_whole && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_odd = |letter: char| letter.is_control() && !"\n\r\t\u{1b}\u{c}".contains(letter);
    (!text.contains(is_odd)).then_some(text)
}

/// The first rows of a delimited file; nothing if it has but one column.
fn table(text: &str, delimiter: char, is_whole: bool) -> Option<Markup> {
    let mut rows = rows(text, delimiter, N_ROWS + 2);
    let is_cut = rows.len() > N_ROWS + 1 || !is_whole;
    rows.truncate(N_ROWS + 1);
    let (names, rows) = rows.split_first()?;
    if names.len() < 2 {
        return None;
    }
    let is_number = |index: usize| {
        let mut cells = rows
            .iter()
            .filter_map(|row| row.get(index))
            .filter(|cell| !cell.is_empty())
            .peekable();
        cells.peek().is_some() && cells.all(|cell| cell.trim().parse::<f64>().is_ok())
    };
    let numbers: Vec<bool> = (0..names.len()).map(is_number).collect();
    let cell = |text: &str| {
        let (short, is_cut) = format::clip(text, CELL_MAX);
        format!("{short}{}", if is_cut { "…" } else { "" })
    };
    let right = |index: usize| numbers.get(index).copied().unwrap_or(false);
    Some(html! {
        div.card.scroll { table {
            thead { tr { @for (index, name) in names.iter().take(N_COLUMNS).enumerate() { th.n[right(index)] scope="col" { (cell(name)) } } } }
            tbody { @for row in rows { tr { @for (index, text) in row.iter().take(N_COLUMNS).enumerate() { td.n[right(index)] { (cell(text)) } } } } }
        } }
        @if is_cut { p.soft { "The first " (format::counted(rows.len() as i64, "row")) "." } }
        @if names.len() > N_COLUMNS { p.soft { "The first " (N_COLUMNS) " of " (names.len()) " columns." } }
    })
}

/// The cells of some first rows; quotes hold delimiters and line ends, and two quotes in them are one.
fn rows(text: &str, delimiter: char, n_max: usize) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut letters = text
        .trim_start_matches('\u{feff}')
        .trim_end()
        .chars()
        .peekable();
    while let Some(letter) = letters.next() {
        let n_rows = rows.len();
        let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) else {
            break;
        };
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            '\n' if !is_quoted => {
                if n_rows == n_max {
                    break;
                }
                rows.push(vec![String::new()]);
            }
            '\r' if !is_quoted => {}
            letter if letter == delimiter && !is_quoted => {
                if let Some(row) = rows.last_mut() {
                    row.push(String::new());
                }
            }
            letter => cell.push(letter),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{Kind, as_text, rows, text};

    #[test]
    fn quotes_hold_what_would_part_cells() {
        let found = rows("a,b\r\n\"x, \"\"y\"\"\n\",2\n", ',', 10);
        assert_eq!(found, [["a", "b"], ["x, \"y\"\n", "2"]]);
    }

    #[test]
    fn only_text_is_shown_as_text() {
        assert_eq!(as_text("caf\u{e9}".as_bytes(), true), Some("café"));
        assert_eq!(
            as_text(&"café".as_bytes()[..4], false),
            Some("caf"),
            "a letter that was cut"
        );
        assert_eq!(as_text(&"café".as_bytes()[..4], true), None);
        assert_eq!(as_text(b"\x89PNG\0", true), None);
        let shown = text(Kind::of("a.json"), b"{\"a\":\"<b>\"}", 11)
            .unwrap()
            .into_string();
        assert!(
            shown.contains("\"a\": \"&lt;b&gt;\"")
                || shown.contains("&quot;a&quot;: &quot;&lt;b&gt;&quot;"),
            "{shown}"
        );
    }
}
