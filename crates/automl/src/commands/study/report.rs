//! `automl study report`: what a study found out, as a page, as figures or in a few lines.

use super::super::record::Record;
use crate::cli::StudyReportArgs;
use crate::console::{Console, Format, print_json, print_line, print_text};
use crate::text::{self, Align};
use automl_serve::insight::{Insight, Log, Weight};
use automl_store::studies::Direction;
use automl_store::write_atomic;
use std::fmt::Write as _;

/// Trials of a front and parameters that are listed.
const LISTED_MAX: usize = 20;

pub(super) fn run(args: &StudyReportArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let name = args.name.clone();
    let read = record.database().read(move |sql| Log::read(sql, &name));
    let insight = Insight::of(read.wait()?);
    if let Some(path) = &args.html {
        write_atomic(path, insight.html().as_bytes())?;
        print_line(&format!("written: {}", path.display()));
    }
    match console.format() {
        Format::Json => print_json(&insight.figures()),
        Format::Text => Ok(print_text(&summary(&insight))?),
    }
}

fn summary(insight: &Insight) -> String {
    let study = insight.study();
    let states: Vec<String> = insight
        .states()
        .into_iter()
        .map(|(state, n)| format!("{} {state}", text::count(n as u64)))
        .collect();
    let mut told = format!(
        "{}, {}, {}",
        study.name,
        study.state.name(),
        text::counted(
            insight.states().iter().map(|(_, n)| *n as u64).sum(),
            "trial"
        )
    );
    if !states.is_empty() {
        told = format!("{told}: {}", states.join(", "));
    }
    if let Some(us) = insight.duration_us() {
        told = format!("{told}; {}", text::seconds(us as f64 / 1e6));
    }
    told.push('\n');
    told.push_str(&best(insight));
    for (objective, weights) in insight.objectives().iter().zip(insight.weights()) {
        // A string takes all that is written.
        let _written = write!(
            told,
            "\nwhat matters for {}\n{}",
            objective.name,
            importance(weights)
        );
    }
    told
}

/// The best trials with all they tried.
fn best(insight: &Insight) -> String {
    let objectives = insight.objectives();
    let title = |name: &str, direction: Direction| match direction {
        Direction::Minimize => format!("{name} (least)"),
        Direction::Maximize => format!("{name} (greatest)"),
    };
    let mut heading = vec![("trial".to_owned(), Align::Right)];
    heading.extend(
        objectives
            .iter()
            .map(|own| (title(&own.name, own.direction), Align::Right)),
    );
    heading.push(("parameters".to_owned(), Align::Left));
    let rows: Vec<Vec<String>> = insight
        .best()
        .take(LISTED_MAX)
        .map(|(number, values, params)| {
            let pairs: Vec<String> = params
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let mut row = vec![number.to_string()];
            row.extend(values.iter().map(|value| text::score(*value)));
            row.push(pairs.join(" "));
            row
        })
        .collect();
    if rows.is_empty() {
        return "no trial is complete\n".to_owned();
    }
    let heading: Vec<(&str, Align)> = heading
        .iter()
        .map(|(name, align)| (name.as_str(), *align))
        .collect();
    let n_more = insight.best().count() - rows.len();
    let more = match n_more {
        0 => String::new(),
        n => format!(
            "… and {} of the front\n",
            text::counted(n as u64, "more trial")
        ),
    };
    format!("{}{more}", text::table(&heading, &rows))
}

fn importance(weights: &[Weight]) -> String {
    let is_told = |one: &Weight| one.ped_anova > 0.0 || one.fanova > 0.0;
    if !weights.iter().any(is_told) {
        return "nothing differs yet\n".to_owned();
    }
    let heading = [
        ("parameter", Align::Left),
        ("PED-ANOVA", Align::Right),
        ("fANOVA", Align::Right),
    ];
    let rows: Vec<Vec<String>> = weights
        .iter()
        .take(LISTED_MAX)
        .map(|one| {
            vec![
                one.parameter.clone(),
                text::percent(one.ped_anova),
                text::percent(one.fanova),
            ]
        })
        .collect();
    let n_more = weights.len() - rows.len();
    let more = match n_more {
        0 => String::new(),
        n => format!("… and {}\n", text::counted(n as u64, "more parameter")),
    };
    format!("{}{more}", text::table(&heading, &rows))
}
