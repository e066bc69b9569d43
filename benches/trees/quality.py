#!/usr/bin/env python3
"""Compare our boosting's defaults with those of LightGBM and CatBoost on real tables.

    VENV/bin/python benches/trees/quality.py --datasets datasets.csv --splits DIR --results quality.csv

`--datasets` lists the tables (columns name, target, task, metric) and `--splits` holds NAME/train.csv and NAME/test.csv, as
the comparison harness of the tables prepares them. Each system has its default parameters, at most 2,000 rounds, and stops
when its own loss on one validation split, a fifth of the training rows, has not fallen for 50 rounds. Texts become category
codes and dates numbers, the same for all; a missing category is a level. Tables named *sms* and *sst* are texts and left
out. The environment and the binary are those of run.py.
"""
import argparse, csv, json, os, re, subprocess, sys, tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("RACE_BIN", ROOT / "target/release/automl"))
ROUNDS, PATIENCE = 2000, 50
DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{8}T\d{6}")
SYSTEMS = ["automl", "lightgbm", "catboost"]


def encoded(train, test, target):
    """Numbers, with missing ones, and category codes; how many levels each column has, 0 for numbers."""
    x_train, x_test, n_levels = [], [], []
    for name in train.columns.drop(target):
        columns = [train[name], test[name]]
        if not pd.api.types.is_numeric_dtype(columns[0]) and columns[0].astype(str).str.match(DATE).all():
            columns = [pd.to_datetime(column).astype("int64") / 8.64e13 for column in columns]
        if pd.api.types.is_numeric_dtype(columns[0]) and not pd.api.types.is_bool_dtype(columns[0]):
            n_levels.append(0)
            columns = [pd.to_numeric(column, errors="coerce").to_numpy("f4") for column in columns]
        else:
            both = pd.concat(columns).astype(str).fillna("")
            codes, levels = pd.factorize(both, sort=True)
            n_levels.append(len(levels))
            columns = [codes[:len(train)].astype("f4"), codes[len(train):].astype("f4")]
        x_train.append(columns[0])
        x_test.append(columns[1])
    return np.column_stack(x_train), np.column_stack(x_test), n_levels


def load(spec, splits):
    folder = Path(splits) / spec["name"]
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    target = spec["target"]
    x, x_test, n_levels = encoded(train, test, target)
    if spec["task"] == "regression":
        y, y_test, n_classes = train[target].to_numpy("f4"), test[target].to_numpy("f4"), 0
    else:
        classes = sorted(train[target].astype(str).unique())
        y, y_test = (part[target].astype(str).map(classes.index).to_numpy() for part in (train, test))
        n_classes = len(classes)
    strata = y if n_classes and np.bincount(y).min() > 4 else None
    fit, valid = train_test_split(np.arange(len(y)), test_size=0.2, random_state=1, stratify=strata)
    return dict(task=spec["task"], metric=spec["metric"], n_levels=n_levels, n_classes=n_classes, x=x[fit], y=y[fit], x_valid=x[valid],
                y_valid=y[valid], x_test=x_test, y_test=y_test)


def automl(data):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        parts = {"train": (np.vstack([data["x"], data["x_valid"]]), np.concatenate([data["y"], data["y_valid"]])),
                 "test": (data["x_test"], data["y_test"])}
        for name, (x, y) in parts.items():
            np.ascontiguousarray(x, "<f4").tofile(folder / f"{name}.x.f32")
            np.ascontiguousarray(y, "<f4").tofile(folder / f"{name}.y.f32")
        meta = {name: data[name] for name in ("task", "n_classes", "n_levels")}
        (folder / "meta.json").write_text(json.dumps(dict(meta, n_valid=len(data["y_valid"]))))
        command = [BIN, "race", folder, "watch", "--threads", "2", f"n_trees={ROUNDS}", f"early_stopping_rounds={PATIENCE}"]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        return np.fromfile(folder / "predicted.f64").reshape(len(data["y_test"]), -1)


def lightgbm(data):
    import lightgbm as lgb
    params = dict(objective=data["task"], num_threads=2, verbose=-1, seed=1)
    if data["n_classes"] > 2:
        params["num_class"] = data["n_classes"]
    categories = [place for place, levels in enumerate(data["n_levels"]) if levels] or "auto"
    table = lambda part: lgb.Dataset(data[f"x{part}"], data[f"y{part}"], categorical_feature=categories)
    train = table("")
    valid = lgb.Dataset(data["x_valid"], data["y_valid"], reference=train, categorical_feature=categories)
    model = lgb.train(params, train, ROUNDS, [valid], callbacks=[lgb.early_stopping(PATIENCE, verbose=False)])
    predicted = model.predict(data["x_test"])
    return np.column_stack([1 - predicted, predicted]) if data["task"] == "binary" else predicted.reshape(len(predicted), -1)


def catboost(data):
    import catboost as cb
    categories = [place for place, levels in enumerate(data["n_levels"]) if levels]
    def pool(part):
        table = pd.DataFrame(data[f"x{part}"])
        table[categories] = table[categories].astype(int)
        return cb.Pool(table, data[f"y{part}"], cat_features=categories)
    loss = {"regression": "RMSE", "binary": "Logloss", "multiclass": "MultiClass"}[data["task"]]
    model = cb.CatBoost(dict(loss_function=loss, thread_count=2, random_seed=1, iterations=ROUNDS, early_stopping_rounds=PATIENCE,
                             allow_writing_files=False, verbose=False))
    model.fit(pool(""), eval_set=pool("_valid"))
    kind = "RawFormulaVal" if data["task"] == "regression" else "Probability"
    return np.asarray(model.predict(pool("_test"), prediction_type=kind)).reshape(len(data["y_test"]), -1)


def score(data, predicted):
    y = data["y_test"]
    if data["task"] == "regression":
        return root_mean_squared_error(y, predicted[:, 0])
    if data["metric"] == "auc":
        return roc_auc_score(y, predicted[:, 1])
    return log_loss(y, np.clip(predicted, 1e-15, 1), labels=range(data["n_classes"]))


def main(args):
    rows = []
    for spec in csv.DictReader(open(args.datasets)):
        if spec["name"].startswith(("sms", "sst")) or not re.fullmatch(args.only, spec["name"]):
            continue
        data = load(spec, args.splits)
        scores = {system: score(data, globals()[system](data)) for system in SYSTEMS}
        rows.append(dict(table=spec["name"], metric=spec["metric"], **{system: f"{value:.6g}" for system, value in scores.items()}))
        print(*rows[-1].values(), flush=True)
        with open(args.results, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    for peer in SYSTEMS[1:]:
        wins = [as_good(row, peer) for row in rows]
        print(f"at least as good as {peer}: {sum(wins)} of {len(wins)}")


def as_good(row, peer):
    ours, theirs = float(row["automl"]), float(row[peer])
    return ours >= theirs if row["metric"] == "auc" else ours <= theirs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", required=True)
    parser.add_argument("--splits", required=True)
    parser.add_argument("--results", default="quality.csv")
    parser.add_argument("--only", default=".*")
    main(parser.parse_args())
