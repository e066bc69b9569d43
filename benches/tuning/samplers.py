"""Samplers behind one interface: `tell(params, value)` and `ask() -> params`; ours through the example `ask`."""

import json
import math
import subprocess
import warnings


class Ours:
    """`automl-tune`, driven over standard input and output."""

    def __init__(self, problem, seed, budget, name, driver, objectives=("loss",)):
        self.process = subprocess.Popen(
            [driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.call(
            op="study",
            space=problem.space(),
            objectives=[{"name": own} for own in objectives],
            sampler=json.loads(name) if name.startswith("{") else name,
            seed=seed,
            budget=budget,
        )
        self.id = None

    def call(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def add(self, params, value):
        id = self.call(op="start", params=params)["id"]
        self.call(op="tell", id=id, values=[value])

    def ask(self):
        reply = self.call(op="ask")
        self.id = reply["id"]
        return reply["params"]

    def tell(self, params, value):
        values = list(value) if isinstance(value, tuple) else [value]
        self.call(op="tell", id=self.id, values=values)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Optuna:
    """Optuna's samplers by ask and tell, define-by-run, so that conditions are its own."""

    def __init__(self, problem, seed, budget, name, driver):
        import optuna

        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna = optuna
        self.problem = problem
        samplers = {
            "optuna-tpe": lambda: optuna.samplers.TPESampler(seed=seed),
            "optuna-tpe-group": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True),
            "optuna-gp": lambda: optuna.samplers.GPSampler(seed=seed),
            "optuna-cma": lambda: optuna.samplers.CmaEsSampler(seed=seed),
        }
        self.study = optuna.create_study(sampler=samplers[name]())
        self.trial = None

    def distribution(self, parameter):
        d = self.optuna.distributions
        kind = parameter["type"]
        log = parameter.get("scale") == "log"
        if kind == "float":
            return d.FloatDistribution(parameter["low"], parameter["high"], log=log)
        if kind == "integer":
            return d.IntDistribution(parameter["low"], parameter["high"], log=log)
        if kind == "categorical":
            return d.CategoricalDistribution(parameter["values"])
        return d.IntDistribution(0, len(parameter["values"]) - 1)

    def add(self, params, value):
        own, distributions = {}, {}
        for parameter in self.problem.parameters:
            name = parameter["name"]
            if name not in params:
                continue
            distributions[name] = self.distribution(parameter)
            is_index = parameter["type"] in ("discrete", "ordinal")
            own[name] = parameter["values"].index(params[name]) if is_index else params[name]
        trial = self.optuna.trial.create_trial(params=own, distributions=distributions, value=value)
        self.study.add_trial(trial)

    def ask(self):
        self.trial = self.study.ask()
        params = {}
        for parameter in self.problem.parameters:
            tests = parameter.get("when", [])
            if not all(t["parameter"] in params and params[t["parameter"]] in t["values"] for t in tests):
                continue
            name, kind = parameter["name"], parameter["type"]
            log = parameter.get("scale") == "log"
            if kind == "float":
                value = self.trial.suggest_float(name, parameter["low"], parameter["high"], log=log)
            elif kind == "integer":
                value = self.trial.suggest_int(name, parameter["low"], parameter["high"], log=log)
            elif kind == "categorical":
                value = self.trial.suggest_categorical(name, parameter["values"])
            else:
                value = parameter["values"][self.trial.suggest_int(name, 0, len(parameter["values"]) - 1)]
            params[name] = value
        return params

    def tell(self, params, value):
        self.study.tell(self.trial, value)

    def close(self):
        pass


class Vizier:
    """OSS Vizier's default designer (GP-UCB-PE) in this process; it has no conditions."""

    def __init__(self, problem, seed, budget, name, driver):
        import logging

        logging.disable(logging.WARNING)
        from vizier import algorithms as vza
        from vizier import pyvizier as vz
        from vizier._src.algorithms.designers.gp_ucb_pe import VizierGPUCBPEBandit
        import jax

        self.vz, self.vza = vz, vza
        spec = vz.ProblemStatement()
        for parameter in problem.parameters:
            kind, name = parameter["type"], parameter["name"]
            scale = vz.ScaleType.LOG if parameter.get("scale") == "log" else vz.ScaleType.LINEAR
            root = spec.search_space.root
            if kind == "float":
                root.add_float_param(name, parameter["low"], parameter["high"], scale_type=scale)
            elif kind == "integer":
                root.add_int_param(name, parameter["low"], parameter["high"], scale_type=scale)
            elif kind == "categorical":
                root.add_categorical_param(name, [str(v) for v in parameter["values"]])
            else:
                root.add_discrete_param(name, parameter["values"])
        spec.metric_information.append(vz.MetricInformation("loss", goal=vz.ObjectiveMetricGoal.MINIMIZE))
        self.problem = problem
        self.designer = VizierGPUCBPEBandit(spec, rng=jax.random.PRNGKey(seed))
        self.id = 0

    def add(self, params, value):
        vz = self.vz
        self.id += 1
        categorical = {p["name"] for p in self.problem.parameters if p["type"] == "categorical"}
        own = {k: str(v) if k in categorical else v for k, v in params.items()}
        trial = vz.Trial(parameters=own, id=self.id)
        trial.complete(vz.Measurement({"loss": value}))
        self.designer.update(self.vza.CompletedTrials([trial]), self.vza.ActiveTrials())

    def ask(self):
        suggestion = self.designer.suggest(1)[0]
        params = {}
        for parameter in self.problem.parameters:
            value = suggestion.parameters[parameter["name"]].value
            if parameter["type"] == "integer":
                value = int(value)
            elif parameter["type"] == "categorical":
                value = next(v for v in parameter["values"] if str(v) == value)
            elif parameter["type"] == "discrete":
                value = min(parameter["values"], key=lambda v: abs(v - value))
            params[parameter["name"]] = value
        return params

    def tell(self, params, value):
        self.add(params, value)

    def close(self):
        pass


class Smac:
    """SMAC's HyperparameterOptimizationFacade (random forest) by ask and tell."""

    def __init__(self, problem, seed, budget, name, driver):
        import logging
        import tempfile

        import smac
        from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer
        from smac import HyperparameterOptimizationFacade as Facade
        from smac import Scenario
        from smac.runhistory.dataclasses import TrialInfo, TrialValue

        logging.disable(logging.WARNING)
        self.info, self.value = TrialInfo, TrialValue
        self.problem = problem
        space = ConfigurationSpace(seed=seed)
        for parameter in problem.parameters:
            kind, name = parameter["type"], parameter["name"]
            log = parameter.get("scale") == "log"
            if kind == "float":
                own = Float(name, (parameter["low"], parameter["high"]), log=log)
            elif kind == "integer":
                own = Integer(name, (parameter["low"], parameter["high"]), log=log)
            elif kind == "categorical":
                own = Categorical(name, [str(v) for v in parameter["values"]])
            else:
                own = Integer(name, (0, len(parameter["values"]) - 1)) if len(parameter["values"]) > 1 else Categorical(name, [0])
            space.add(own)
        for parameter in problem.parameters:
            for test in parameter.get("when", []):
                child, parent = space[parameter["name"]], space[test["parameter"]]
                space.add(InCondition(child, parent, test["values"]) if len(test["values"]) > 1 else EqualsCondition(child, parent, test["values"][0]))
        self.space = space
        self.folder = tempfile.TemporaryDirectory()
        scenario = Scenario(space, n_trials=budget, seed=seed, deterministic=True, output_directory=self.folder.name)
        design = Facade.get_initial_design(scenario, n_configs=0, additional_configs=[])
        self.smac = Facade(scenario, lambda config, seed=0: 0.0, initial_design=design, overwrite=True, logging_level=False)
        self.trial = None

    def add(self, params, value):
        from ConfigSpace import Configuration

        own = {}
        for parameter in self.problem.parameters:
            name, kind = parameter["name"], parameter["type"]
            if name not in params:
                continue
            if kind == "categorical":
                own[name] = str(params[name])
            elif kind in ("discrete", "ordinal"):
                own[name] = parameter["values"].index(params[name])
            else:
                own[name] = params[name]
        info = self.info(Configuration(self.space, values=own), seed=0)
        self.smac.tell(info, self.value(cost=value))

    def ask(self):
        self.trial = self.smac.ask()
        config = dict(self.trial.config)
        params = {}
        for parameter in self.problem.parameters:
            name, kind = parameter["name"], parameter["type"]
            if name not in config:
                continue
            value = config[name]
            if kind == "integer":
                value = int(value)
            elif kind == "float":
                value = float(value)
            elif kind == "categorical":
                value = next(v for v in parameter["values"] if str(v) == str(value))
            else:
                value = parameter["values"][int(value)]
            params[name] = value
        return params

    def tell(self, params, value):
        self.smac.tell(self.trial, self.value(cost=value))

    def close(self):
        self.folder.cleanup()


def make(name):
    if name.startswith("optuna"):
        return Optuna
    return {"vizier": Vizier, "smac": Smac}.get(name, Ours)
