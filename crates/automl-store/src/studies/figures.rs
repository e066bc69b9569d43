//! Numbers in a text, which reading gives back bit for bit, NaN aside: any NaN is one.

/// The text of numbers.
pub(super) fn write(figures: &[f64]) -> String {
    let texts: Vec<String> = figures.iter().map(|figure| format!("{figure:?}")).collect();
    texts.join(" ")
}

/// The numbers of a text.
pub(super) fn read(text: &str) -> Option<Vec<f64>> {
    text.split_whitespace()
        .map(|figure| figure.parse().ok())
        .collect()
}
