#!/usr/bin/env python3
"""Race `automl predict` against LightGBM's Python over a million rows, from one CSV file to another.

    python3 -m venv VENV && VENV/bin/pip install lightgbm==4.7.0 pandas==3.0.0 pyarrow
    cargo build --release -p automl
    VENV/bin/python benches/serving/batch.py --table adult.csv.gz --target class
    VENV/bin/python benches/serving/batch.py --table adult.csv.gz --target class --report

The rows of the table are repeated until they are a million. Both predict with the same model: LightGBM fits it (100 trees, 31
leaves, categories as its own), and `automl models import` reads the file that it saves. The peer reads with pandas, by its
C reader and by pyarrow, and writes with pandas; the better one counts. Whole processes, median of the rounds, in turns.
"""
import argparse, os, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
AT_LEAST = 5

PEER = """
import sys
import lightgbm, pandas
model, table, output, engine, categories = sys.argv[1:6]
kinds = {name: "category" for name in categories.split(",") if name}
frame = pandas.read_csv(table, engine=engine, dtype=kinds)
booster = lightgbm.Booster(model_file=model)
for name, levels in zip(kinds, booster.pandas_categorical):
    frame[name] = pandas.Categorical(frame[name], categories=levels)
found = booster.predict(frame, num_threads=int(sys.argv[6]))
pandas.DataFrame({"probability": found}).to_csv(output, index=False)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    import lightgbm, pandas

    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        frame = pandas.read_csv(args.table, skipinitialspace=True)
        # The test rows of adult end their classes in a full stop.
        y = pandas.Categorical(frame.pop(args.target).astype(str).str.rstrip("."))
        categories = [name for name in frame if not pandas.api.types.is_numeric_dtype(frame[name])]
        for name in categories:
            frame[name] = frame[name].astype("category")
        data = lightgbm.Dataset(frame, y.codes)
        lightgbm.train({"objective": "binary", "verbosity": -1, "num_leaves": 31}, data, 100).save_model(folder / "model.txt")
        times = -(-args.rows // len(frame))
        pandas.concat([frame] * times).head(args.rows).to_csv(folder / "rows.csv", index=False)
        classes = ",".join(str(value) for value in y.categories)
        subprocess.run([BIN, "models", "import", "model.txt", "--output", "model", "--classes", classes], cwd=folder, check=True, capture_output=True)
        peer = lambda engine: [sys.executable, "-c", PEER, "model.txt", "rows.csv", f"{engine}.csv", engine, ",".join(categories), str(args.threads)]
        commands = {
            "automl": [BIN, "predict", "model", "rows.csv", "--output", "ours.csv", "--overwrite", "--threads", str(args.threads)],
            "LightGBM, pandas' C reader": peer("c"),
            "LightGBM, pyarrow's reader": peer("pyarrow"),
        }
        seconds = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                begun = time.perf_counter()
                subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                seconds[name].append(time.perf_counter() - begun)
        own = pandas.read_csv(folder / "ours.csv").iloc[:, -1]
        theirs = pandas.read_csv(folder / "c.csv").iloc[:, -1]
        worst = (own - theirs).abs().max()
        n_bytes = (folder / "rows.csv").stat().st_size
    median = {name: statistics.median(of) for name, of in seconds.items()}
    best = min(value for name, value in median.items() if name != "automl")
    ratio = best / median["automl"]
    lines = [
        "### A million rows", "",
        f"{args.rows:,} rows of {args.table.name.split('.')[0]} ({n_bytes / 1e6:.0f} MB), CSV to CSV, by one LightGBM model of 100 trees of 31 leaves, {args.threads} threads; "
        f"median of {args.rounds} whole processes (`benches/serving/batch.py`).", "",
        "| | s | rows/s |", "|---|---:|---:|",
        *(f"| {name} | {value:.2f} | {args.rows / value:,.0f} |" for name, value in median.items()),
        "",
        f"Ours is {ratio:.1f} times as fast as the better of the two (at least {AT_LEAST}{'' if ratio >= AT_LEAST else ', **missed**'}). The greatest difference between two "
        f"probabilities is {worst:.1e}.", "",
    ]
    print("\n".join(lines))
    if args.report:
        sys.path.insert(0, str(ROOT / "benches"))
        from document import write_part
        write_part("serving-batch", lines, script="serving/batch.py")


if __name__ == "__main__":
    main()
