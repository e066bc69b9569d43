#!/usr/bin/env python3
"""Compare quantiles of `automl fit --quantiles` with those of LightGBM on rows that neither has seen.

    python benches/tables/quantiles.py --data DIR --seconds 10,60 --seeds 0,1,2

DIR holds `california_housing.csv.gz` and `bike_sharing_hour.csv.gz`. A fifth of the rows is held out by each seed. LightGBM
fits one model a level (`objective=quantile`), with its defaults and 100 trees, and with a learning rate of 0.05 and trees until the
loss of a tenth of the training rows has not fallen for 100 rounds. Told are the mean pinball loss on the held-out rows, how many targets
lie between the outermost quantiles, how wide these are apart, and the rows where quantiles cross. Needs lightgbm and pandas; the binary is
$AUTOML_BIN, default target/release/automl.
"""
import argparse, os, subprocess, tempfile
from pathlib import Path

import lightgbm, numpy, pandas

BIN = os.environ.get("AUTOML_BIN", str(Path(__file__).resolve().parents[2] / "target/release/automl"))
TABLES = {"california_housing": ("median_house_value", []), "bike_sharing_hour": ("cnt", ["casual", "registered", "instant", "dteday"])}
LEVELS = [0.1, 0.5, 0.9]


def features(table):
    return table.apply(lambda column: column if pandas.api.types.is_numeric_dtype(column) else column.astype("category"))


def by_lightgbm(train, test, target, rounds):
    x, y = features(train.drop(columns=target)), train[target]
    known = features(pandas.concat([train, test]).drop(columns=target)).iloc[len(train):]
    columns = []
    for level in LEVELS:
        settings = dict(objective="quantile", alpha=level, verbosity=-1, n_jobs=2)
        if rounds is None:
            model = lightgbm.LGBMRegressor(**settings).fit(x, y)
        else:
            n = len(x) * 9 // 10
            model = lightgbm.LGBMRegressor(n_estimators=rounds, learning_rate=0.05, **settings).fit(
                x[:n], y[:n], eval_set=[(x[n:], y[n:])], callbacks=[lightgbm.early_stopping(100, verbose=False)])
        columns.append(model.predict(known))
    return numpy.column_stack(columns)


def by_automl(train, test, target, seconds):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        train.to_csv(folder / "train.csv", index=False)
        test.drop(columns=target).to_csv(folder / "test.csv", index=False)
        levels = ",".join(map(str, LEVELS))
        for command in [["fit", "train.csv", "--target", target, "--quantiles", levels, "--time-limit", f"{seconds}s", "--threads", "2",
                         "--output", "model", "--no-journal", "--no-record"],
                        ["predict", "model", "test.csv", "--output", "p.csv", "--no-record"]]:
            subprocess.run([BIN, *command], cwd=folder, check=True, capture_output=True)
        return pandas.read_csv(folder / "p.csv").to_numpy()


def scores(target, quantiles):
    losses = []
    for level, column in zip(LEVELS, quantiles.T):
        off = target - column
        losses.append(numpy.maximum(level * off, (level - 1) * off).mean())
    low, high = quantiles[:, 0], quantiles[:, -1]
    return [numpy.mean(losses), ((low <= target) & (target <= high)).mean(), (high - low).mean(),
            (numpy.diff(quantiles, axis=1) < 0).any(axis=1).mean()]


def main(args):
    seconds = [int(text) for text in args.seconds.split(",")]
    systems = [("LightGBM, defaults", lambda *split: by_lightgbm(*split, None)),
               ("LightGBM, early stopping", lambda *split: by_lightgbm(*split, 5000))]
    systems += [(f"automl, {one} s", lambda *split, one=one: by_automl(*split, one)) for one in seconds]
    seeds = [int(text) for text in args.seeds.split(",")]
    print("| table | by | pinball | covered, of 80 % | width | crossing |\n|---|---|---:|---:|---:|---:|")
    for name, (target, left_out) in TABLES.items():
        table = pandas.read_csv(Path(args.data) / f"{name}.csv.gz")
        if target not in table:
            raise SystemExit(f"{name} has no column '{target}', only {', '.join(table)}")
        table = table.drop(columns=[column for column in left_out if column in table])
        for system, predict in systems:
            found = []
            for seed in seeds:
                order = numpy.random.default_rng(seed).permutation(len(table))
                test, train = table.iloc[order[: len(table) // 5]], table.iloc[order[len(table) // 5:]]
                found.append(scores(test[target].to_numpy(), predict(train, test, target)))
            loss, covered, width, crossing = numpy.mean(found, axis=0)
            print(f"| {name} | {system} | {loss:.5g} | {covered:.1%} | {width:.4g} | {crossing:.1%} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seconds", default="10,60")
    parser.add_argument("--seeds", default="0,1,2")
    main(parser.parse_args())
