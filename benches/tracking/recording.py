#!/usr/bin/env python3
"""What recording costs the verbs: each runs with and without --no-record in turn.

    cargo build --release -p automl
    python3 benches/tracking/recording.py --data adult.csv.gz --target income --report

Wall and CPU time of the process; the difference of the medians is told as a share of the time without recording. A fit has a
limit on trials and a training one on epochs, so that they do the same work each time.
"""
import argparse, json, os, resource, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
from document import write_part

BIN = os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")


def timed(command, cwd):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--report", action="store_true", help="write the part of docs/benchmarks.md")
    parser.add_argument("--only", nargs="+", help="verbs, of fit, train, predict and evaluate")
    args = parser.parse_args()
    data = args.data.resolve()
    with tempfile.TemporaryDirectory(prefix="recording-") as folder:
        fit = [BIN, "fit", data, "--target", args.target, "--max-trials", args.trials, "--quality", "fast", "--output"]
        timed([*fit, "model"], folder)
        (Path(folder) / "mlp.yaml").write_text(json.dumps({
            "data": {"path": str(data), "target": args.target},
            "model": {"type": "mlp"},
            "trainer": {"epochs": args.epochs},
        }))
        verbs = {
            "fit": [*fit, "again", "--overwrite"],
            "train": [BIN, "train", "mlp.yaml", "--output", "trained", "--overwrite"],
            "predict": [BIN, "predict", "model", data, "--output", "p.csv", "--overwrite"],
            "evaluate": [BIN, "evaluate", "model", data],
        }
        rows = []
        for verb, command in verbs.items():
            if args.only and verb not in args.only:
                continue
            with_record, without = [], []
            for _ in range(args.repeats if verb not in ("fit", "train") else max(3, args.repeats // 5)):
                without.append(timed([*command, "--no-record"], folder))
                with_record.append(timed(command, folder))
                shutil.rmtree(Path(folder) / ".automl/spool", ignore_errors=True)
            cells = []
            for place, name in enumerate(("wall", "cpu")):
                base, recorded = (statistics.median(times[place] for times in each) for each in (without, with_record))
                cells += [f"{base * 1e3:.1f} ms", f"{recorded * 1e3:.1f} ms", f"{100 * (recorded / base - 1):+.2f} %"]
            rows.append(f"| {verb} | " + " | ".join(cells) + " |")
            print(rows[-1], flush=True)
    if args.report:
        write_part("recording", [
            "## What recording costs", "",
            f"On {data.name.split('.')[0]}, medians of {args.repeats} runs of each in turn (of a fifth as many of `fit` and `train`).", "",
            "| verb | wall, `--no-record` | recorded | | CPU, `--no-record` | recorded | at most 1 % |", "|---|---:|---:|---:|---:|---:|---:|",
            *rows, ""], script="tracking/recording.py")


if __name__ == "__main__":
    main()
