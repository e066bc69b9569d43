#!/usr/bin/env python3
"""Compare the small model of `fit --distill` with the ensemble, and with the best single model that learned the truth alone.

    python benches/tables/distill.py --tables DIR --datasets datasets.csv --only adult,phoneme --seconds 60

DIR holds a folder a table with `train.csv` and `test.csv`, as the comparison harness makes them. Each table is fitted twice, with and
without --distill; `seen` scores are of the validation of the distilling fit, `test` scores of rows that neither fit had. Standard
library only; the binary is $AUTOML_BIN, default target/release/automl.
"""
import argparse, csv, json, tempfile
from pathlib import Path

from latency import automl


def fitted(place, spec, args, more, folder):
    """What a fit says of itself, and its score on the test rows."""
    model = folder / ("small" if more else "whole")
    limit = ["--max-trials", args.trials] if args.trials else ["--time-limit", f"{args.seconds}s"]
    told = json.loads(automl("fit", place / "train.csv", "--target", spec["target"], *limit, "--output", model, "--no-journal",
                             "--no-record", "--format", "json", *more))
    tested = json.loads(automl("evaluate", model, place / "test.csv", "--no-record", "--format", "json"))
    return told, tested["metrics"][told["metric"]]


def main(args):
    print("| table | metric | seen: ensemble | seen: small | seen: without teacher | test: ensemble | test: small | small model | row | ensemble's row |")
    print("|---|---|---:|---:|---:|---:|---:|---|---:|---:|")
    for spec in csv.DictReader(open(args.datasets)):
        if args.only and spec["name"] not in args.only.split(","):
            continue
        place = Path(args.tables).resolve() / spec["name"]
        with tempfile.TemporaryDirectory() as folder:
            told, small = fitted(place, spec, args, ["--distill"], Path(folder))
            _, whole = fitted(place, spec, args, [], Path(folder))
        one = told["distilled"]
        if one is None:
            print(f"| {spec['name']} | {told['metric']} | no small model |", flush=True)
            continue
        taught = "" if one["learned_from_ensemble"] else ", truth alone"
        scores = [one["ensemble_score"], one["score"], one["plain_score"], whole, small]
        print(f"| {spec['name']} | {told['metric']} | {' | '.join(f'{score:.5g}' for score in scores)} | {one['learner']}{taught} "
              f"| {one['row_seconds'] * 1e6:.0f} µs | {one['ensemble_row_seconds'] * 1e6:.0f} µs |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--datasets", required=True)
    parser.add_argument("--only")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--trials", type=int, help="limit trials, not time")
    main(parser.parse_args())
