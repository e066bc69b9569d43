#!/usr/bin/env python3
"""Write the models and predictions that the importers are tested with.

    python scripts/import_reference.py

Needs lightgbm 4.7.0, xgboost 3.4.1, scikit-learn 1.9.1, pandas 3.1.1, numpy 2.5.5. Writes small models of both programs to
crates/automl-tree/src/import/reference/, and cases.json with rows and what the programs predict for them.
"""
import json
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import xgboost

OUT = Path(__file__).resolve().parents[1] / "crates/automl-tree/src/import/reference"
LEVELS = ["red", "green", "blue", "dark grey", "9"]


def table(rng, n):
    x = rng.normal(size=(n, 3))
    x[rng.random(x.shape) < 0.1] = np.nan
    # Values on thresholds and zeros are where two readings of a comparison differ.
    x[:, 1] = np.round(x[:, 1], 1)
    colour = pd.Categorical.from_codes(rng.integers(-1, len(LEVELS), n), LEVELS)
    return pd.DataFrame({"a": x[:, 0], "b b": x[:, 1], "c": x[:, 2], "colour": colour})


def score(frame):
    colour = frame["colour"].cat.codes.to_numpy()
    x = frame[["a", "b b", "c"]].fillna(0.5).to_numpy()
    return x[:, 0] + np.abs(x[:, 1]) + np.isin(colour, [1, 3]) * (1 + x[:, 2]) + (colour == -1) * 0.7


def targets(rng, frame):
    s = score(frame) + rng.normal(scale=0.3, size=len(frame))
    return {
        "regression": s,
        "binary": (s > 1).astype(int),
        "multiclass": np.digitize(s, [0.3, 1.3]),
        "counts": rng.poisson(np.exp(np.clip(s, -2, 2))),
    }


def older_dart(path):
    """The model as XGBoost wrote it before 3.4: a booster of its own, weights beside the one of trees. 3.4 reads it, too."""
    document = json.loads(path.read_text())
    model = document["learner"]["gradient_booster"]["model"]
    weights = model.pop("weight_drop")
    gbtree = {"model": model, "name": "gbtree"}
    document["learner"]["gradient_booster"] = {"gbtree": gbtree, "name": "dart", "weight_drop": weights}
    document["version"] = [3, 2, 0]
    return json.dumps(document, separators=(",", ":"))


def main():
    rng = np.random.default_rng(7)
    OUT.mkdir(parents=True, exist_ok=True)
    train, test = table(rng, 600), table(rng, 40)
    y = targets(rng, train)
    cases = []

    def case(file, rows, predicted, contributions):
        rows = [[None if pd.isna(v) else v for v in row] for row in rows.astype(object).to_numpy().tolist()]
        lines = lambda values: [np.ravel(line).astype(float).tolist() for line in values]
        # Attributions of the first rows, an output after the other, the expected score last in each.
        cases.append({"file": file, "rows": rows, "predictions": lines(predicted), "contributions": lines(contributions[:5])})

    common = {"verbose": -1, "num_leaves": 7, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1, "seed": 1,
              "deterministic": True, "num_threads": 1}
    numbers = ["a", "b b", "c"]
    lightgbm_cases = [
        ("regression", {"objective": "regression"}, y["regression"], train),
        ("quantile", {"objective": "quantile", "alpha": 0.8}, y["regression"], train),
        ("binary", {"objective": "binary", "sigmoid": 0.7}, y["binary"], train),
        ("multiclass", {"objective": "multiclass", "num_class": 3}, y["multiclass"], train),
        ("poisson", {"objective": "poisson"}, y["counts"], train),
        ("forest", {"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, y["regression"], train),
        ("no_missing", {"objective": "regression", "use_missing": False}, y["regression"], train),
        ("constant", {"objective": "regression"}, np.full(len(train), 2.5), train),
        ("linear", {"objective": "regression", "linear_tree": True, "linear_lambda": 0.1}, y["regression"], train),
        ("linear_multiclass", {"objective": "multiclass", "num_class": 3, "linear_tree": True, "num_leaves": 4}, y["multiclass"], train),
    ]
    for name, params, target, frame in lightgbm_cases:
        data = lightgbm.Dataset(frame.rename(columns={"b b": "b_b"}), target)
        booster = lightgbm.train({**common, **params}, data, 6)
        file = f"lightgbm_{name}.txt"
        booster.save_model(OUT / file)
        rows = test.rename(columns={"b b": "b_b"})
        # LightGBM attributes nothing to linear leaves.
        contributions = [] if "linear_tree" in params else booster.predict(rows, pred_contrib=True)
        case(file, test, booster.predict(rows), contributions)
    trained = dict(max_depth=3, eta=0.3, tree_method="hist", max_cat_to_onehot=1, seed=1, nthread=1)
    xgboost_cases = [
        ("regression.json", {"objective": "reg:squarederror"}, y["regression"], None),
        ("binary.ubj", {"objective": "binary:logistic"}, y["binary"], None),
        ("multiclass.json", {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2, "subsample": 0.7}, y["multiclass"], None),
        ("poisson.ubj", {"objective": "count:poisson"}, y["counts"], None),
        ("dart.json", {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.5}, y["regression"], None),
        ("numbers.ubj", {"objective": "reg:squarederror", "max_depth": 5}, y["regression"], numbers),
    ]
    for file, params, target, columns in xgboost_cases:
        frame, rows = (train, test) if columns is None else (train[columns], test[columns])
        data = xgboost.DMatrix(frame, target, enable_categorical=True)
        booster = xgboost.train({**trained, **params}, data, 6)
        booster.save_model(OUT / f"xgboost_{file}")
        data = xgboost.DMatrix(rows, enable_categorical=True)
        case(f"xgboost_{file}", rows, booster.predict(data), booster.predict(data, pred_contribs=True))
    data = xgboost.DMatrix(test, enable_categorical=True)
    older = OUT / "xgboost_dart_older.json"
    older.write_text(older_dart(OUT / "xgboost_dart.json"))
    booster = xgboost.Booster(model_file=older)
    case(older.name, test, booster.predict(data), booster.predict(data, pred_contribs=True))
    # The class predicts with the trees up to the best round, here of two trees a class; the booster with all of them.
    stopped = xgboost.XGBClassifier(n_estimators=40, learning_rate=1.5, max_depth=2, num_parallel_tree=2, subsample=0.7,
                                    early_stopping_rounds=2, enable_categorical=True, tree_method="hist", random_state=1, n_jobs=1)
    stopped.fit(train[:400], y["multiclass"][:400], eval_set=[(train[400:], y["multiclass"][400:])], verbose=False)
    file = OUT / "xgboost_stopped_multiclass.json"
    stopped.save_model(file)
    loaded = xgboost.XGBClassifier()
    loaded.load_model(file)
    booster, rounds = loaded.get_booster(), (0, loaded.best_iteration + 1)
    assert rounds[1] < booster.num_boosted_rounds()
    assert np.abs(booster.predict(data) - loaded.predict_proba(test)).max() > 0.01
    case(file.name, test, loaded.predict_proba(test), booster.predict(data, pred_contribs=True, iteration_range=rounds))
    (OUT / "cases.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
