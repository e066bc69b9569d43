//! How far a study is: bars on a terminal, a line a trial elsewhere, JSON lines with `--format json`; all of it also in the
//! run of the verb.

mod bars;
mod board;

use crate::commands::study::{note, pairs};
use crate::console::{Console, Format, print_line};
use crate::progress::Notes;
use crate::record::{Recorder, flatten};
use crate::text;
use automl_core::Clock;
use automl_serve::tuning;
use automl_store::spool::{Child, Point, Status, Texts};
use automl_store::studies::{Study, Trial, TrialState};
use automl_store::tracking::new_id;
use bars::Bars;
use board::Board;
pub(super) use board::Counts;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Hears of what workers do, and shows it.
pub(super) struct Show {
    clock: Clock,
    study: Study,
    state: Mutex<State>,
}

struct State {
    board: Board,
    display: Display,
}

enum Display {
    Bars(Bars),
    Plain,
    Json,
}

/// What a trial that ended means for others.
pub(super) struct Kept {
    /// Trials that are not the best any more, or never were.
    pub(super) superseded: Vec<i64>,
}

impl Show {
    /// A display for a study whose `known` trials ended before.
    pub(super) fn new(
        console: Console,
        clock: Clock,
        study: &Study,
        limit: Option<u64>,
        known: &[Trial],
    ) -> Self {
        let mut board = Board::new(&study.objectives);
        for trial in known.iter().filter(|trial| trial.state.is_finished()) {
            board.end(
                trial,
                pairs(&tuning::trial_view(study, trial)["params"], true),
            );
        }
        let display = match console.format() {
            Format::Json => Display::Json,
            Format::Text if console.is_live() => Display::Bars(Bars::new(limit, &board)),
            Format::Text => Display::Plain,
        };
        let show = Self {
            clock,
            study: study.clone(),
            state: Mutex::new(State { board, display }),
        };
        show.begin();
        show
    }

    fn begin(&self) {
        let counts = self.counts();
        if counts.n_ended() > 0 {
            let (name, ended) = (&self.study.name, counts.in_words());
            self.note(&format!("going on with study {name}: {ended}"));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many trials ended by now.
    pub(super) fn counts(&self) -> Counts {
        self.state().board.counts
    }

    /// A worker started a trial.
    pub(super) fn started(&self, worker: usize, number: i64, params: &Map<String, Value>) {
        let mut state = self.state();
        match &mut state.display {
            Display::Bars(bars) => {
                let params = pairs(&json!(params), true);
                bars.worker(worker, format!("trial {number}: {params}"));
            }
            Display::Json => {
                let at_seconds = self.clock.seconds();
                print_event(&json!({
                    "event": "trial-started", "trial": number, "params": params, "at_seconds": at_seconds,
                }));
            }
            Display::Plain => {}
        }
    }

    /// The trial of a worker has values at a step.
    pub(super) fn measured(&self, worker: usize, step: i64, values: &[f64]) {
        if let Display::Bars(bars) = &mut self.state().display {
            let values: Vec<String> = values.iter().map(|&value| text::score(value)).collect();
            bars.worker_at(worker, &format!("{} at step {step}", values.join(", ")));
        }
    }

    /// A worker has nothing to do.
    pub(super) fn rests(&self, worker: usize) {
        if let Display::Bars(bars) = &mut self.state().display {
            bars.rests(worker);
        }
    }

    /// The trial of a worker ended.
    pub(super) fn ended(&self, recorder: &Recorder<'_>, trial: &Trial) -> Kept {
        let view = tuning::trial_view(&self.study, trial);
        let mut state = self.state();
        let params = pairs(&view["params"], true);
        let superseded = state.board.end(trial, params);
        let State { board, display } = &mut *state;
        match display {
            Display::Bars(bars) => bars.show(board),
            Display::Json => {
                let mut event = view.clone();
                event["event"] = json!("trial-ended");
                event["at_seconds"] = json!(self.clock.seconds());
                print_event(&event);
            }
            Display::Plain => print_line(&self.line(board, trial, &view)),
        }
        if trial.state == TrialState::Failed
            && let (Display::Bars(bars), Some(note)) = (&*display, &trial.note)
        {
            bars.line(&format!("trial {} failed: {note}", trial.number));
        }
        let best = board.best().map(|best| best.values[0]);
        drop(state);
        self.write_down(recorder, trial, &view, best);
        Kept { superseded }
    }

    /// `[0:12] trial 7 complete: loss=0.31 (best, 0.29 of trial 3); rate=0.1 kind=tree`.
    fn line(&self, board: &Board, trial: &Trial, view: &Value) -> String {
        let at = text::clock(self.clock.seconds());
        let (number, state) = (trial.number, trial.state.name());
        let told = match (trial.state, note(view)) {
            (TrialState::Failed, note) => format!(": {note}"),
            (_, note) if note.is_empty() => format!(": {}", pairs(&view["values"], true)),
            (_, note) => format!(": {}, {note}", pairs(&view["values"], true)),
        };
        let best = match board.best() {
            Some(best) if best.number == number => " (the best)".to_owned(),
            Some(best) => format!(
                " (best {} of trial {})",
                text::score(best.values[0]),
                best.number
            ),
            None => String::new(),
        };
        format!(
            "[{at}] trial {number} {state}{told}{best}; {}",
            pairs(&view["params"], true)
        )
    }

    /// A trial becomes a run below that of the verb.
    fn write_down(&self, recorder: &Recorder<'_>, trial: &Trial, view: &Value, best: Option<f64>) {
        // Without an id there is no run, and the study has the trial all the same.
        let Ok(id) = new_id() else { return };
        let mut params = Texts::new();
        flatten(&view["params"], "", &mut params);
        let end_ms = trial.ended_us.unwrap_or_default() / 1000;
        let names = self.study.objectives.iter().map(|own| &own.name);
        let points = |figures: &[f64], step: i64, at_ms: i64| -> Vec<Point> {
            let figures = names.clone().zip(figures);
            let point = |(key, &value): (&String, &f64)| Point {
                key: key.clone(),
                value,
                step,
                at_ms,
            };
            figures.map(point).collect()
        };
        let mut metrics = Vec::new();
        for measured in &trial.measurements {
            metrics.extend(points(&measured.figures, measured.step, end_ms));
        }
        if let Some(figures) = &trial.figures {
            let last = trial
                .measurements
                .last()
                .map_or(0, |measured| measured.step);
            metrics.extend(points(figures, last, end_ms));
            let mut of_all = points(figures, trial.number, end_ms);
            if let (Some(best), [only]) = (best, of_all.as_slice()) {
                let (key, value) = (format!("best_{}", only.key), best);
                of_all.push(Point {
                    key,
                    value,
                    ..*only
                });
            }
            for point in of_all.iter_mut().take(figures.len()) {
                point.key.insert_str(0, "trial_");
            }
            recorder.log(of_all);
        }
        recorder.child(Child {
            id,
            name: format!("{} {}", self.study.name, trial.number),
            status: match trial.state {
                TrialState::Failed => Status::Failed,
                TrialState::Pruned => Status::Killed,
                _ => Status::Finished,
            },
            start_ms: trial.started_us.unwrap_or_default() / 1000,
            end_ms,
            params,
            metrics,
        });
    }

    /// The best value of a single objective, by its name.
    pub(super) fn best(&self) -> Option<(String, f64)> {
        let best = self.state().board.best()?.values[0];
        Some((self.study.objectives.first()?.name.clone(), best))
    }

    /// Takes the display off the terminal.
    pub(super) fn finish(&self) {
        if let Display::Bars(bars) = &mut self.state().display {
            bars.clear();
        }
    }
}

impl Notes for Show {
    fn note(&self, message: &str) {
        match &self.state().display {
            Display::Bars(bars) => bars.line(message),
            Display::Plain => print_line(message),
            Display::Json => print_event(&json!({ "event": "note", "message": message })),
        }
    }
}

fn print_event(event: &Value) {
    print_line(&event.to_string());
}
