#!/usr/bin/env python3
"""What recording costs the verbs: each runs with and without --no-record in turn.

    cargo build --release -p automl
    python3 benches/tracking/recording.py --data adult.csv.gz --target income --repeats 15

Wall and CPU time of the process; the difference of the medians is told as a share of the time without recording. A fit has a
limit on trials, so that it does the same work each time.
"""
import argparse, os, resource, shutil, statistics, subprocess, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--trials", type=int, default=4)
    args = parser.parse_args()
    data = args.data.resolve()
    with tempfile.TemporaryDirectory(prefix="recording-") as folder:
        fit = [BIN, "fit", data, "--target", args.target, "--max-trials", args.trials, "--quality", "fast", "--output"]
        timed([*fit, "model"], folder)
        verbs = {
            "fit": [*fit, "again", "--overwrite"],
            "predict": [BIN, "predict", "model", data, "--output", "p.csv"],
            "evaluate": [BIN, "evaluate", "model", data],
        }
        for verb, command in verbs.items():
            with_record, without = [], []
            for _ in range(args.repeats if verb != "fit" else max(3, args.repeats // 3)):
                without.append(timed([*command, "--no-record"], folder))
                with_record.append(timed(command, folder))
                shutil.rmtree(Path(folder) / ".automl/spool", ignore_errors=True)
            for place, name in enumerate(("wall", "cpu")):
                base, recorded = (statistics.median(times[place] for times in each) for each in (without, with_record))
                print(f"{verb:9} {name:5} {base * 1e3:9.1f} ms, recorded {recorded * 1e3:9.1f} ms: {100 * (recorded / base - 1):+.2f} %")


if __name__ == "__main__":
    main()
