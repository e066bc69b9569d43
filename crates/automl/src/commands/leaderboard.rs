//! `automl leaderboard`: what a fit tried and how good each model was.

use super::record::model_dir;
use super::{Status, read_results};
use crate::cli::LeaderboardArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::text::{self, Align};
use automl_engine::{Leaderboard, LeaderboardRow};

/// The file of a model directory that holds the leaderboard.
pub(super) const FILE: &str = "leaderboard.json";

pub(super) fn run(args: &LeaderboardArgs, console: Console) -> anyhow::Result<Status> {
    let place = model_dir(&args.model, &args.workspace.workspace)?;
    let leaderboard: Leaderboard = read_results(place.as_ref(), FILE, |_| CliError::NoLeaderboard)?;
    match console.format() {
        Format::Json => print_json(&leaderboard)?,
        Format::Text => print_text(&table(&leaderboard, args.top))?,
    }
    Ok(Status::Done)
}

/// The first `top` models as a table, and how many more there are.
pub(super) fn table(leaderboard: &Leaderboard, top: usize) -> String {
    let has_costs = leaderboard.rows.iter().any(|row| row.mean_cost.is_some());
    let has_trials = has_trials(leaderboard);
    let mut heading = vec![
        ("#", Align::Right),
        ("model", Align::Left),
        (leaderboard.metric.as_str(), Align::Right),
    ];
    heading.extend(has_costs.then_some(("cost", Align::Right)));
    heading.extend(has_trials.then_some(("weight", Align::Right)));
    heading.push(("fit time", Align::Right));
    heading.extend(has_trials.then_some(("recipe", Align::Left)));
    let shown = &leaderboard.rows[..leaderboard.rows.len().min(top)];
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|row| {
            let is_member = row.trial.is_some() && row.weight > 0.0;
            let mut cells = vec![
                row.rank.to_string(),
                if row.is_partial {
                    format!("{} *", row.name)
                } else {
                    row.name.clone()
                },
                text::score(row.score),
            ];
            let cost = row.mean_cost.map_or_else(String::new, text::score);
            cells.extend(has_costs.then_some(cost));
            let weight = is_member.then(|| text::percent(row.weight));
            cells.extend(has_trials.then(|| weight.unwrap_or_default()));
            cells.push(text::seconds(row.fit_seconds));
            cells.extend(has_trials.then(|| row.recipe.clone()));
            cells
        })
        .collect();
    let more = match leaderboard.rows.len() - shown.len() {
        0 => String::new(),
        n_more => format!("… and {}\n", text::counted(n_more as u64, "more model")),
    };
    format!(
        "{}{more}\n{}",
        text::table(&heading, &rows),
        legend(leaderboard, shown)
    )
}

/// Whether it tells of a search, and not of one model that was trained.
fn has_trials(leaderboard: &Leaderboard) -> bool {
    leaderboard.rows.iter().any(|row| row.trial.is_some())
}

/// What the columns mean, as far as there are such.
fn legend(leaderboard: &Leaderboard, shown: &[LeaderboardRow]) -> String {
    let direction = if leaderboard.higher_is_better {
        "higher"
    } else {
        "lower"
    };
    let is_cut = shown.iter().any(|row| row.is_partial);
    let has_costs = leaderboard.rows.iter().any(|row| row.mean_cost.is_some());
    let lines = [
        (
            has_costs,
            "cost is what a row costs on average, its class being the one of least expected cost\n",
        ),
        (
            has_trials(leaderboard),
            "weight is the share in the ensemble, whose fit time is the sum over its members\n#n is the number of a trial; trials given up early have no row\n",
        ),
        (
            is_cut,
            "* was cut short and might do better with more time\n",
        ),
    ];
    let lines = lines.into_iter().filter(|(is_said, _)| *is_said);
    format!(
        "{direction} is better; scores by {}\n{}",
        leaderboard.validation,
        lines.map(|(_, line)| line).collect::<String>()
    )
}
