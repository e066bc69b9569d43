#!/usr/bin/env python3
"""Learn which configurations are worth trying first, and write them as crates/automl-engine/src/portfolio/learned.json.

    python scripts/learn_portfolio.py --keep DIR FILE.csv:TARGET …      # tables beside those that it makes or scikit-learn ships
    python scripts/learn_portfolio.py --keep DIR --without car --output other.json …
    python scripts/learn_portfolio.py --held-out                        # how well the order does on tables that were not learned from

Each table is fitted once with all candidates and nothing else (`automl fit --portfolio`), on at most --rows rows; what a candidate
is worth there is its share of the ensemble that is chosen from all of them, so one that only repeats another is worth little.
Leaderboards stay in DIR: a table that is there is not fitted again. Beside each table's name stands its shape, by which the
program weighs tables for one that it has not seen. Wants numpy, pandas and scikit-learn; the binary is $AUTOML_BIN, default
target/release/automl.
"""
import argparse, json, math, os, subprocess, sys
from pathlib import Path

import numpy
import pandas
from scipy.stats import qmc
from sklearn import datasets

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
OUTPUT = ROOT / "crates/automl-engine/src/portfolio/learned.json"
# Random configurations of boosting beside those by hand.
N_RANDOM = 12
# What no table's ensemble has more of than this share is left out of the file.
SHARE_MIN = 0.02


def boosting(rate, leaves, leaf_rows, columns, rows, recipe="trees", log=False, **more):
    params = {"learning_rate": rate, "max_leaves": leaves, "min_rows_per_leaf": leaf_rows, "column_fraction": columns,
              "row_fraction": rows, **more}
    return simple("gradient_boosting", recipe, log, **params)


def simple(learner, recipe=None, log=False, **params):
    return {"learner": learner, **({"recipe": recipe} if recipe else {}), **({"log_target": True} if log else {}),
            **({"params": params} if params else {})}


def random_boosting():
    """Points of Sobol's sequence over the shapes that boosting may have."""
    found = []
    for point in qmc.Sobol(9, seed=7).random(32)[:N_RANDOM]:
        between = lambda at, low, high: round(float(low + point[at] * (high - low)), 2)
        log_between = lambda at, low, high: float(f"{low * (high / low) ** point[at]:.2g}")
        found.append(boosting(
            log_between(0, 0.02, 0.15), int(log_between(1, 6, 200)), int(log_between(2, 2, 60)), between(3, 0.3, 1.0),
            between(4, 0.6, 1.0), recipe="trees_target" if point[5] < 0.4 else "trees", log=bool(point[6] < 0.5),
            l2=log_between(7, 0.01, 20.0), **({"extra_random": True} if point[8] < 0.25 else {})))
    return found


def candidates(is_class):
    by_hand = [
        boosting(0.1, 31, 20, 0.9, 1.0), boosting(0.05, 64, 10, 0.7, 0.8, log=True), boosting(0.06, 31, 20, 0.6, 0.9, "trees_target"),
        boosting(0.05, 24, 5, 0.8, 1.0, log=True, extra_random=True), boosting(0.04, 8, 15, 0.5, 0.7), boosting(0.03, 160, 4, 0.8, 0.9),
        boosting(0.06, 31, 20, 0.7, 1.0, "trees_target", growth="symmetric", max_depth=6),
        boosting(0.05, 31, 10, 0.6, 0.9, log=True, growth="symmetric", max_depth=8),
        boosting(0.05, 16, 40, 0.8, 0.8, "trees_target", growth="depth_wise", max_depth=4),
        boosting(0.08, 4, 5, 0.4, 0.9), boosting(0.05, 48, 2, 0.4, 0.9, log=True, extra_random=True),
        simple("extra_trees", "trees"), simple("extra_trees", "trees", True, min_rows_per_leaf=1, column_fraction=0.75),
        simple("extra_trees", "trees_target", min_rows_per_leaf=5), simple("extra_trees", "trees", min_rows_per_leaf=10, column_fraction=1.0),
        simple("random_forest", "trees_target"), simple("random_forest", "trees", True, min_rows_per_leaf=1, column_fraction=0.4),
        simple("random_forest", "trees", min_rows_per_leaf=8, column_fraction=0.7),
        simple("naive_bayes", "bayes"),
        simple("svm", "neighbours", c=10.0, gamma=0.4), simple("svm", "neighbours", c=2.0, gamma=1.0),
        simple("svm", "neighbours", c=50.0, gamma=0.15), simple("svm", "neighbours", c=1.0, gamma=0.4),
        simple("nearest_neighbours", "neighbours"), simple("nearest_neighbours", "neighbours", k=5, p=1),
        simple("nearest_neighbours", "neighbours", k=40),
        simple("mlp", "trees", True), simple("mlp", "trees", layers=2, width=256, dropout=0.2),
        simple("mlp", "trees", layers=4, width=128, dropout=0.0, learning_rate=0.002, epochs=50),
    ]
    if is_class:
        by_hand += [simple("logistic_regression", "linear", c=50.0), simple("logistic_regression", "linear", c=0.1),
                    simple("logistic_regression", "linear_codes"), simple("logistic_regression", "linear_codes", c=0.1)]
    else:
        by_hand += [simple("elastic_net", "linear", True), simple("elastic_net", "linear_codes"),
                    simple("elastic_net", "linear", alpha=0.03, l1_ratio=0.5),
                    simple("elastic_net", "linear_codes", True, alpha=0.003, l1_ratio=0.9)]
    return by_hand + random_boosting()


def made():
    """Tables that are made here, and those that scikit-learn ships: name, frame, target, whether its values are classes."""
    for name in ("breast_cancer", "wine", "diabetes"):
        table = getattr(datasets, f"load_{name}")(as_frame=True)
        yield name, table.frame, "target", name != "diabetes"
    for at, (rows, columns, told, classes, noise) in enumerate(
            [(3000, 20, 8, 2, 0.05), (6000, 40, 6, 2, 0.2), (1500, 12, 10, 3, 0.02), (800, 60, 10, 2, 0.1)]):
        x, y = datasets.make_classification(rows, columns, n_informative=told, n_redundant=2 if told < columns - 2 else 0,
                                            n_classes=classes, flip_y=noise, class_sep=0.8, random_state=at)
        yield f"classes_{at}", with_categories(x, y, at), "y", True
    for at, (maker, rows) in enumerate([(datasets.make_friedman1, 4000), (datasets.make_friedman2, 1500),
                                        (datasets.make_friedman3, 6000), (datasets.make_sparse_uncorrelated, 1000)]):
        more = {"noise": 1.0} if maker is datasets.make_friedman1 else {}
        x, y = maker(rows, random_state=at, **more)
        yield f"numbers_{at}", with_categories(x, y, at), "y", False


def with_categories(x, y, seed):
    """A frame of which some columns are cut into categories, and some cells are gone."""
    rng = numpy.random.default_rng(seed)
    frame = pandas.DataFrame(x, columns=[f"x{at}" for at in range(x.shape[1])])
    for at in range(0, x.shape[1], 4):
        frame[f"x{at}"] = "c" + pandas.qcut(frame[f"x{at}"], 4 + 4 * (at % 3), labels=False, duplicates="drop").astype(str)
    for at in range(1, x.shape[1], 5):
        frame.loc[rng.random(len(frame)) < 0.1, f"x{at}"] = numpy.nan
    frame["y"] = y
    return frame


def given(tables):
    for text in tables:
        path, target = text.rsplit(":", 1)
        frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
        name = Path(path).name.split(".")[0]
        yield (Path(path).parent.name if name == "train" else name), frame, target, None


def automl(*arguments):
    done = subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"automl {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
    return done.stdout


def fitted(folder, frame, target, is_class, args):
    """What a fit of all candidates said of a table: its shape, and what each candidate is worth."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = frame[frame[target].astype(str) != ""]
    frame.sample(min(len(frame), args.rows), random_state=1).to_csv(folder / "rows.csv", index=False)
    way = ["fit", folder / "rows.csv", "--target", target]
    if is_class:
        way += ["--task", "binary" if frame[target].nunique() == 2 else "multiclass"]
    plan = json.loads(automl(*way, "--plan-only", "--format", "json", "--time-limit", "1h"))
    is_class = plan["task"] != "regression"
    pool = candidates(is_class)
    (folder / "candidates.json").write_text(json.dumps(pool))
    way += ["--folds", "5"] if len(frame) < 1000 else ["--holdout", "0.33"]
    automl(*way, "--portfolio", folder / "candidates.json", "--max-trials", len(pool) + 1, "--without", "tuning", "--threads", args.threads,
           "--output", folder / "model", "--overwrite", "--no-journal", "--no-record")
    rows = json.loads((folder / "model/leaderboard.json").read_text())["rows"]
    tried = json.loads(automl(*way, "--portfolio", folder / "candidates.json", "--plan-only", "--format", "json", "--max-trials",
                              len(pool) + 1))["trials"]
    told = {"is_class": is_class, "shape": plan["meta_features"], "rows": rows, "trials": tried}
    (folder / "told.json").write_text(json.dumps(told))
    return told


def worth(told):
    """Shares by candidate: those of all trials that it describes. What a candidate does not say may be anything, so one without
    parameters has the shares of its whole learner, and candidates that come to the same on this table have the same share."""
    by_trial = {row["trial"]: row for row in told["rows"] if row["trial"] is not None}
    pool = candidates(told["is_class"])
    shares = []
    for candidate in pool:
        same = [trial["trial"] for trial in told["trials"] if is_same(candidate, trial)]
        shares.append(sum(by_trial[at]["weight"] for at in same if at in by_trial))
    return shares


def is_same(candidate, trial):
    plain = {"trees_target": "trees", "linear_codes": "linear"}
    recipes = {candidate.get("recipe"), plain.get(candidate.get("recipe"))}
    if candidate["learner"] != trial["learner"] or trial["recipe"] not in recipes:
        return False
    if trial["target_map"] == "log1p" and not candidate.get("log_target"):
        return False
    return all(trial["params"].get(name) == value or name == "min_rows_per_leaf" and trial["params"][name] >= value
               for name, value in candidate.get("params", {}).items() if name in trial["params"])


def likeness(tables, shape):
    """How much each table counts for one of this shape, as crates/automl-engine/src/portfolio/learned.rs has it."""
    spreads = numpy.maximum(numpy.std([table["shape"] for table in tables], axis=0), 0.05)
    gaps = [(numpy.array(table["shape"]) - shape) / spreads for table in tables]
    return numpy.array([0.25 + math.exp(-float(gap @ gap) / (2 * len(gap))) for gap in gaps])


def ordered(worth, counts, returns):
    """Places of configurations, each the one that adds most to those before it."""
    had, left, order = numpy.zeros(worth.shape[1]), list(range(len(worth))), []
    while left:
        best = max(left, key=lambda at: (float(counts @ ((had + worth[at]) ** returns - had ** returns)), -at))
        left.remove(best)
        order.append(best)
        had += worth[best]
    return order


def best(worth, counts, returns, n=15):
    """Places of the configurations that are worth most, ordered so."""
    most = sorted(range(len(worth)), key=lambda at: -float(counts @ worth[at]))[:n]
    return [most[at] for at in ordered(worth[most], counts, returns)]


def held_out():
    """The share of a table's ensemble that the first configurations have, ordered by what the other tables of its kind say."""
    learned = json.loads(OUTPUT.read_text())
    sizes = (1, 2, 3, 5, 8, 15)
    print("first configurations        ", *(f"{n:>6}" for n in sizes))
    for title, returns in (("by worth alone", 1.0), ("by what each adds, power 0.75", 0.75)):
        had = []
        for kind in ("classification", "regression"):
            tables = learned[kind]["tables"]
            worth = numpy.array([one["worth"] for one in learned[kind]["configurations"]])
            for out in range(len(tables)):
                others = [at for at in range(len(tables)) if at != out]
                counts = likeness([tables[at] for at in others], tables[out]["shape"])
                order = best(worth[:, others], counts, returns)
                had.append([worth[order[:n], out].sum() for n in sizes])
        print(f"{title:<29}", *(f"{share:6.3f}" for share in numpy.mean(had, axis=0)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help="FILE.csv:TARGET")
    parser.add_argument("--keep", help="folder of leaderboards")
    parser.add_argument("--held-out", action="store_true", help="tell what the order of the file is worth, and fit nothing")
    parser.add_argument("--rows", type=int, default=4000, help="of a table at most")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--without", action="append", default=[], help="a table to leave out; repeatable")
    parser.add_argument("--output", default=OUTPUT)
    args = parser.parse_args()
    if args.held_out:
        return held_out()
    if not args.keep:
        parser.error("--keep says where leaderboards stay")
    told = {}
    for name, frame, target, is_class in [*given(args.tables), *made()]:
        folder = Path(args.keep) / name
        known = folder / "told.json"
        told[name] = json.loads(known.read_text()) if known.exists() else fitted(folder, frame, target, is_class, args)
        print(f"{name}: {len(told[name]['rows']) - 1} models", file=sys.stderr, flush=True)
    told = {name: one for name, one in told.items() if name not in args.without}
    some = next(iter(told.values()))
    out = {
        "made": {"by": "scripts/learn_portfolio.py", "version": automl("--version").strip(), "rows": args.rows},
        "shape": list(some["shape"]),
    }
    for kind, is_class in (("classification", True), ("regression", False)):
        of_kind = {name: one for name, one in told.items() if one["is_class"] == is_class}
        shares = numpy.array([worth(one) for one in of_kind.values()])
        kept = [at for at in range(shares.shape[1]) if shares[:, at].max() > SHARE_MIN]
        pool = candidates(is_class)
        out[kind] = {
            "tables": [{"name": name, "shape": [round(value, 3) for value in one["shape"].values()]} for name, one in of_kind.items()],
            "configurations": [{**pool[at], "worth": [round(float(share), 3) for share in shares[:, at]]} for at in kept],
        }
    Path(args.output).write_text(written(out))


def written(out):
    """JSON with a table and a configuration a line."""
    parts = []
    for kind in ("classification", "regression"):
        lists = ",\n".join(
            f'    "{name}": [\n' + ",\n".join(f"      {json.dumps(one)}" for one in out[kind][name]) + "\n    ]"
            for name in ("tables", "configurations"))
        parts.append(f'  "{kind}": {{\n{lists}\n  }}')
    head = f'  "made": {json.dumps(out["made"])},\n  "shape": {json.dumps(out["shape"])}'
    return "{\n" + ",\n".join([head, *parts]) + "\n}\n"


if __name__ == "__main__":
    main()
