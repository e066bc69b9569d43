"""Mean ranks of the samplers whose results lie in a folder, and paired bootstrap intervals of their differences.

    python compare.py DIR --suite bbob5 [--base gp] [--at 100]

Only studies that every sampler has finished count. A rank is within one problem and seed; the interval is of the
difference of mean ranks to `--base`, over resampled problems and seeds together (10,000 resamples, 95 %).
"""

import argparse
import json
import pathlib

import numpy as np


def ranks(values):
    order = np.argsort(np.argsort(values, axis=0), axis=0).astype(float) + 1
    for column in range(values.shape[1]):
        for value in np.unique(values[:, column]):
            tied = values[:, column] == value
            order[tied, column] = order[tied, column].mean()
    return order


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--base")
    parser.add_argument("--at", type=int, default=100)
    parser.add_argument("--only", default="")
    parser.add_argument("--samplers", default="")
    parser.add_argument("--detail", action="store_true")
    args = parser.parse_args()
    results, seconds = {}, {}
    for path in sorted(args.folder.glob(f"{args.suite}--*.jsonl")):
        name = path.stem.split("--")[1]
        if args.samplers and name not in args.samplers.split(","):
            continue
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        results[name] = {(r["problem"], r["seed"]): r for r in rows if args.only in r["problem"]}
        seconds[name] = np.mean([r["seconds"] for r in rows])
    shared = sorted(set.intersection(*(set(r) for r in results.values())))
    names = list(results)
    values = np.array([[results[n][key]["best"][args.at - 1] for key in shared] for n in names])
    order = ranks(values)
    print(f"{args.suite}: {len(shared)} studies, best after {args.at} trials")
    rng = np.random.default_rng(0)
    base = names.index(args.base) if args.base in names else int(np.argmin(order.mean(axis=1)))
    picks = rng.integers(len(shared), size=(10_000, len(shared)))
    for at in np.argsort(order.mean(axis=1)):
        gap = order[at] - order[base]
        low, high = np.percentile(gap[picks].mean(axis=1), [2.5, 97.5])
        wins = np.mean(values[base] < values[at]) + 0.5 * np.mean(values[base] == values[at])
        print(
            f"  {names[at]:<18} mean rank {order[at].mean():.3f}   to {names[base]}: {gap.mean():+.3f}"
            f" [{low:+.3f}, {high:+.3f}]   {names[base]} wins {100 * wins:.0f} %   {seconds[names[at]]:.2f} s a study"
        )
    optima = [results[names[0]][key]["optimum"] for key in shared]
    if all(optimum is not None for optimum in optima):
        for problem in sorted({key[0] for key in shared}):
            chosen = [i for i, key in enumerate(shared) if key[0] == problem]
            for at, name in enumerate(names):
                gaps = [values[at][i] - optima[i] for i in chosen]
                print(f"  {problem:<14} {name:<18} gap median {np.median(gaps):.2e}, mean {np.mean(gaps):.2e}")
    if args.detail:
        for problem in sorted({key[0] for key in shared}):
            chosen = [i for i, key in enumerate(shared) if key[0] == problem]
            line = "  ".join(
                f"{names[at]} {order[at, chosen].mean():.2f} ({np.median(values[at, chosen]):.4g})"
                for at in range(len(names))
            )
            print(f"  {problem:<18} {line}")


if __name__ == "__main__":
    main()
