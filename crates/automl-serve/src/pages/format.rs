//! Numbers, times and sizes as people read them.

use automl_store::rfc3339;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A measured number with five digits, which is what a table can hold and an eye can compare.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.into();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e9).contains(&size) {
        let text = format!("{value:.4e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", trimmed(digits)).replace('-', "−");
    }
    let n_decimals = (4 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{value:.n_decimals$}");
    trimmed(&text).replace('-', "−")
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// A count with commas between thousands.
pub(super) fn count(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if count < 0 {
        format!("−{text}")
    } else {
        text
    }
}

/// A count with its noun: `1 run`, `2 runs`.
pub(super) fn counted(n: i64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// How long something took, in its two greatest units.
pub(super) fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    match ms {
        ..SECOND => format!("{ms} ms"),
        SECOND..MINUTE => format!("{:.1} s", ms as f64 / 1000.0),
        MINUTE..HOUR => format!("{} min {} s", ms / MINUTE, ms % MINUTE / SECOND),
        HOUR..DAY => format!("{} h {} min", ms / HOUR, ms % HOUR / MINUTE),
        _ => format!("{} d {} h", ms / DAY, ms % DAY / HOUR),
    }
}

/// How long ago something was; its date if that is long ago or yet to come.
pub(super) fn ago(ms: i64, now_ms: i64) -> String {
    match now_ms.saturating_sub(ms) {
        age if age.abs() < MINUTE => "just now".into(),
        age @ MINUTE..HOUR => format!("{} min ago", age / MINUTE),
        age @ HOUR..DAY => format!("{} h ago", age / HOUR),
        age if (DAY..30 * DAY).contains(&age) => match age / DAY {
            1 => "yesterday".into(),
            days => format!("{days} days ago"),
        },
        _ => moment(ms).chars().take(10).collect(),
    }
}

/// A moment in UTC: `2026-11-26 13:15:33 UTC`.
pub(super) fn moment(ms: i64) -> String {
    let text = rfc3339(ms.saturating_mul(1000));
    let text: String = text
        .chars()
        .take_while(|letter| *letter != '.' && *letter != 'Z')
        .collect();
    format!("{} UTC", text.replace('T', " "))
}

/// The size of a file.
pub(super) fn bytes(n_bytes: u64) -> String {
    let mut size = n_bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 999.5 {
            let n_decimals = usize::from(unit != "B" && size < 10.0);
            return format!("{size:.n_decimals$} {unit}");
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// The beginning of a text, and whether that is not all.
pub(super) fn clip(text: &str, n_max: usize) -> (&str, bool) {
    match text.char_indices().nth(n_max) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

/// The metric that says most: one whose name tells which way is better, and rather one of held-out rows than of training.
pub(super) fn main_metric<'a>(
    keys: impl Iterator<Item = &'a str> + Clone,
) -> Option<(&'a str, bool)> {
    const HELD_OUT: &[&str] = &[
        "val",
        "valid",
        "validation",
        "test",
        "eval",
        "holdout",
        "cv",
    ];
    let told = keys.filter_map(|key| Some((key, is_greater_better(key)?)));
    let is_held_out = |(key, _): &(&str, bool)| {
        let lower = key.to_lowercase();
        lower
            .split(|letter: char| !letter.is_alphanumeric())
            .any(|word| HELD_OUT.contains(&word))
    };
    told.clone()
        .find(is_held_out)
        .or_else(|| told.clone().next())
}

/// Whether more of a metric is better, as far as its name tells.
pub(super) fn is_greater_better(key: &str) -> Option<bool> {
    const LESS: &[&str] = &[
        "error",
        "rmse",
        "mse",
        "mae",
        "mape",
        "perplexity",
        "deviance",
        "nll",
        "wer",
        "brier",
    ];
    const MORE: &[&str] = &[
        "acc",
        "accuracy",
        "auc",
        "f1",
        "r2",
        "score",
        "precision",
        "recall",
        "map",
        "ndcg",
        "bleu",
        "iou",
        "mcc",
        "kappa",
    ];
    let lower = key.to_lowercase();
    let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
    let is_less = |word: &str| LESS.contains(&word) || word.ends_with("loss");
    if words.clone().any(is_less) {
        return Some(false);
    }
    words.any(|word| MORE.contains(&word)).then_some(true)
}
