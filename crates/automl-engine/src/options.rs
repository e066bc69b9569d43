//! What the caller decides about a fit.

use crate::Configuration;
use automl_core::metrics::Metric;
use automl_core::{CostMatrix, Seed};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How much to spend on quality, beyond the time limit: it decides what the final model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// A holdout (folds where rows are few), few members, each refitted on all rows: small and quick to score.
    Fast,
    /// Cross-validation where the data is small enough, a bag of fold models for each member.
    #[default]
    Balanced,
    /// More folds and more members than balanced.
    Best,
}

/// A part of the search that can be left out, to measure what it adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchPart {
    /// Fixed configurations beyond the baseline and each learner's defaults.
    Portfolio,
    /// Proposals from what did well.
    Tuning,
    /// Members that are the mean of their fold models; they are fitted again on all rows instead.
    Bagging,
    /// More members than the best one.
    Ensembling,
    /// Probabilities of the ensemble that are made surer or less sure.
    Calibration,
    /// Fits of a part of the rows, where fits of all take long.
    Probing,
    /// Costs of trials that are weighed against what they promise.
    Costs,
}

/// Settings of one fit. There is no default: the caller decides.
#[derive(Debug, Clone, Serialize)]
pub struct FitOptions {
    /// What decides; `None` takes the task's usual one.
    pub metric: Option<Metric>,
    /// What each error costs, if that decides which class is predicted; then probabilities are made truer whatever the metric.
    /// It is told beside the options, by names.
    #[serde(skip)]
    pub costs: Option<CostMatrix>,
    /// What the final model is made of.
    pub quality: Quality,
    /// When fit must be done, ensemble and refit included; `None` means that `max_trials` alone ends the search.
    pub time_limit: Option<Duration>,
    /// How many trials to run at most.
    pub max_trials: Option<u64>,
    /// The root of all randomness.
    pub seed: Seed,
    /// Threads to use; results do not depend on it unless time ends the search.
    pub threads: usize,
    /// Bytes to hold at most.
    pub memory_limit: Option<u64>,
    /// How long the model may take to predict one row alone. With it, members are fitted again on all rows, not bags of fold
    /// models, and chosen by their measured speed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_limit: Option<Duration>,
    /// Whether one small model takes the ensemble's place, which learns from it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub distills: bool,
    /// Folds of the cross-validation, at least 2; `None` decides by size.
    pub folds: Option<usize>,
    /// Share of rows held out instead of cross-validation; `None` decides by size.
    pub holdout: Option<f64>,
    /// Ids of the learners to use; empty means all.
    pub include: Vec<String>,
    /// Ids of learners not to use.
    pub exclude: Vec<String>,
    /// What is tried first, behind the baseline, in the place of the built-in portfolio. Those of learners that take no part are
    /// passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portfolio: Option<Vec<Configuration>>,
    /// Parts of the search that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<SearchPart>,
    /// Whether people are told what the model does: then a little of the time is kept for it.
    #[serde(skip)]
    pub explains: bool,
}

impl FitOptions {
    /// Whether a part of the search is left out.
    pub(crate) fn is_without(&self, part: SearchPart) -> bool {
        self.without.contains(&part)
    }

    /// Whether models of a bag are left out where a row would take too long.
    pub(crate) fn thins_bags(&self) -> bool {
        self.inference_limit.is_none() && self.quality == Quality::Balanced
    }
}
