//! How a search went, as its events tell: when phases began, and which trials gave no model.

use automl_core::Event;

/// How the engine ends the reason of a trial that had no model when its share of the time was over.
const OUT_OF_TIME: &str = "in its share of the time";

/// How a search went.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Course {
    /// Phases and when they began.
    phases: Vec<(String, f64)>,
    /// The learner of each trial without a model, and whether time ended it.
    failed: Vec<(String, bool)>,
    /// The limit, if there was one.
    pub(crate) time_limit_seconds: Option<f64>,
}

impl Course {
    /// What the events tell, as they came.
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut course = Self::default();
        for event in events {
            match event {
                Event::Started {
                    time_limit_seconds, ..
                } => course.time_limit_seconds = *time_limit_seconds,
                Event::Phase { name, at_seconds } => {
                    course.phases.push((name.clone(), *at_seconds));
                }
                Event::TrialFailed {
                    learner, reason, ..
                } => (course.failed).push((learner.clone(), reason.ends_with(OUT_OF_TIME))),
                _ => {}
            }
        }
        course
    }

    /// When a phase began.
    pub(crate) fn begin_of(&self, phase: &str) -> Option<f64> {
        let mut phases = self.phases.iter();
        phases.find(|(name, _)| name == phase).map(|(_, at)| *at)
    }

    /// What a phase took, if there was one; the last one until `end`.
    pub(super) fn seconds_of(&self, phase: &str, end: f64) -> Option<f64> {
        let place = self.phases.iter().position(|(name, _)| name == phase)?;
        let next = self.phases.get(place + 1).map_or(end, |(_, at)| *at);
        Some(next - self.phases[place].1)
    }

    /// Trials of a learner without a model.
    pub(super) fn n_failed_of(&self, learner: &str) -> u64 {
        self.failed.iter().filter(|(id, _)| id == learner).count() as u64
    }

    /// Trials that failed, and those that had no model in their share of the time.
    pub(super) fn n_failed(&self) -> [u64; 2] {
        let n_late = self.failed.iter().filter(|(_, is_late)| *is_late).count() as u64;
        [self.failed.len() as u64 - n_late, n_late]
    }
}
