"""Two objectives at once: the hypervolume that samplers' fronts reach, paired by seed.

    python fronts.py [--samplers auto,random,nsga2] [--seeds 0:20] [--trials 60] [--driver target/release/examples/ask]

Samplers begin by themselves: no first points are told. A front's hypervolume is the share of the box between the ideal point and
the reference that it dominates. Printed are the mean of each sampler, after half of the trials and after all, and the mean
difference of the first sampler to each other one with its 95 % interval by the paired bootstrap; then in how many seeds it is better.
"""

import argparse
import concurrent.futures
import math

import numpy as np

import samplers
from problems import Problem, floats, vector


def zdt1(params):
    x = vector(params)
    g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
    return x[0], g * (1 - math.sqrt(x[0] / g))


def zdt3_mixed(params):
    """Zitzler, Deb and Thiele's third, whose front is in pieces, with an integer and a category besides."""
    rest = [params["x1"], params["n"] / 8, {"a": 0.0, "b": 0.3, "c": 0.6}[params["kind"]]]
    g = 1 + 9 * sum(rest) / len(rest)
    share = params["x0"] / g
    return params["x0"], g * (1 - math.sqrt(share) - share * math.sin(10 * math.pi * params["x0"]))


def branches(params):
    """A model's loss and its cost: small ones are cheap, and each kind has its own size and its own best rate."""
    rate = math.log10(params["rate"])
    if params["kind"] == "linear":
        return 0.45 + 0.08 * (rate + 2) ** 2, 1.0
    if params["kind"] == "tree":
        depth = params["depth"]
        return 0.25 + 0.5 * math.exp(-depth / 3) + 0.03 * (rate + 1) ** 2, float(depth)
    width = params["width"]
    return 0.12 + 2.5 / width**0.8 + 0.05 * (rate + 3) ** 2, width / 20


KIND = {"name": "kind", "type": "categorical", "values": ["linear", "tree", "net"]}
PROBLEMS = [
    (Problem("zdt1", floats(5, 0.0, 1.0), zdt1), (0.0, 0.0), (1.0, 6.0)),
    (
        Problem(
            "zdt3-mixed",
            floats(2, 0.0, 1.0)
            + [
                {"name": "n", "type": "integer", "low": 0, "high": 8},
                {"name": "kind", "type": "categorical", "values": ["a", "b", "c"]},
            ],
            zdt3_mixed,
        ),
        (0.0, -1.0),
        (1.0, 6.0),
    ),
    (
        Problem(
            "branches",
            [
                {"name": "rate", "type": "float", "low": 1e-5, "high": 1.0, "scale": "log"},
                KIND,
                {"name": "depth", "type": "integer", "low": 1, "high": 12, "when": [{"parameter": "kind", "values": ["tree"]}]},
                {
                    "name": "width",
                    "type": "integer",
                    "low": 8,
                    "high": 512,
                    "scale": "log",
                    "when": [{"parameter": "kind", "values": ["net"]}],
                },
            ],
            branches,
        ),
        (0.1, 0.0),
        (1.0, 26.0),
    ),
]


def hypervolume(points, ideal, reference):
    """The share of the box that two objectives, to be made small, dominate."""
    area, ceiling = 0.0, reference[1]
    for a, b in sorted(p for p in points if p[0] < reference[0] and p[1] < reference[1]):
        if b < ceiling:
            area += (reference[0] - a) * (ceiling - b)
            ceiling = b
    return area / ((reference[0] - ideal[0]) * (reference[1] - ideal[1]))


# A population that so few trials pay for: its default is drawn at random for the first 50.
SETTINGS = {"nsga2": '{"name": "nsga2", "n_population": 12}'}


def study(at, name, seed, args):
    problem, ideal, reference = PROBLEMS[at]
    sampler = SETTINGS.get(name, name)
    own = samplers.Ours(problem, seed, args.trials, sampler, args.driver, objectives=("a", "b"))
    points, volumes = [], []
    for _ in range(args.trials):
        params = own.ask()
        points.append(problem.function(params))
        own.tell(params, points[-1])
        volumes.append(hypervolume(points, ideal, reference))
    own.close()
    return volumes


def interval(differences):
    rng = np.random.default_rng(0)
    draws = rng.choice(differences, (10_000, len(differences))).mean(1)
    return np.percentile(draws, [2.5, 97.5])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--samplers", default="auto,random,nsga2")
    parser.add_argument("--seeds", default="0:20")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--driver", default="target/release/examples/ask")
    args = parser.parse_args()
    names = args.samplers.split(",")
    seeds = range(*map(int, args.seeds.split(":")))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for at, (problem, *_) in enumerate(PROBLEMS):
            found = {
                name: np.array(list(pool.map(lambda seed: study(at, name, seed, args), seeds))) for name in names
            }
            for name in names:
                half, whole = found[name][:, args.trials // 2 - 1], found[name][:, -1]
                told = f"{problem.name:12} {name:8} {half.mean():.4f} {whole.mean():.4f}"
                if name != names[0]:
                    difference = found[names[0]][:, -1] - whole
                    low, high = interval(difference)
                    told += f"   {names[0]} more by {difference.mean():+.4f} [{low:+.4f}, {high:+.4f}], better in {(difference > 0).sum()} of {len(seeds)}"
                print(told, flush=True)


if __name__ == "__main__":
    main()
