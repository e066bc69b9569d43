//! What all errors of the product share: a stable code, advice, and near matches for a name that was not found.

#[cfg(test)]
mod tests;

/// An error with a stable code and, where there is one, a next step for its reader.
///
/// `Display` says what failed and where; [`Coded::hint`] says what to do about it.
pub trait Coded: std::error::Error {
    /// A stable kebab-case name such as `data-column-missing`; never reused for another meaning.
    fn code(&self) -> &'static str;

    /// One sentence of advice, shown after the message.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The up to three `known` names that look most like `name`, best first.
///
/// ```
/// let known = ["income", "age", "outcome"];
/// assert_eq!(automl_core::nearest("incme", known), ["income"]);
/// assert!(automl_core::nearest("zzz", known).is_empty());
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let score = |candidate: &'a str| {
        let other = candidate.to_lowercase();
        let (wanted, other) = without_shared_extension(&wanted, &other);
        is_near(wanted, other).then(|| (strsim::jaro_winkler(wanted, other), candidate))
    };
    let mut scored: Vec<(f64, &str)> = known.into_iter().filter_map(score).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored
        .into_iter()
        .take(3)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}

/// Whether one of the two was probably meant for the other: they begin alike, or a letter in three differs at most.
fn is_near(a: &str, b: &str) -> bool {
    const MIN_START: usize = 3;
    let shorter = a.chars().count().min(b.chars().count());
    let n_alike = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let begins_alike = n_alike >= MIN_START && strsim::jaro_winkler(a, b) > 0.7;
    let longer = a.chars().count().max(b.chars().count());
    let n_differ_max = (longer / 3).max(1);
    // Of a single letter nothing would be left, if not the start.
    let has_common = shorter > 1 || n_alike == 1;
    let is_alike = has_common && strsim::osa_distance(a, b) <= n_differ_max;
    begins_alike || is_alike || a == b
}

/// Both without the extension that they share: `a.csv` and `b.csv` have nothing else in common.
fn without_shared_extension<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    match (a.rsplit_once('.'), b.rsplit_once('.')) {
        (Some((a_stem, a_end)), Some((b_stem, b_end))) if a_end == b_end => (a_stem, b_stem),
        _ => (a, b),
    }
}

/// Whether a write failed because the disk, or what may be written to it, is full.
pub fn is_out_of_space(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind as K;
    matches!(kind, K::StorageFull | K::QuotaExceeded | K::FileTooLarge)
}

/// Bytes as people read them: `1.5 GiB`, `320 MiB`, `12 KiB`.
///
/// ```
/// assert_eq!(automl_core::size_text(3 << 29), "1.5 GiB");
/// assert_eq!(automl_core::size_text(320 << 20), "320 MiB");
/// ```
pub fn size_text(n_bytes: u64) -> String {
    let bytes = n_bytes as f64;
    let (gib, mib) = (bytes / f64::from(1 << 30), bytes / f64::from(1 << 20));
    if gib >= 1.0 {
        format!("{gib:.1} GiB")
    } else if mib >= 1.0 {
        format!("{mib:.0} MiB")
    } else {
        format!("{:.0} KiB", bytes / 1024.0)
    }
}

/// Lower-case English list: `a`, `a or b`, `a, b or c`.
pub(crate) fn or_list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}
