"""Writes crates/automl-tree/src/offset_reference.json: LightGBM's scores on top of given starting scores, to compare ours with.

LightGBM takes a starting score for each row and adds no constant of its own then; so it is given the offset and the best
constant beside it, found here by Newton steps. The table is made by formulas that the Rust test repeats. Run from the
root of the repository: python scripts/offset_reference.py
"""

import json
import lightgbm
import numpy

N = 400
row = numpy.arange(N)
a = (row * 37 % 23).astype(float)
b = (row * 101 % 19).astype(float)
offset = (row * 29 % 17) / 8.0 - 1.0
signal = numpy.sin(a) + 0.1 * b
common = {
    "verbose": -1, "num_threads": 1, "min_data_in_bin": 1, "enable_bundle": False, "max_bin": 255, "learning_rate": 0.3,
    "num_leaves": 6, "min_data_in_leaf": 10, "lambda_l2": 0.5,
}


def logistic(score):
    return 1 / (1 + numpy.exp(-score))


# The target, and the slope and curvature of the loss.
objectives = {
    "regression": (signal + 0.7 * offset, lambda y, s: s - y, lambda y, s: numpy.ones(N)),
    "binary": ((signal + offset > 0.8).astype(float), lambda y, s: logistic(s) - y, lambda y, s: logistic(s) * logistic(-s)),
    "poisson": (numpy.floor(numpy.exp(0.5 * signal + offset)), lambda y, s: numpy.exp(s) - y, lambda y, s: numpy.exp(s)),
}
out = {"versions": {"lightgbm": lightgbm.__version__, "numpy": numpy.__version__}, "cases": []}
for objective, (y, slope, curvature) in objectives.items():
    constant = 0.0
    for _ in range(60):
        score = constant + offset
        constant -= slope(y, score).sum() / curvature(y, score).sum()
    data = lightgbm.Dataset(numpy.c_[a, b], y, init_score=offset + constant)
    model = lightgbm.train({**common, "objective": objective}, data, 4)
    scores = model.predict(numpy.c_[a, b], raw_score=True) + offset + constant
    out["cases"].append({
        "objective": objective, "rounds": 4, "constant": float(constant),
        "scores": [float(f"{value:.10g}") for value in scores[:80]],
    })
with open("crates/automl-tree/src/offset_reference.json", "w") as file:
    json.dump(out, file)
    file.write("\n")
