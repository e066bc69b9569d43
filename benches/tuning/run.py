"""Runs one sampler over a suite and appends a line for each study: its best loss after every trial, and its time.

    python run.py --suite bbob5 --sampler gp --seeds 0:20 --out DIR [--driver target/release/examples/ask]

Every sampler is told the same first points, which a seeded generator draws; studies in the file already are skipped. `--turns`
gives each problem one of the seeds, in turn, and the next one in the next round: for samplers that take minutes a study, of which
all seeds of all problems would take days; what is done when it is stopped is even over problems and seeds.
"""

import argparse
import json
import pathlib
import time
import zlib

import numpy as np

import samplers
from problems import SUITES, suite


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", required=True)
    parser.add_argument("--sampler", required=True)
    parser.add_argument("--label")
    parser.add_argument("--seeds", default="0:5")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--first", type=int, default=10)
    parser.add_argument("--only", default="")
    parser.add_argument("--turns", type=int, metavar="N", help="N rounds over the problems, each with another seed")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--driver", default="target/release/examples/ask")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{args.suite}--{args.label or args.sampler}.jsonl"
    done = set()
    if path.exists():
        done = {(r["problem"], r["seed"]) for r in map(json.loads, path.read_text().splitlines())}
    low, high = map(int, args.seeds.split(":"))
    with path.open("a") as out:
        for problem, seed in turns(args.suite, low, high, args.turns) if args.turns else suite(args.suite, range(low, high)):
            if args.only not in problem.name or (problem.name, seed) in done:
                continue
            out.write(json.dumps(study(problem, seed, args)) + "\n")
            out.flush()


def turns(name, low, high, n_rounds):
    """Each problem once a round: the i-th with the i-th seed, counted round and round, and one further each round."""
    made = {}
    for round_ in range(n_rounds):
        for index in range(len(SUITES[name](low))):
            seed = low + (index + round_) % (high - low)
            yield made.setdefault(seed, SUITES[name](seed))[index], seed


def study(problem, seed, args):
    rng = np.random.default_rng([seed, zlib.crc32(problem.name.encode())])
    sampler = samplers.make(args.sampler)(problem, seed, args.trials, args.sampler, args.driver)
    best, losses, spent = float("inf"), [], 0.0
    for trial in range(args.trials):
        if trial < args.first:
            params = problem.draw(rng)
            value = problem.function(params)
            sampler.add(params, value)
        else:
            begun = time.perf_counter()
            params = sampler.ask()
            spent += time.perf_counter() - begun
            value = problem.function(params)
            begun = time.perf_counter()
            sampler.tell(params, value)
            spent += time.perf_counter() - begun
        best = min(best, value)
        losses.append(best)
    sampler.close()
    return {"problem": problem.name, "seed": seed, "seconds": spent, "best": losses, "optimum": problem.best}


if __name__ == "__main__":
    main()
