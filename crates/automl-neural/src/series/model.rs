//! A trained network of time series as a model that forecasts.

use super::job::errors;
use super::scores::PartScores;
use super::windows::{Scale, Scaled, Windows};
use super::{SeriesError, SeriesFrame, Step};
use crate::labelled::{Blocks, read_weights};
use crate::network::parameters::floats;
use crate::network::{Init, Layout, SeriesNetwork, SeriesNetworkParams};
use crate::train::push;
use crate::{Cpu, Draw};
use automl_core::{Artifact, ArtifactError, Table, Threads, Warning, WarningKind, Warnings};
use burn::tensor::backend::AutodiffBackend;
use burn_flex::FlexDevice;
use serde::{Deserialize, Serialize};

/// The backend that predicts.
type Inner = <Cpu as AutodiffBackend>::InnerBackend;

/// What the artifact of such a model calls itself.
pub const FAMILY: &str = "series";

/// Greatest sum of lookback and horizon that a model is read with.
const MAX_LENGTH: usize = 200_000;

/// What is known of a model beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Parameters {
    /// What the artifact is of.
    #[serde(skip)]
    pub(super) kind: String,
    pub(super) names: Vec<String>,
    pub(super) scales: Vec<Scale>,
    pub(super) time: Option<String>,
    pub(super) step: Option<Step>,
    pub(super) season: Option<usize>,
    pub(super) lookback: usize,
    pub(super) horizon: usize,
    pub(super) network: SeriesNetworkParams,
}

impl Parameters {
    fn lengths(&self) -> [usize; 2] {
        [self.lookback, self.horizon]
    }

    /// What is wrong with them, if anything is.
    fn fault(&self) -> Option<(&'static str, &'static str)> {
        let are_lengths = self.lookback > 0
            && self.horizon > 0
            && self.lookback.saturating_add(self.horizon) <= MAX_LENGTH;
        let is_season = self
            .season
            .is_none_or(|season| season > 0 && season <= self.lookback);
        let are_scales = !self.names.is_empty()
            && self.names.len() == self.scales.len()
            && self.scales.iter().all(|scale| scale.is_sound());
        if !are_lengths {
            Some(("lookback", "windows cannot be of such a length"))
        } else if !is_season {
            Some(("season", "windows do not reach back that far"))
        } else if are_scales {
            None
        } else {
            Some(("scales", "they are not those of series"))
        }
    }
}

/// A network of time series, with their scales.
#[derive(Debug)]
pub struct SeriesModel {
    pub(super) parameters: Parameters,
    pub(super) network: SeriesNetwork<Inner>,
}

/// Values that follow the last ones of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Microseconds since 1970, or numbers that count rows, one for each value of a series.
    pub instants: Vec<i64>,
    /// Names and values of the series.
    pub series: Vec<(String, Vec<f64>)>,
}

impl SeriesModel {
    /// Whether an artifact is of such a model.
    pub fn is_in(artifact: &Artifact) -> bool {
        artifact
            .meta
            .get("family")
            .and_then(serde_json::Value::as_str)
            == Some(FAMILY)
    }

    /// Reads a model back.
    ///
    /// # Errors
    /// A part is missing, or cannot be that of a network.
    pub fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let parameters = Parameters {
            kind: artifact.kind.clone(),
            ..artifact.meta("parameters")?
        };
        if let Some((name, reason)) = parameters.fault() {
            return Err(artifact.invalid(name, reason));
        }
        let lengths = parameters.lengths();
        let mut init = Init::shapes(&FlexDevice);
        let network = SeriesNetwork::new(&mut init, &parameters.network, lengths);
        Ok(Self {
            network: read_weights(artifact, network)?,
            parameters,
        })
    }

    /// The model as plain data.
    pub fn artifact(&self) -> Artifact {
        let meta = serde_json::json!({ "family": FAMILY, "parameters": self.parameters });
        let mut artifact = Artifact::new(&self.parameters.kind, meta);
        let layout = Layout::of(&self.network);
        let values = layout.read(&self.network);
        push(&mut artifact, "weights", &layout, &values);
        artifact
    }

    /// The series that it forecasts.
    pub fn names(&self) -> &[String] {
        &self.parameters.names
    }

    /// The column that gives their time.
    pub fn time_name(&self) -> Option<&str> {
        self.parameters.time.as_deref()
    }

    /// Reads the series that it forecasts from a table, as [`SeriesFrame::read`] does. One without values is told of, and has no
    /// forecast.
    ///
    /// # Errors
    /// As [`SeriesFrame::read`], and if no series has a value.
    pub fn frame(&self, table: &Table, warnings: &Warnings) -> Result<SeriesFrame, SeriesError> {
        let centres = self
            .parameters
            .scales
            .iter()
            .map(|scale| Some(scale.centre));
        let fillings: Vec<Option<f64>> = centres.collect();
        let series = (self.names(), &fillings[..]);
        let frame = SeriesFrame::read_with(table, self.time_name(), series, warnings)?;
        if !frame.have_values().any(|has_values| has_values) {
            return Err(SeriesError::NoValues);
        }
        let named = self.names().iter().zip(frame.have_values());
        let empty = named.filter(|(_, has_values)| !has_values);
        let empty: Vec<&str> = empty.map(|(name, _)| name.as_str()).collect();
        if !empty.is_empty() {
            let (have, are) = if empty.len() == 1 {
                ("has", "is")
            } else {
                ("have", "are")
            };
            let message = format!(
                "the series '{}' {have} no values and {are} not forecast",
                empty.join("', '")
            );
            warnings.push(Warning::new(WarningKind::MissingColumn, empty, message));
        }
        Ok(frame)
    }

    /// Warns of rows that lie further apart, or nearer together, than those that it learned from.
    pub fn tell_step(&self, frame: &SeriesFrame, warnings: &Warnings) {
        let (Some(learned), Some(found)) = (self.parameters.step, frame.step()) else {
            return;
        };
        if !learned.is_like(found) {
            let name = frame.time_name().unwrap_or_default();
            let message = format!(
                "a step of '{name}' is {found}, where the model learned from steps of {learned}: it takes rows for {learned} apart"
            );
            warnings.push(Warning::new(WarningKind::TimeOrder, [name], message));
        }
    }

    /// The values that follow the last row of a frame, of the series that have any there.
    ///
    /// # Errors
    /// It has fewer rows than the model looks back.
    pub fn forecast(&self, frame: &SeriesFrame) -> Result<Forecast, SeriesError> {
        let Parameters {
            lookback, horizon, ..
        } = self.parameters;
        let n_rows = frame.n_rows();
        let start = n_rows.checked_sub(lookback).ok_or(SeriesError::History {
            n_rows,
            what: "a forecast",
            wanted: lookback,
        })?;
        let scaled = Scaled::of(frame, &self.parameters.scales)?;
        // No value of a horizon is looked at.
        let windows = Windows::within(&scaled, &(start..n_rows), [lookback, 0]);
        let pasts = windows.pasts::<Inner>(&[0], &FlexDevice);
        let values = floats(self.network.forward(pasts, &mut Draw::evaluating()));
        let of_series = values.chunks_exact(horizon).zip(&self.parameters.scales);
        let of_series = of_series.map(|(values, scale)| {
            let values = values.iter().map(|&value| scale.value(value));
            values.collect::<Vec<f64>>()
        });
        let series = self.names().iter().cloned().zip(of_series);
        let series = series.zip(frame.have_values());
        let series = series.filter_map(|(series, has_values)| has_values.then_some(series));
        let series: Vec<(String, Vec<f64>)> = series.collect();
        let is_lost = |(_, values): &&(String, Vec<f64>)| values.iter().any(|y| !y.is_finite());
        if let Some((name, _)) = series.iter().find(is_lost) {
            let name = name.clone();
            return Err(SeriesError::NotFinite { name });
        }
        Ok(Forecast {
            instants: frame.continued(self.parameters.step, horizon),
            series,
        })
    }

    /// How good its forecasts are from every window of a frame.
    ///
    /// # Errors
    /// It has fewer rows than a window and its forecast, or none whose value is known.
    pub fn evaluate(
        &self,
        frame: &SeriesFrame,
        threads: &Threads,
    ) -> Result<PartScores, SeriesError> {
        let scaled = Scaled::of(frame, &self.parameters.scales)?;
        let lengths = self.parameters.lengths();
        let windows = Windows::within(&scaled, &(0..frame.n_rows()), lengths);
        if windows.n() == 0 {
            return Err(SeriesError::History {
                n_rows: frame.n_rows(),
                what: "a score",
                wanted: lengths[0] + lengths[1],
            });
        }
        self.scores(&windows, threads)
            .ok_or(SeriesError::NothingToScore)
    }

    /// How good forecasts of windows are; none if no value that follows them is known.
    pub(super) fn scores(&self, windows: &Windows<'_>, threads: &Threads) -> Option<PartScores> {
        let parameters = &self.parameters;
        let (network, params) = (&self.network, &parameters.network);
        let errors = errors(network, params, windows, Blocks::all(threads), &FlexDevice);
        let errors = errors.expect("nobody ends it");
        let series = (&parameters.names[..], &parameters.scales[..]);
        let season = parameters.season;
        (errors.n_known() > 0).then(|| PartScores::of(windows, &errors, series, season, threads))
    }
}
