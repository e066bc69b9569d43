"""Writes crates/automl-tree/src/explain_reference.json: attributions of LightGBM on small made tables, to compare ours with.

The tables are those of tree_reference.py, on which both engines grow the same trees. Run from the root of the repository:
python scripts/explain_reference.py
"""

import json
import lightgbm
import numpy

N = 400
row = numpy.arange(N)
a = (row * 37 % 23).astype(float)
b = (row * 101 % 19).astype(float)
b[row % 7 == 3] = numpy.nan
c = row * 53 % 11
y = numpy.sin(a) + 0.3 * numpy.nan_to_num(b, nan=7.0) * (a > 11) + (c * 7 % 11) * 0.2
columns = {"numbers": numpy.c_[a, b], "categories": numpy.c_[a, b, c]}
common = {
    "verbose": -1, "num_threads": 1, "min_data_in_bin": 1, "enable_bundle": False, "max_bin": 255,
    "min_data_per_group": 10, "cat_smooth": 2.0, "cat_l2": 3.0, "learning_rate": 0.3,
}
cases = [
    ("squared", "numbers", "regression", {"num_leaves": 8, "min_data_in_leaf": 10, "lambda_l2": 1.0}, 3),
    ("deep", "numbers", "regression", {"num_leaves": 14, "min_data_in_leaf": 10, "lambda_l2": 1.0}, 2),
    ("sets", "categories", "regression", {"num_leaves": 6, "min_data_in_leaf": 5, "lambda_l2": 0.1}, 4),
    ("logistic", "numbers", "binary", {"num_leaves": 5, "min_data_in_leaf": 20, "lambda_l2": 0.5}, 5),
    ("softmax", "numbers", "multiclass", {"num_leaves": 5, "min_data_in_leaf": 20, "lambda_l2": 0.5, "num_class": 3}, 3),
    ("poisson", "numbers", "poisson", {"num_leaves": 5, "min_data_in_leaf": 20, "lambda_l2": 0.5}, 3),
]
out = {"versions": {"lightgbm": lightgbm.__version__, "numpy": numpy.__version__}, "cases": []}
for name, table, objective, params, rounds in cases:
    target = {
        "regression": y,
        "binary": (y > 2.0).astype(float),
        "multiclass": (y > 1.0).astype(float) + (y > 2.5),
        "poisson": numpy.floor(numpy.abs(y)),
    }[objective]
    data = lightgbm.Dataset(columns[table], target, categorical_feature=[2] if table == "categories" else [])
    model = lightgbm.train({**common, **params, "objective": objective}, data, rounds)
    values = model.predict(columns[table][:40], pred_contrib=True)
    params = {key: value for key, value in params.items() if key != "num_class"}
    out["cases"].append({
        "name": name, "table": table, "objective": objective, "params": params, "rounds": rounds,
        "values": [float(f"{value:.9g}") for value in values.ravel()],
    })
with open("crates/automl-tree/src/explain_reference.json", "w") as file:
    json.dump(out, file)
    file.write("\n")
