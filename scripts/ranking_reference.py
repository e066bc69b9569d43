"""Writes crates/automl-tree/src/ranking_reference.json: LightGBM's lambdarank on a small made table, to compare ours with.

The table is made by formulas that the Rust test repeats, with few distinct values, so that both engines have the same
bins. LightGBM wants the rows of a query together; scores are given in the order of the table, where they are not. Run
from the root of the repository: python scripts/ranking_reference.py
"""

import json
import lightgbm
import numpy

N = 600
row = numpy.arange(N)
a = (row * 37 % 23).astype(float)
b = (row * 101 % 19).astype(float)
b[row % 7 == 3] = numpy.nan
# Queries of 1 to 47 rows.
query = numpy.floor(numpy.sqrt(row * 211 % N)).astype(int)
signal = numpy.sin(a) + 0.1 * numpy.nan_to_num(b, nan=7.0) + (row * 53 % 11) * 0.1
grade = numpy.clip(numpy.floor(signal * 1.5), 0, 4)
weight = 1.0 + row % 3
order = numpy.argsort(query, kind="stable")
sizes = numpy.unique(query, return_counts=True)[1]
common = {
    "objective": "lambdarank", "metric": "ndcg", "verbose": -1, "num_threads": 1, "min_data_in_bin": 1,
    "enable_bundle": False, "max_bin": 255, "learning_rate": 0.3, "min_data_in_leaf": 5, "lambda_l2": 0.1,
}
cases = [
    ("one tree", {"num_leaves": 8}, False, 1),
    ("more trees", {"num_leaves": 6}, False, 4),
    ("few ranks", {"num_leaves": 6, "lambdarank_truncation_level": 3}, False, 3),
    ("weights", {"num_leaves": 6}, True, 3),
]
out = {"versions": {"lightgbm": lightgbm.__version__, "numpy": numpy.__version__}, "cases": []}
for name, params, is_weighted, rounds in cases:
    columns, target = numpy.c_[a, b][order], grade[order]
    data = lightgbm.Dataset(columns, target, group=sizes, weight=weight[order] if is_weighted else None)
    watched = {}
    model = lightgbm.train(
        {**common, **params, "eval_at": [3, 30]}, data, rounds, valid_sets=[data], valid_names=["all"],
        callbacks=[lightgbm.record_evaluation(watched)],
    )
    scores = numpy.empty(N)
    scores[order] = model.predict(columns)
    out["cases"].append({
        "name": name, "params": params, "weighted": is_weighted, "rounds": rounds,
        "scores": [float(f"{value:.10g}") for value in scores[:80]],
        "ndcg": {"3": watched["all"]["ndcg@3"][-1], "30": watched["all"]["ndcg@30"][-1]},
    })
with open("crates/automl-tree/src/ranking_reference.json", "w") as file:
    json.dump(out, file)
    file.write("\n")
