"""Writes crates/automl-tree/src/reference.json: trees and predictions of LightGBM and XGBoost on small made tables, to
compare ours with.

The tables are made by formulas that the Rust test repeats, with few distinct values, so that all engines have the same
bins. A case holds the first predictions, the values of the leaves of each tree (sorted, shrunk, without the start), the
total gain of each column and, where trees grow leaf by leaf, each split of the first tree in the order of growth.
Run from the root of the repository: python scripts/tree_reference.py
"""

import json
import lightgbm
import numpy
import xgboost

N = 400
RATE = 0.3
row = numpy.arange(N)
a = (row * 37 % 23).astype(float)
b = (row * 101 % 19).astype(float)
b[row % 7 == 3] = numpy.nan
c = row * 53 % 11
y = numpy.sin(a) + 0.3 * numpy.nan_to_num(b, nan=7.0) * (a > 11) + (c * 7 % 11) * 0.2
columns = {"numbers": numpy.c_[a, b], "categories": numpy.c_[a, b, c]}
classes = (y > 1.0).astype(float) + (y > 2.5)
# Of whole numbers, neighbours of a quantile are equal: how to interpolate between them is no question.
targets = {
    "binary": (y > 2.0).astype(float), "multiclass": classes, "one_vs_rest": classes, "poisson": numpy.floor(numpy.abs(y)),
    "gamma": numpy.abs(y) + 0.5, "tweedie": numpy.maximum(y - 1.5, 0.0), "absolute": numpy.floor(y), "quantile": numpy.floor(y),
}


def quantile(values, share):
    """The value that `share` of the values are at most; halfway to the next where that is a whole number of them."""
    values, goal = numpy.sort(values), share * len(values)
    place = int(numpy.ceil(goal))
    return values[place - 1] if place != goal else (values[place - 1] + values[place]) / 2


HUBER_SHARE = 0.8
MEDIAN = quantile(y, 0.5)
# LightGBM's parameter is the size of a residual from which on Huber's loss is linear, ours the share of smaller ones.
HUBER_DELTA = quantile(numpy.abs(y - MEDIAN), HUBER_SHARE)
SMALL = {"num_leaves": 5, "min_data_in_leaf": 20, "lambda_l2": 0.5}

# name, table, objective, our parameters, rounds
lightgbm_cases = [
    ("squared", "numbers", "regression", {"num_leaves": 8, "min_data_in_leaf": 10, "lambda_l2": 1.0}, 3),
    ("l1", "numbers", "regression", {"num_leaves": 6, "min_data_in_leaf": 5, "lambda_l1": 4.0, "lambda_l2": 0.5}, 2),
    ("depth", "numbers", "regression", {"num_leaves": 31, "max_depth": 2, "min_data_in_leaf": 5, "lambda_l2": 0.1}, 4),
    ("sets", "categories", "regression", {"num_leaves": 6, "min_data_in_leaf": 5, "lambda_l2": 0.1}, 4),
    ("logistic", "numbers", "binary", SMALL, 5),
    ("softmax", "numbers", "multiclass", SMALL, 3),
    ("one against the rest", "numbers", "one_vs_rest", SMALL, 3),
    ("poisson", "numbers", "poisson", SMALL, 3),
    ("gamma", "numbers", "gamma", SMALL, 3),
    ("tweedie", "numbers", "tweedie", {**SMALL, "min_data_in_leaf": 1, "min_hessian": 20.0, "tweedie_power": 1.3}, 3),
    ("huber", "numbers", "huber", {**SMALL, "alpha": HUBER_SHARE}, 3),
    ("absolute", "numbers", "absolute", SMALL, 1),
    ("quantile", "numbers", "quantile", {**SMALL, "alpha": 0.9}, 1),
]
# XGBoost knows no least number of rows; with a Hessian of 1 a row, `min_hessian` is one.
ROWS = {"num_leaves": 8, "min_data_in_leaf": 1, "min_hessian": 10.0, "lambda_l2": 1.0}
HESSIAN = {**ROWS, "min_hessian": 2.0}
xgboost_cases = [
    ("squared", "numbers", "regression", ROWS, 4),
    ("l1", "numbers", "regression", {**ROWS, "lambda_l1": 4.0}, 3),
    ("depth", "numbers", "regression", {**ROWS, "num_leaves": 16, "max_depth": 3, "growth": "depth_wise"}, 3),
    ("logistic", "numbers", "binary", HESSIAN, 4),
    ("gamma", "numbers", "gamma", HESSIAN, 3),
    ("tweedie", "numbers", "tweedie", {**HESSIAN, "tweedie_power": 1.3}, 3),
]


def rounded(values):
    return [float(f"{value:.10g}") for value in numpy.ravel(values)]


def of_lightgbm(table, objective, params, rounds):
    theirs = {
        "verbose": -1, "num_threads": 1, "min_data_in_bin": 1, "enable_bundle": False, "max_bin": 255,
        "min_data_per_group": 10, "cat_smooth": 2.0, "cat_l2": 3.0, "learning_rate": RATE,
        "objective": {"one_vs_rest": "multiclassova", "absolute": "regression_l1"}.get(objective, objective), **params,
    }
    if "tweedie_power" in theirs:
        theirs["tweedie_variance_power"] = theirs.pop("tweedie_power")
    target, start = targets.get(objective, y), None
    if target is classes:
        theirs["num_class"] = 3
    if objective == "huber":
        # LightGBM starts at the mean of targets, ours at their median, which outliers move less.
        theirs.update(alpha=HUBER_DELTA, boost_from_average=False)
        start = numpy.full(N, MEDIAN)
    data = lightgbm.Dataset(columns[table], target, init_score=start, categorical_feature=[2] if table == "categories" else [])
    model = lightgbm.train(theirs, data, rounds)
    predicted = model.predict(columns[table]) + (MEDIAN if start is not None else 0.0)
    if objective == "one_vs_rest":
        # LightGBM gives the probability of each class against the rest; ours add up to one.
        predicted /= predicted.sum(axis=1, keepdims=True)
    trees = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
    shares = lambda target: numpy.array([(target == code).mean() for code in range(3)])
    bias = {
        "regression": lambda: [y.mean()], "huber": lambda: [0.0], "absolute": lambda: [quantile(target, 0.5)],
        "quantile": lambda: [quantile(target, params["alpha"])], "multiclass": lambda: numpy.log(shares(target)),
        "one_vs_rest": lambda: numpy.log(shares(target) / (1 - shares(target))),
        "binary": lambda: [numpy.log(target.mean() / (1 - target.mean()))],
    }.get(objective, lambda: [numpy.log(target.mean())])()
    inner, leaves = [], []
    for number, tree in enumerate(trees):
        splits, values, todo = [], [], [tree]
        while todo:
            node = todo.pop()
            if "leaf_value" in node:
                # The first trees hold the start too.
                values.append(node["leaf_value"] - (bias[number] if number < len(bias) else 0.0))
            else:
                splits.append((node["split_index"], node["split_feature"], node["split_gain"]))
                todo += [node["left_child"], node["right_child"]]
        inner.append([split[1:] for split in sorted(splits)])
        leaves.append(values)
    return predicted, inner, leaves


def of_xgboost(table, objective, params, rounds):
    target = targets.get(objective, y)
    theirs = {
        "nthread": 1, "tree_method": "hist", "max_bin": 256, "eta": RATE, "max_leaves": params["num_leaves"],
        "max_depth": params.get("max_depth", 0), "min_child_weight": params["min_hessian"], "lambda": params["lambda_l2"],
        "alpha": params.get("lambda_l1", 0.0), "grow_policy": "depthwise" if "growth" in params else "lossguide",
        "objective": {
            "regression": "reg:squarederror", "binary": "binary:logistic", "gamma": "reg:gamma", "tweedie": "reg:tweedie",
        }[objective],
        # It would search for a start of its own.
        "base_score": target.mean(),
    }
    if objective == "tweedie":
        theirs["tweedie_variance_power"] = params["tweedie_power"]
    data = xgboost.DMatrix(columns[table], target)
    model = xgboost.train(theirs, data, rounds)
    inner, leaves = [], []
    for tree in json.loads(model.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]:
        nodes = list(zip(tree["left_children"], tree["split_indices"], tree["loss_changes"], tree["split_conditions"]))
        # Children are numbered as they are made.
        splits = sorted(node for node in nodes if node[0] != -1)
        inner.append([node[1:3] for node in splits])
        leaves.append([node[3] for node in nodes if node[0] == -1])
    return model.predict(data), inner, leaves


out = {
    "versions": {"lightgbm": lightgbm.__version__, "xgboost": xgboost.__version__, "numpy": numpy.__version__},
    "cases": [],
}
for peer, engine, cases in [("LightGBM", of_lightgbm, lightgbm_cases), ("XGBoost", of_xgboost, xgboost_cases)]:
    for name, table, objective, params, rounds in cases:
        predicted, inner, leaves = engine(table, objective, params, rounds)
        gains = [sum(gain for tree in inner for at, gain in tree if at == column) for column in range(columns[table].shape[1])]
        if objective in ("poisson", "gamma", "tweedie", "huber", "absolute", "quantile"):
            params = {**params, "objective": objective}
        if objective == "one_vs_rest":
            params = {**params, "multiclass": objective}
        case = {
            "peer": peer, "name": name, "table": table, "objective": objective, "params": params, "rounds": rounds,
            "predicted": rounded(predicted[:60]), "leaves": [rounded(sorted(values)) for values in leaves], "gains": rounded(gains),
        }
        if "max_depth" not in params and targets.get(objective) is not classes:
            case["splits"] = [[column, *rounded(gain)] for column, gain in inner[0]]
        out["cases"].append(case)
with open("crates/automl-tree/src/reference.json", "w") as file:
    json.dump(out, file)
    file.write("\n")
