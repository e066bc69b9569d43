#!/usr/bin/env python3
"""Measure how long one row takes a model that a fit with default settings, or with --quality fast, gave.

    python benches/tables/latency.py --tables DIR --datasets datasets.csv --only adult,house_prices --seconds 30

DIR holds a folder a table with `train.csv` and `test_features.csv`, as the comparison harness makes them. Rows are asked for over
one kept connection to `automl serve`, one after the other, in turns with its empty handler: what a row takes beyond the median of that,
parsing and writing JSON included, is about the time in the process. Standard library only; the binary is $AUTOML_BIN, default
target/release/automl. On a machine that does other work the hundredth slowest row tells of that work.
"""
import argparse, csv, http.client, json, sys, tempfile, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from serving.run import Server, automl

QUALITIES = {"balanced": 2000, "fast": 100}  # and the microseconds that ninety-nine rows of a hundred must keep within
N_ROWS = 1000
N_WARM = 50  # at most, where there are fewer rows


def record(row, kinds):
    """A row of text as JSON has it."""
    def value(name, text):
        if kinds.get(name) != "number":
            return text or None
        try:
            return float(text)
        except ValueError:
            return None
    return {name: value(name, text) for name, text in row.items()}


def measured(connection, body):
    start = time.perf_counter()
    if body is None:
        connection.request("GET", "/health")
    else:
        connection.request("POST", "/endpoints/small/invocations", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    seconds = time.perf_counter() - start
    if answer.status != 200:
        raise SystemExit(f"not answered with 200: {text[:600]!r}")
    return seconds


def latencies(folder, rows):
    """Microseconds of each row beyond the median empty answer, sorted; and that median."""
    kinds = {field["name"]: field["kind"] for field in json.loads((folder / "model/manifest.json").read_text())["inputs"]["fields"]}
    bodies = [json.dumps({"dataframe_records": [record(row, kinds)]}) for row in rows]
    server = Server(folder, 0)
    warm = bodies[:N_WARM]
    empty, own = [], []
    try:
        connection = http.client.HTTPConnection(*server.address)
        for body in [*warm, *bodies]:
            empty.append(measured(connection, None))
            own.append(measured(connection, body))
    finally:
        server.stop()
    base = sorted(empty[len(warm):])[len(bodies) // 2]
    return sorted((seconds - base) * 1e6 for seconds in own[len(warm):]), base * 1e6


def main(args):
    print("| table | quality | models | one row, median | 99 % | at most | empty answer |\n|---|---|---:|---:|---:|---:|---:|")
    for spec in csv.DictReader(open(args.datasets)):
        if args.only and spec["name"] not in args.only.split(","):
            continue
        place = Path(args.tables).resolve() / spec["name"]
        rows = list(csv.DictReader(open(place / "test_features.csv")))[:N_ROWS]
        for quality, most in QUALITIES.items():
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                automl("fit", str(place / "train.csv"), "--target", spec["target"], "--quality", quality, "--time-limit",
                       f"{args.seconds}s", "--output", "model", "--no-journal", cwd=folder)
                for command in [("models", "register", "small", "model"), ("endpoint", "create", "small"),
                                ("endpoint", "deploy", "small", "small/1")]:
                    automl(*command, cwd=folder)
                members = json.loads((folder / "model/manifest.json").read_text())["model"]["meta"]["members"]
                times, base = latencies(folder, rows)
            slow = times[int(len(times) * 0.99)]
            kept = "" if slow <= most else ", missed"
            print(f"| {spec['name']} | {quality} | {len(members)} | {times[len(times) // 2]:.0f} µs | {slow:.0f} µs | {most} µs{kept} "
                  f"| {base:.0f} µs |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--datasets", required=True)
    parser.add_argument("--only")
    parser.add_argument("--seconds", type=int, default=30)
    main(parser.parse_args())
