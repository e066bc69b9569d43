//! What is known of each metric, in one table: names, bounds, tasks and formula.

use super::counts::ClassCounts;
use super::input::Scored;
use super::{Metric, MetricError, classification as class, ranking, regression as reg};
use crate::TaskKind::{self, Binary, Multiclass, Quantile, Regression};

use Formula::{Counted, Partial, PartlyCounted, Total};

/// One metric as data. Its direction follows from its bounds.
pub(super) struct Facts {
    pub(super) metric: Metric,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    aliases: &'static [&'static str],
    pub(super) tasks: &'static [TaskKind],
    pub(super) best: f64,
    pub(super) worst: f64,
    pub(super) formula: Formula,
}

/// How a metric is computed.
pub(super) enum Formula {
    /// Defined for all rows that [`Scored`] lets through.
    Total(fn(&Scored<'_>) -> f64),
    /// Asks more of the rows.
    Partial(fn(&Scored<'_>) -> Result<f64, MetricError>),
    /// Reads the predicted classes alone, and of them how many rows of each are right.
    Counted(fn(&ClassCounts) -> f64),
    /// The same, but there are counts of which it has no value, and it says why.
    PartlyCounted(fn(&ClassCounts) -> Result<f64, &'static str>),
}

impl Formula {
    pub(super) fn apply(&self, scored: &Scored<'_>) -> Result<f64, MetricError> {
        match self {
            Self::Total(formula) => Ok(formula(scored)),
            Self::Partial(formula) => formula(scored),
            Self::Counted(formula) => Ok(formula(&ClassCounts::of_likeliest(scored))),
            Self::PartlyCounted(formula) => formula(&ClassCounts::of_likeliest(scored))
                .map_err(|reason| scored.undefined(reason)),
        }
    }
}

impl Facts {
    /// Its name, then its aliases.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    pub(super) fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

const CLASSES: &[TaskKind] = &[Binary, Multiclass];
const TWO_CLASSES: &[TaskKind] = &[Binary];
const NUMBERS: &[TaskKind] = &[Regression];
const NUMBERS_AND_QUANTILES: &[TaskKind] = &[Regression, Quantile];
const INF: f64 = f64::INFINITY;

/// In the order of the enum's variants.
#[rustfmt::skip]
pub(super) static FACTS: &[Facts] = &[
    Facts { metric: Metric::RocAuc, name: "roc_auc", title: "ROC AUC", aliases: &["auc", "auroc", "roc_auc_ovr", "roc_auc_ovr_macro"], tasks: CLASSES, best: 1.0, worst: 0.0, formula: Partial(ranking::roc_auc) },
    Facts { metric: Metric::AveragePrecision, name: "average_precision", title: "average precision", aliases: &["pr_auc", "auprc", "ap"], tasks: CLASSES, best: 1.0, worst: 0.0, formula: Partial(ranking::average_precision) },
    Facts { metric: Metric::LogLoss, name: "log_loss", title: "log loss", aliases: &["logloss", "binary_logloss", "multi_logloss", "cross_entropy", "crossentropy", "nll"], tasks: CLASSES, best: 0.0, worst: INF, formula: Total(class::log_loss) },
    Facts { metric: Metric::Accuracy, name: "accuracy", title: "accuracy", aliases: &["acc"], tasks: CLASSES, best: 1.0, worst: 0.0, formula: Counted(class::accuracy) },
    Facts { metric: Metric::BalancedAccuracy, name: "balanced_accuracy", title: "balanced accuracy", aliases: &["bal_acc"], tasks: CLASSES, best: 1.0, worst: 0.0, formula: Counted(class::balanced_accuracy) },
    Facts { metric: Metric::F1, name: "f1", title: "F1", aliases: &["f1_binary"], tasks: TWO_CLASSES, best: 1.0, worst: 0.0, formula: Counted(class::f1) },
    Facts { metric: Metric::F1Macro, name: "f1_macro", title: "macro F1", aliases: &["macro_f1"], tasks: CLASSES, best: 1.0, worst: 0.0, formula: Counted(class::f1_macro) },
    Facts { metric: Metric::F1Weighted, name: "f1_weighted", title: "weighted F1", aliases: &["weighted_f1"], tasks: CLASSES, best: 1.0, worst: 0.0, formula: Counted(class::f1_weighted) },
    Facts { metric: Metric::Mcc, name: "mcc", title: "Matthews correlation", aliases: &["matthews_corrcoef", "matthews"], tasks: CLASSES, best: 1.0, worst: -1.0, formula: Counted(class::mcc) },
    Facts { metric: Metric::CohenKappa, name: "cohen_kappa", title: "Cohen's kappa", aliases: &["kappa"], tasks: CLASSES, best: 1.0, worst: -1.0, formula: PartlyCounted(class::cohen_kappa) },
    Facts { metric: Metric::Brier, name: "brier", title: "Brier score", aliases: &["brier_score_loss", "brier_loss"], tasks: CLASSES, best: 0.0, worst: 2.0, formula: Total(class::brier) },
    Facts { metric: Metric::Ece, name: "ece", title: "calibration error", aliases: &["expected_calibration_error", "calibration_error"], tasks: CLASSES, best: 0.0, worst: 1.0, formula: Total(class::ece) },
    Facts { metric: Metric::Rmse, name: "rmse", title: "RMSE", aliases: &["root_mean_squared_error"], tasks: NUMBERS, best: 0.0, worst: INF, formula: Total(reg::rmse) },
    Facts { metric: Metric::Mse, name: "mse", title: "mean squared error", aliases: &["mean_squared_error", "l2"], tasks: NUMBERS, best: 0.0, worst: INF, formula: Total(reg::mse) },
    Facts { metric: Metric::Mae, name: "mae", title: "mean absolute error", aliases: &["mean_absolute_error", "l1"], tasks: NUMBERS, best: 0.0, worst: INF, formula: Total(reg::mae) },
    Facts { metric: Metric::Mape, name: "mape", title: "MAPE", aliases: &["mean_absolute_percentage_error"], tasks: NUMBERS, best: 0.0, worst: INF, formula: Total(reg::mape) },
    Facts { metric: Metric::Smape, name: "smape", title: "sMAPE", aliases: &["symmetric_mean_absolute_percentage_error"], tasks: NUMBERS, best: 0.0, worst: 2.0, formula: Total(reg::smape) },
    Facts { metric: Metric::R2, name: "r2", title: "R²", aliases: &["r_squared", "rsquared"], tasks: NUMBERS, best: 1.0, worst: -INF, formula: Total(reg::r2) },
    Facts { metric: Metric::Rmsle, name: "rmsle", title: "RMSLE", aliases: &["root_mean_squared_log_error", "root_mean_squared_logarithmic_error"], tasks: NUMBERS, best: 0.0, worst: INF, formula: Partial(reg::rmsle) },
    Facts { metric: Metric::Pinball, name: "pinball", title: "pinball loss", aliases: &["pinball_loss", "mean_pinball_loss", "quantile"], tasks: NUMBERS_AND_QUANTILES, best: 0.0, worst: INF, formula: Total(reg::pinball) },
    Facts { metric: Metric::PoissonDeviance, name: "poisson_deviance", title: "Poisson deviance", aliases: &["mean_poisson_deviance", "poisson"], tasks: NUMBERS, best: 0.0, worst: INF, formula: Partial(reg::poisson_deviance) },
    Facts { metric: Metric::TweedieDeviance, name: "tweedie_deviance", title: "Tweedie deviance", aliases: &["mean_tweedie_deviance", "tweedie"], tasks: NUMBERS, best: 0.0, worst: INF, formula: Partial(reg::tweedie_deviance) },
];
