"""How long a suggestion takes: our samplers on a 10-d sphere, by the time that the driver reports.

    python speed.py --sampler tpe --trials 1000 [--driver target/release/examples/ask]
"""

import argparse
import time

import numpy as np

import samplers
from problems import Problem, floats


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--dimension", type=int, default=10)
    parser.add_argument("--random", type=int, default=10, help="trials drawn at random before")
    parser.add_argument("--driver", default="target/release/examples/ask")
    args = parser.parse_args()
    problem = Problem("sphere", floats(args.dimension, -5.0, 5.0), lambda p: sum((v - 1.0) ** 2 for v in p.values()))
    own = samplers.make(args.sampler)(problem, 1, args.trials, args.sampler, args.driver)
    rng = np.random.default_rng(0)
    spent = []
    for trial in range(args.trials):
        if trial < args.random:
            params = problem.draw(rng)
            own.add(params, problem.function(params))
            continue
        begun = time.perf_counter()
        params = own.ask()
        own.tell(params, problem.function(params))
        spent.append(time.perf_counter() - begun)
    own.close()
    last = spent[-20:]
    print(f"{args.sampler}: {sum(spent):.2f} s in all; the last 20 asks and tells {1e3 * np.median(last):.3f} ms each, pipe included")


if __name__ == "__main__":
    main()
