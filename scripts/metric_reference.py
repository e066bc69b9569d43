"""Writes crates/automl-core/tests_data/metrics.json: scores by scikit-learn for the tests of automl_core::metrics.

Run from the project's root with numpy and scikit-learn: python scripts/metric_reference.py
Sizes are small so that the file stays readable; probabilities with ties are eighths, so that they are exact.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn import metrics as m

OUTPUT = pathlib.Path(__file__).parent.parent / "crates/automl-core/tests_data/metrics.json"
N_CALIBRATION_BINS = 15


def calibration_error(outcome, confidence, weight):
    bins = np.minimum((confidence * N_CALIBRATION_BINS).astype(int), N_CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=weight * (confidence - outcome), minlength=N_CALIBRATION_BINS)
    return np.abs(gaps).sum() / weight.sum()


def classification_scores(y, p, w):
    codes, n_classes, weight = p.argmax(axis=1), p.shape[1], np.ones(len(y)) if w is None else w
    binary = n_classes == 2
    scores = {
        "log_loss": m.log_loss(y, p, sample_weight=w, labels=range(n_classes)),
        "accuracy": m.accuracy_score(y, codes, sample_weight=w),
        "balanced_accuracy": m.balanced_accuracy_score(y, codes, sample_weight=w),
        "f1_macro": m.f1_score(y, codes, average="macro", sample_weight=w),
        "f1_weighted": m.f1_score(y, codes, average="weighted", sample_weight=w),
        "mcc": m.matthews_corrcoef(y, codes, sample_weight=w),
        "cohen_kappa": m.cohen_kappa_score(y, codes, sample_weight=w),
        "brier": m.brier_score_loss(y, p[:, 1] if binary else p, sample_weight=w),
    }
    if binary:
        scores["f1"] = m.f1_score(y, codes, sample_weight=w)
        scores["roc_auc"] = m.roc_auc_score(y, p[:, 1], sample_weight=w)
        scores["average_precision"] = m.average_precision_score(y, p[:, 1], sample_weight=w)
        scores["ece"] = calibration_error(y, p[:, 1], weight)
    else:
        scores["roc_auc"] = m.roc_auc_score(y, p, multi_class="ovr", average="macro", sample_weight=w)
        by_class = [m.average_precision_score(y == k, p[:, k], sample_weight=w) for k in range(n_classes)]
        scores["average_precision"] = np.mean(by_class)
        scores["ece"] = calibration_error(y == codes, p.max(axis=1), weight)
    return scores


def regression_scores(y, p, w):
    size = np.abs(y) + np.abs(p)
    scores = {
        "rmse": m.root_mean_squared_error(y, p, sample_weight=w),
        "mse": m.mean_squared_error(y, p, sample_weight=w),
        "mae": m.mean_absolute_error(y, p, sample_weight=w),
        "mape": m.mean_absolute_percentage_error(y, p, sample_weight=w),
        "smape": np.average(np.where(size > 0, 2 * np.abs(y - p) / np.where(size > 0, size, 1), 0), weights=w),
        "r2": m.r2_score(y, p, sample_weight=w),
        "pinball": m.mean_pinball_loss(y, p, sample_weight=w),
    }
    if (y >= 0).all() and (p > 0).all():
        scores["rmsle"] = m.root_mean_squared_log_error(y, p, sample_weight=w)
        scores["poisson_deviance"] = m.mean_poisson_deviance(y, p, sample_weight=w)
        scores["tweedie_deviance"] = m.mean_tweedie_deviance(y, p, power=1.5, sample_weight=w)
    return scores


def case(name, y, p, w, scores):
    return {
        "name": name,
        "target": np.asarray(y, dtype=float).tolist(),
        "n_classes": p.shape[1] if p.ndim == 2 else 0,
        "predictions": p.ravel().tolist(),
        "weight": None if w is None else w.tolist(),
        "scores": {key: float(value) for key, value in sorted(scores.items())},
    }


def eighths(rng, n_rows, n_classes):
    return rng.multinomial(8, np.ones(n_classes) / n_classes, size=n_rows) / 8


def classification_cases(rng):
    for n_classes in (2, 4):
        smooth = rng.dirichlet(np.ones(n_classes), size=40)
        tied = eighths(rng, 40, n_classes)
        rare = np.r_[np.arange(n_classes), np.zeros(36 + 4 - n_classes, dtype=int)]
        for kind, p in (("smooth", smooth), ("tied", tied)):
            # A class is drawn with its own probability: predictions that mean something.
            drawn = np.array([rng.choice(n_classes, p=row) for row in p])
            drawn[:n_classes] = range(n_classes)
            for shape, y in (("drawn", drawn), ("rare", rare)):
                for weighting, w in (("plain", None), ("weighted", rng.integers(1, 40, 40) / 8)):
                    # scikit-learn clips probabilities of zero lower than this project does.
                    scores = classification_scores(y, p, w)
                    if (p[np.arange(40), y] == 0).any():
                        del scores["log_loss"]
                    yield case(f"{n_classes} classes, {kind}, {shape}, {weighting}", y, p, w, scores)


def regression_cases(rng):
    counts = rng.poisson(3, 40).astype(float)
    positive = np.exp(rng.normal(1, 0.5, 40))
    real = rng.normal(0, 2, 40)
    for kind, y, p in (("counts", counts, positive), ("real", real, real + rng.normal(0, 1, 40))):
        for weighting, w in (("plain", None), ("weighted", rng.integers(1, 40, 40) / 8)):
            yield case(f"{kind}, {weighting}", y, p, w, regression_scores(y, p, w))


def main():
    rng = np.random.default_rng(20240607)
    cases = [*classification_cases(rng), *regression_cases(rng)]
    versions = {"numpy": np.__version__, "scikit-learn": sklearn.__version__}
    lines = ",\n".join(json.dumps(one) for one in cases)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(f'{{"versions": {json.dumps(versions)}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
