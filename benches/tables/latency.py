#!/usr/bin/env python3
"""Measure how long one row takes a model that a fit with default settings, or with --quality fast, gave.

    python benches/tables/latency.py --tables DIR --datasets datasets.csv --only adult,house_prices --seconds 30

DIR holds a folder a table with `train.csv` and `test_features.csv`, as the comparison harness makes them. The model is read once, and
the first thousand rows are predicted one after the other in that process (`automl latency`), five times each: what a row takes at best
a busy machine hardly changes. Standard library only (--report wants Python 3.12); the binary is $AUTOML_BIN, default
target/release/automl. With --keep the models stay in that folder, and those that are there are timed again.
"""
import argparse, csv, json, os, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
QUALITIES = {"balanced": 2000, "fast": 100}  # and the microseconds that ninety-nine rows of a hundred must keep within


def automl(*arguments):
    done = subprocess.run([BIN, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"automl {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
    return done.stdout


def timed(place, target, quality, seconds, folder):
    """What `automl latency` says of a table's model, which is fitted if it is not there."""
    model = folder / f"{place.name}-{quality}"
    if not model.exists():
        automl("fit", place / "train.csv", "--target", target, "--quality", quality, "--time-limit", f"{seconds}s",
               "--output", model, "--no-journal", "--no-record")
    return json.loads(automl("latency", model, place / "test_features.csv"))


def main(args):
    lines = ["## One row alone", "",
             f"Microseconds that one row takes the model of a fit of {args.seconds} s on two threads, in process: the median and 99 % of what each of up to a "
             "thousand test rows takes at best, and 99 % of all times; and what the fit counts for a row by the model's sizes. At most "
             f"{QUALITIES['balanced']} µs are aimed at with the default quality at 99 % of all times, and {QUALITIES['fast']} µs with `--quality fast`.", "",
             "| table | models | counted | median | 99 % | 99 % of all | fast: models | counted | median | 99 % | 99 % of all |",
             "|---|" + "---:|" * 10]
    print("\n".join(lines[-2:]), flush=True)
    missed = {quality: [] for quality in QUALITIES}
    n_tables = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.keep or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for spec in csv.DictReader(open(args.datasets)):
            if args.only and spec["name"] not in args.only.split(","):
                continue
            place = Path(args.tables).resolve() / spec["name"]
            n_tables += 1
            cells = [spec["name"]]
            for quality, most in QUALITIES.items():
                told = timed(place, spec["target"], quality, args.seconds, folder)
                cells.append(str(told["n_models"]))
                cells += [f"{told[name]:.0f}" for name in ("counted_us", "best_median_us", "best_p99_us", "p99_us")]
                if told["p99_us"] > most:
                    missed[quality].append(spec["name"])
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    lines.append("")
    for quality, most in QUALITIES.items():
        names = f" **missed** on {', '.join(missed[quality])}" if missed[quality] else ""
        lines.append(f"{quality}: {n_tables - len(missed[quality])} of {n_tables} tables within {most} µs at 99 % of all times.{names}\n")
    print("\n".join(lines[-2:]))
    if args.report:
        sys.path.insert(0, str(ROOT / "benches"))
        from document import write_part
        write_part("latency", lines, script="tables/latency.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--datasets", required=True)
    parser.add_argument("--only")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--keep", metavar="FOLDER")
    parser.add_argument("--report", action="store_true", help="write the part of docs/benchmarks.md")
    main(parser.parse_args())
