#!/usr/bin/env python3
"""Measure whether fits keep to their limits of time and memory, on every table.

    python benches/tables/budgets.py --tables DIR --datasets datasets.csv --results budgets.csv --limits 10,30,60
    python benches/tables/budgets.py --results budgets.csv --report

DIR holds a folder a table with `train.csv`, `test_features.csv` and `test.csv`, as the comparison harness makes them. Each fit has
two cores and a limit of memory; its wall time and its peak resident memory are those of the whole process. Of the test rows only
this is asked: whether the model does better than the share of each class, or the mean, in the training rows. `--slots 4` runs
four fits at a time on a machine with eight cores. The binary is the one named by $AUTOML_BIN, default target/release/automl.
Needs pandas and scikit-learn.
"""
import argparse, csv, os, sys, tempfile, threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benches"), str(Path(__file__).resolve().parent)]
from ablation import METRICS, loss
from document import DOCUMENT, write_part
from slots import each, timed

BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
FIELDS = ["table", "limit", "seconds", "mib", "loss", "constant", "error"]


def constant_loss(metric, known, truth):
    """The loss on `truth` of a model that knows the targets `known` alone."""
    import numpy as np
    if metric == "rmse":
        return float(np.sqrt(np.mean((truth.astype(float) - known.astype(float).mean()) ** 2)))
    if metric == "auc":
        return 0.5
    shares = known.value_counts(normalize=True)
    return float(-np.log(truth.map(shares)).mean())


def fit(spec, limit, cores, args):
    import pandas as pd
    folder = Path(args.tables) / spec["name"]
    with tempfile.TemporaryDirectory() as scratch:
        model, predictions = Path(scratch) / "model", Path(scratch) / "p.csv"
        done = timed([BIN, "fit", folder / "train.csv", "--target", spec["target"], "--metric", METRICS[spec["metric"]], "--time-limit",
                      f"{limit}s", "--memory-limit", args.memory, "--threads", 2, "--output", model, "--no-record", "--format", "json"], cores)
        row = {"table": spec["name"], "limit": limit, "seconds": f"{done.seconds:.2f}", "mib": f"{done.mib:.0f}"}
        if done.code:
            return row | {"error": done.errors.strip().splitlines()[-1] if done.errors.strip() else f"exit code {done.code}"}
        told = timed([BIN, "predict", model, folder / "test_features.csv", "--output", predictions, "--no-record"], cores)
        if told.code:
            return row | {"error": told.errors.strip().splitlines()[-1]}
        truth = pd.read_csv(folder / "test.csv", dtype=str, keep_default_na=False)[spec["target"]]
        known = pd.read_csv(folder / "train.csv", dtype=str, keep_default_na=False)[spec["target"]]
        found = loss(spec["metric"], truth, pd.read_csv(predictions, dtype=str))
        return row | {"loss": f"{found:.6g}", "constant": f"{constant_loss(spec['metric'], known, truth):.6g}"}


def measure(args):
    done = set()
    if Path(args.results).exists():
        done = {(row["table"], int(row["limit"])) for row in csv.DictReader(open(args.results))}
    else:
        with open(args.results, "w", newline="") as file:
            csv.DictWriter(file, FIELDS).writeheader()
    wanted = args.only.split(",") if args.only else None
    specs = [spec for spec in csv.DictReader(open(args.datasets)) if not wanted or spec["name"] in wanted]
    # Long ones first, so that no slot waits for another at the end.
    limits = sorted(map(int, args.limits.split(",")), reverse=True)
    jobs = [(spec, limit) for limit in limits for spec in specs if (spec["name"], limit) not in done]
    writing = threading.Lock()

    def work(job, cores):
        row = fit(*job, cores, args)
        with writing, open(args.results, "a", newline="") as file:
            csv.DictWriter(file, FIELDS).writerow(row)
        print(*row.values(), flush=True)

    each(jobs, args.slots, work)


def report(args):
    import pandas as pd
    rows = pd.read_csv(args.results)
    lines = ["## Budgets", "",
             f"Every table of the comparison, 2 cores a fit, `--memory-limit {args.memory}`: the whole process, reading and writing "
             "included. A fit may take 3 % and one second more than its limit.", "",
             "| limit | fits | failed | longest | may take | most memory | no better than the constant |", "|---:|---:|---:|---:|---:|---:|---:|"]
    for limit, own in rows.groupby("limit"):
        longest, largest = own.loc[own["seconds"].idxmax()], own.loc[own["mib"].idxmax()]
        lines.append(f"| {limit} s | {len(own)} | {own['error'].notna().sum()} | {longest['seconds']:.1f} s ({longest['table']}) | "
                     f"{limit * 1.03 + 1:.1f} s | {largest['mib']:.0f} MiB ({largest['table']}) | {(~(own['loss'] < own['constant'])).sum()} |")
    write_part("budgets", [*lines, "", args.note, ""] if args.note else [*lines, ""], args.output, script="tables/budgets.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables")
    parser.add_argument("--datasets")
    parser.add_argument("--results", required=True)
    parser.add_argument("--limits", default="10,30,60", help="seconds, parted by commas")
    parser.add_argument("--memory", default="2GiB")
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--note", default="")
    parser.add_argument("--output", default=DOCUMENT)
    arguments = parser.parse_args()
    report(arguments) if arguments.report else measure(arguments)
