#!/usr/bin/env python3
"""Measure what each part of the search adds: the same fits with one part left out (`automl fit --without`).

    python benches/tables/ablation.py --tables DIR --datasets datasets.csv --results ablation.csv --seconds 10
    python benches/tables/ablation.py --results ablation.csv --report

DIR holds a folder a table with `train.csv`, as the comparison harness makes them. Their test rows are not looked at: a
quarter of the training rows, drawn by a fixed seed and by class, is scored instead. `--report` writes the part of
docs/benchmarks.md. The binary is the one named by $AUTOML_BIN, default target/release/automl. Needs pandas and scikit-learn.
"""
import argparse, csv, os, sys, tempfile, threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benches"), str(Path(__file__).resolve().parent)]
from document import DOCUMENT, write_part
from slots import each, timed

BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
VARIANTS = ["", "portfolio", "tuning", "bagging", "ensembling", "calibration", "probing", "costs"]
METRICS = {"auc": "roc_auc", "logloss": "log_loss", "rmse": "rmse"}
FIELDS = ["table", "metric", "seconds", "without", "loss", "fit_s"]


def split(frame, target, task):
    from sklearn.model_selection import train_test_split
    by = frame[target] if task != "regression" and frame[target].value_counts().min() > 4 else None
    return train_test_split(frame, test_size=0.25, random_state=7, stratify=by)


def loss(metric, truth, predictions):
    """What is less is better: 1 - AUC, log loss or RMSE."""
    import numpy as np
    from sklearn.metrics import log_loss, roc_auc_score
    if metric == "rmse":
        return float(np.sqrt(np.mean((truth.astype(float) - predictions["prediction"].astype(float)) ** 2)))
    names = sorted(truth.unique())
    values = np.column_stack([predictions[f"probability_{name}"].astype(float) for name in names])
    if metric == "auc":
        return 1 - roc_auc_score(truth == names[1], values[:, 1])
    return log_loss(truth, values / values.sum(axis=1, keepdims=True), labels=names)


def fit(spec, without, cores, args):
    """The loss on rows that were held out, and the seconds that the fit took."""
    import pandas as pd
    frame = pd.read_csv(Path(args.tables) / spec["name"] / "train.csv", dtype=str, keep_default_na=False)
    train, valid = split(frame, spec["target"], spec["task"])
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        train.to_csv(scratch / "train.csv", index=False)
        valid.drop(columns=[spec["target"]]).to_csv(scratch / "valid.csv", index=False)
        command = [BIN, "fit", scratch / "train.csv", "--target", spec["target"], "--output", scratch / "model", "--metric",
                   METRICS[spec["metric"]], "--threads", 2, "--no-record", "--no-journal",
                   *(["--max-trials", args.trials] if args.trials else ["--time-limit", f"{args.seconds}s"])]
        command += ["--without", without] if without else []
        fitted = timed(command, cores, args.prefix.split())
        predicted = timed([BIN, "predict", scratch / "model", scratch / "valid.csv", "--output", scratch / "p.csv", "--no-record"], cores)
        for done in (fitted, predicted):
            if done.code:
                raise SystemExit(f"{spec['name']} without {without or 'nothing'}: {done.errors}")
        predictions = pd.read_csv(scratch / "p.csv", dtype=str)
        return loss(spec["metric"], valid[spec["target"]].reset_index(drop=True), predictions), fitted.seconds


def measure(args):
    done = set()
    if Path(args.results).exists():
        done = {(row["table"], row["without"]) for row in csv.DictReader(open(args.results))}
    else:
        with open(args.results, "w", newline="") as file:
            csv.writer(file).writerow(FIELDS)
    wanted = args.only.split(",") if args.only else None
    specs = [spec for spec in csv.DictReader(open(args.datasets)) if not wanted or spec["name"] in wanted]
    variants = ["", *args.parts.split(",")] if args.parts else VARIANTS
    jobs = [(spec, without) for spec in specs for without in variants if (spec["name"], without) not in done]
    writing = threading.Lock()

    def work(job, cores):
        spec, without = job
        value, seconds = fit(spec, without, cores, args)
        with writing, open(args.results, "a", newline="") as file:
            csv.writer(file).writerow([spec["name"], spec["metric"], args.seconds, without, f"{value:.6g}", f"{seconds:.1f}"])
        print(spec["name"], without or "whole", f"{value:.6g}", flush=True)

    each(jobs, args.slots, work)


def report(args):
    import pandas as pd
    rows = pd.read_csv(args.results, keep_default_na=False)
    seconds = int(rows["seconds"].iloc[0])
    losses = rows.pivot_table(index="table", columns="without", values="loss", aggfunc="last").dropna()
    parts = [name for name in VARIANTS if name and name in losses.columns]
    more = losses[parts].div(losses[""], axis=0) - 1
    lines = ["## What each part adds", "",
             f"Each table was fitted whole and with one part left out, {seconds} s each, 2 threads, on three quarters of its training "
             "rows, and scored on the others; test rows were not looked at. The figures say how much greater the loss (1 - AUC, "
             "log loss, RMSE) is without the part: what is positive was gained by it. One split and one seed a table.", "",
             "| table | " + " | ".join(f"without {part}" for part in parts) + " |", "|---|" + "---:|" * len(parts)]
    for table, row in more.iterrows():
        lines.append(f"| {table} | " + " | ".join(f"{row[part]:+.1%}" for part in parts) + " |")
    lines.append("| **median** | " + " | ".join(f"{more[part].median():+.1%}" for part in parts) + " |")
    lines.append("| **mean** | " + " | ".join(f"{more[part].mean():+.1%}" for part in parts) + " |")
    lines.append(f"| **worse without, of {len(more)}** | " + " | ".join(str(int((more[part] > 0).sum())) for part in parts) + " |")
    write_part("ablation", [*lines, "", args.note, ""] if args.note else [*lines, ""], args.output, script="tables/ablation.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables")
    parser.add_argument("--datasets")
    parser.add_argument("--results", required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--trials", type=int, help="end by trials, not by time: what differs is then the part alone")
    parser.add_argument("--only")
    parser.add_argument("--parts", help="parts to leave out, one at a time; all if not said")
    parser.add_argument("--prefix", default="", help="what to run fits under, such as a scheduler's priority")
    parser.add_argument("--slots", type=int, default=1, help="fits at a time, with two cores each")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--note", default="")
    parser.add_argument("--output", default=DOCUMENT)
    arguments = parser.parse_args()
    report(arguments) if arguments.report else measure(arguments)
