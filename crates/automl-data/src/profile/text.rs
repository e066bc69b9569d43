//! The profile as a table for the terminal.

use super::findings;
use super::format::{count, cut, number, number_or_year, one_line, percent, plural, width};
use super::model::{ColumnProfile, Histogram, Profile, Summary};
use automl_core::{Kind, Role, WarningKind};

const GAP: &str = "  ";
const N_SPARKS: usize = 12;
const N_BAR: usize = 6;
const SPARKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const EIGHTHS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// The profile as a table at most `n_columns` wide (at least 40), warnings below it. Plain text without colour; ends
/// in a line break.
pub fn render_text(profile: &Profile, n_columns: usize) -> String {
    let n_columns = n_columns.max(40);
    let mut out = String::new();
    for line in headline(profile) {
        out.push_str(&cut(&line, n_columns));
        out.push('\n');
    }
    out.push('\n');
    for line in table(profile, n_columns) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if profile
        .columns
        .iter()
        .any(|c| findings::drifts(profile, &c.name))
    {
        out.push_str(&wrapped("! ", 2, findings::DRIFT_RULE, n_columns));
    }
    out.push_str(&warnings(profile, n_columns));
    out
}

fn headline(profile: &Profile) -> Vec<String> {
    let n_missing: u64 = profile.columns.iter().map(|column| column.n_missing).sum();
    let n_cells = profile.n_rows * profile.columns.len() as u64;
    let mut parts = Vec::new();
    if let Some(title) = &profile.title {
        parts.push(one_line(title));
    }
    parts.push(format!(
        "{} × {}",
        plural(profile.n_rows, "row"),
        plural(profile.columns.len() as u64, "column")
    ));
    parts.push(match n_missing {
        0 => "nothing missing".into(),
        _ => format!(
            "{} of cells missing",
            percent(n_missing as f64 / n_cells.max(1) as f64)
        ),
    });
    if profile.repeated_rows.n_exact > 0 {
        parts.push(plural(profile.repeated_rows.n_exact, "repeated row"));
    }
    if let Some(other) = &profile.other {
        parts.push(format!("compared with {}", plural(other.n_rows, "row")));
    }
    let mut lines = vec![parts.join(" · ")];
    if profile.n_rows_sampled < profile.n_rows
        && (profile.target.is_some() || profile.other.is_some())
    {
        lines.push(format!(
            "associations and leaks from {} spread over the table",
            plural(profile.n_rows_sampled, "row")
        ));
    }
    let told_apart = profile
        .other
        .as_ref()
        .and_then(|other| other.told_apart.as_ref());
    lines.extend(told_apart.map(|told| {
        format!(
            "a model tells the rows of the two tables apart with a ROC AUC of {:.3}; by chance up to {:.3}",
            told.roc_auc, told.by_chance
        )
    }));
    lines
}

/// One column of the table: its title, whether cells stand on the right, and its cells.
struct Strip {
    title: String,
    is_right: bool,
    cells: Vec<String>,
}

impl Strip {
    fn new(profile: &Profile, title: &str, cell: impl Fn(&ColumnProfile) -> String) -> Self {
        Self {
            title: title.to_owned(),
            is_right: false,
            cells: profile.columns.iter().map(cell).collect(),
        }
    }

    fn right(mut self) -> Self {
        self.is_right = true;
        self
    }

    fn width(&self) -> usize {
        self.cells
            .iter()
            .map(|cell| width(cell))
            .fold(width(&self.title), usize::max)
    }

    fn cut(&mut self, n_columns: usize) {
        self.title = cut(&self.title, n_columns);
        for cell in &mut self.cells {
            *cell = cut(cell, n_columns);
        }
    }
}

fn table(profile: &Profile, n_columns: usize) -> Vec<String> {
    let mut name = Strip::new(profile, "column", |column| one_line(&column.name));
    name.cut((n_columns / 4).max(12));
    let kind = Strip::new(profile, "kind", |column| column.kind.name().to_owned());
    let missing = Strip::new(profile, "missing", |column| match column.n_missing {
        0 => "–".into(),
        _ => percent(column.missing_share(profile.n_rows)),
    });
    let mut values = Strip::new(profile, "min · quartiles · max, or top levels", values);
    let distinct = Strip::new(profile, "distinct", |column| count(column.n_distinct)).right();
    let sparks = Strip::new(profile, "histogram", |column| sparks(&column.summary));
    let target = profile.target.as_ref().map(|target| {
        let title = format!("tells of {}", one_line(&target.name));
        Strip::new(profile, &cut(&title, 20), target_cell)
    });
    let drift = profile.other.as_ref().map(|_| {
        Strip::new(profile, "drift", |column| match &column.drift {
            Some(drift) => format!(
                "{:.2}{}",
                drift.distance,
                if findings::drifts(profile, &column.name) {
                    " !"
                } else {
                    ""
                }
            ),
            None => "–".into(),
        })
    });
    // What fits beside a readable column of values is shown, the most telling first.
    let n_values_min = 24.min(n_columns / 3);
    let mut used = name.width() + kind.width() + missing.width() + 3 * GAP.len() + n_values_min;
    let mut fits = |strip: &Strip| {
        let needed = strip.width() + GAP.len();
        let fits = used + needed <= n_columns;
        used += if fits { needed } else { 0 };
        fits
    };
    let drift = drift.filter(&mut fits);
    let target = target.filter(&mut fits);
    let sparks = Some(sparks).filter(&mut fits);
    let distinct = Some(distinct).filter(&mut fits);
    values.cut(n_columns - used + n_values_min);
    let mut strips = vec![name, kind, missing.right()];
    strips.extend(distinct);
    strips.extend(sparks);
    strips.push(values);
    strips.extend(target);
    strips.extend(drift);
    lines(&strips)
}

fn lines(strips: &[Strip]) -> Vec<String> {
    let widths: Vec<usize> = strips.iter().map(Strip::width).collect();
    let line = |cell: &dyn Fn(&Strip) -> &str| {
        let cells: Vec<String> = strips
            .iter()
            .zip(&widths)
            .map(|(strip, &n_columns)| {
                let text = cell(strip);
                let pad = " ".repeat(n_columns - width(text));
                if strip.is_right {
                    pad + text
                } else {
                    text.to_owned() + &pad
                }
            })
            .collect();
        cells.join(GAP)
    };
    let mut lines = vec![line(&|strip| &strip.title)];
    lines.push("─".repeat(widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1)));
    let n_rows = strips.first().map_or(0, |strip| strip.cells.len());
    lines.extend((0..n_rows).map(|row| line(&|strip| &strip.cells[row])));
    lines
}

fn values(column: &ColumnProfile) -> String {
    match &column.summary {
        Summary::Nothing => "nothing".into(),
        Summary::Numbers(summary) => [
            summary.min,
            summary.q25,
            summary.median,
            summary.q75,
            summary.max,
        ]
        .map(|value| number_or_year(value, summary.are_years()))
        .join(" · "),
        Summary::Levels(summary) => {
            let n: u64 = summary.top.iter().map(|level| level.count).sum::<u64>() + summary.n_other;
            let level = |level: &super::LevelCount| {
                let share = level.count as f64 / n.max(1) as f64;
                format!("{} {}", cut(&one_line(&level.level), 24), percent(share))
            };
            summary
                .top
                .iter()
                .take(4)
                .map(level)
                .collect::<Vec<_>>()
                .join(" · ")
        }
        Summary::Texts(summary) => format!(
            "{} to {} characters, {}, “{}”",
            count(summary.n_chars_min),
            count(summary.n_chars_max),
            words(summary.n_words_mean),
            one_line(summary.examples.first().map_or("", String::as_str)),
        ),
        Summary::Times(summary) => format!("{} to {}", summary.min, summary.max),
    }
}

/// `1 word`, `2.5 words`.
fn words(n_mean: f64) -> String {
    let n = (n_mean * 10.0).round() / 10.0;
    let s = if n == 1.0 { "" } else { "s" };
    format!("{} word{s}", number(n))
}

fn target_cell(column: &ColumnProfile) -> String {
    match (column.role, &column.association) {
        (Role::Target, _) => "target".into(),
        (Role::Id, Some(association)) if column.kind == Kind::Number => {
            format!("{} {:.2} id", bar(association.score), association.score)
        }
        (Role::Id, _) => "id".into(),
        (Role::Ignored, _) => "ignored".into(),
        (_, Some(association)) => format!("{} {:.2}", bar(association.score), association.score),
        (_, None) => "–".into(),
    }
}

/// A bar of a share of [`N_BAR`] places, to an eighth of a place.
fn bar(share: f64) -> String {
    let n_eighths = (share.clamp(0.0, 1.0) * (N_BAR * 8) as f64).round() as usize;
    (0..N_BAR)
        .map(|place| EIGHTHS[n_eighths.saturating_sub(place * 8).min(8)])
        .collect()
}

fn sparks(summary: &Summary) -> String {
    match summary {
        Summary::Nothing => String::new(),
        Summary::Numbers(summary) => histogram_sparks(&summary.histogram),
        Summary::Texts(summary) => histogram_sparks(&summary.histogram),
        Summary::Times(summary) => histogram_sparks(&summary.histogram),
        Summary::Levels(summary) => {
            spark_line(summary.top.iter().map(|level| level.count).collect())
        }
    }
}

fn histogram_sparks(histogram: &Histogram) -> String {
    let n_bars = histogram.counts.len().div_ceil(N_SPARKS);
    let counts = histogram
        .counts
        .chunks(n_bars)
        .map(|bars| bars.iter().sum())
        .collect();
    spark_line(counts)
}

/// One block a count, the greatest full; blank only for none.
fn spark_line(counts: Vec<u64>) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let block = |count: u64| match count {
        0 => SPARKS[0],
        _ => SPARKS[((count as f64 / most as f64 * 8.0).round() as usize).max(1)],
    };
    counts.into_iter().map(block).collect()
}

/// A warning's kind in words.
pub(super) fn kind_title(kind: WarningKind) -> &'static str {
    match kind {
        WarningKind::ConstantColumn => "constant",
        WarningKind::DuplicateColumn => "repeated column",
        WarningKind::IdLikeColumn => "identifier",
        WarningKind::HighCardinality => "many levels",
        WarningKind::TargetLeak => "target leak",
        WarningKind::ClassImbalance => "rare class",
        WarningKind::DuplicateRows => "repeated rows",
        WarningKind::Drift => "drift",
        WarningKind::NearLevels => "near levels",
        WarningKind::TimeOrder => "time order",
        _ => "note",
    }
}

fn warnings(profile: &Profile, n_columns: usize) -> String {
    if profile.warnings.is_empty() {
        return "\nno warnings\n".into();
    }
    let mut out = format!("\n{}\n", plural(profile.warnings.len() as u64, "warning"));
    let label = |kind| kind_title(kind);
    let n_label = profile
        .warnings
        .iter()
        .map(|w| label(w.kind).len())
        .max()
        .unwrap_or(0);
    let n_label = if n_columns < 60 { 0 } else { n_label };
    for warning in &profile.warnings {
        let kind = label(warning.kind);
        let indent = n_label + 4;
        let start = if n_label == 0 {
            format!("  {kind}: ")
        } else {
            format!("  {kind:n_label$}  ")
        };
        out.push_str(&wrapped(
            &start,
            indent,
            &one_line(&warning.message),
            n_columns,
        ));
    }
    out
}

/// The text behind `start` in lines of `n_columns`, those after the first indented.
fn wrapped(start: &str, indent: usize, text: &str, n_columns: usize) -> String {
    let mut out = String::new();
    let mut line = start.to_owned();
    let mut is_start = true;
    for word in text.split(' ') {
        if !is_start && width(&line) + 1 + width(word) > n_columns {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
            is_start = true;
        }
        if !is_start {
            line.push(' ');
        }
        line.push_str(word);
        is_start = false;
    }
    out.push_str(&line);
    out.push('\n');
    out
}
