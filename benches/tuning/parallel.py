"""What sixteen asynchronous workers cost: the best loss after 100 trials against one worker's, by the same sampler.

    python parallel.py --sampler auto --seeds 0:10 [--workers 16] [--driver target/release/examples/ask]

Every trial takes a random time, so that workers end out of step. The first points are shared. Prints for each function the
median of the gap to the optimum, or of the best loss where it is not known.
"""

import argparse
import heapq
import zlib

import numpy as np

import samplers
from problems import suite


def study(problem, seed, workers, args):
    rng = np.random.default_rng([seed, zlib.crc32(problem.name.encode())])
    times = np.random.default_rng(seed)
    own = samplers.Ours(problem, seed, args.trials, args.sampler, args.driver)
    best = float("inf")
    for _ in range(args.first):
        params = problem.draw(rng)
        value = problem.function(params)
        own.add(params, value)
        best = min(best, value)
    running, asked, now = [], args.first, 0.0
    while running or asked < args.trials:
        while len(running) < workers and asked < args.trials:
            params = own.ask()
            heapq.heappush(running, (now + times.uniform(0.5, 1.5), own.id, params))
            asked += 1
        now, own.id, params = heapq.heappop(running)
        value = problem.function(params)
        own.tell(params, value)
        best = min(best, value)
    own.close()
    return best - (problem.best or 0.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", default="classic")
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--seeds", default="0:10")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--first", type=int, default=10)
    parser.add_argument("--only", default="")
    parser.add_argument("--driver", default="target/release/examples/ask")
    args = parser.parse_args()
    low, high = map(int, args.seeds.split(":"))
    found = {}
    for problem, seed in suite(args.suite, range(low, high)):
        if args.only in problem.name:
            pair = [study(problem, seed, workers, args) for workers in (1, args.workers)]
            found.setdefault(problem.name, []).append(pair)
    for name, pairs in found.items():
        one, many = np.median(np.array(pairs), axis=0)
        wins = np.mean([many < one for one, many in pairs])
        print(f"{name}: one worker {one:.4g}, {args.workers} workers {many:.4g}; many are better in {100 * wins:.0f} %")


if __name__ == "__main__":
    main()
