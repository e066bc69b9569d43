"""Writes crates/automl-core/tests_data/joint_metrics.json: scores of several targets by scikit-learn.

Run from the project's root with numpy and scikit-learn: python scripts/joint_metric_reference.py
scikit-learn knows such scores of a matrix of labels alone, so a target of more than two classes becomes a label a class for F1;
subset accuracy and the Hamming loss of such targets are their definitions over targets.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import metrics as m

OUTPUT = pathlib.Path(__file__).parent.parent / "crates/automl-core/tests_data/joint_metrics.json"


def labels(columns, n_classes):
    parts = [
        (column[:, None] == np.arange(1 if n == 2 else 0, n)[None, :]).astype(int)
        for column, n in zip(columns, n_classes)
    ]
    return np.hstack(parts)


def scores(y, p, n_classes, w):
    y_labels, p_labels = labels(y, n_classes), labels(p, n_classes)
    if all(n == 2 for n in n_classes):
        subset = m.accuracy_score(y_labels, p_labels, sample_weight=w)
        hamming = m.hamming_loss(y_labels, p_labels, sample_weight=w)
    else:
        wrong = np.stack(y, axis=1) != np.stack(p, axis=1)
        subset = np.average(~wrong.any(axis=1), weights=w)
        hamming = np.average(wrong.mean(axis=1), weights=w)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f1 = [m.f1_score(y_labels, p_labels, average=a, sample_weight=w) for a in ("macro", "micro")]
    return [float(value) for value in (subset, hamming, *f1)]


def case(rng, name, n_classes, n_rows, weighted=False, rare=False):
    y = [rng.integers(0, n, n_rows) for n in n_classes]
    p = [np.where(rng.random(n_rows) < 0.7, column, rng.integers(0, n, n_rows)) for column, n in zip(y, n_classes)]
    if rare:
        y[0][:] = 0
        p[0][:] = 0
    w = rng.integers(0, 5, n_rows).astype(float) if weighted else None
    return {
        "name": name,
        "n_classes": list(n_classes),
        "actual": [column.tolist() for column in y],
        "predicted": [column.tolist() for column in p],
        "weight": None if w is None else w.tolist(),
        "scores": scores(y, p, n_classes, w),
    }


rng = np.random.default_rng(0)
cases = [
    case(rng, "three of two", (2, 2, 2), 25),
    case(rng, "three of two, weighted", (2, 2, 2), 25, weighted=True),
    case(rng, "one that is never there", (2, 2), 12, rare=True),
    case(rng, "two and four", (2, 4), 30),
    case(rng, "two and four, weighted", (2, 4), 30, weighted=True),
]
OUTPUT.write_text(json.dumps({"sklearn": sklearn.__version__, "cases": cases}, separators=(",", ":")) + "\n")
