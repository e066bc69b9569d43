#!/usr/bin/env python3
"""Writes the stores of Optuna that tests of `automl import optuna` read: its database as SQL, and its journal.

Run with optuna 5.0.0 installed; writes into crates/automl-store/src/moving/optuna/stores. Two studies: one of one objective
with a value of every kind, one of two objectives with names, constraints and a parameter that few trials have.
"""

import datetime
import math
import pathlib
import sqlite3
import tempfile

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

PLACE = pathlib.Path(__file__).parent.parent / "crates/automl-store/src/moving/optuna/stores"
START = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.timezone.utc)
RATE = FloatDistribution(1e-5, 0.1, log=True)
DEPTH = IntDistribution(1, 9)
KIND = CategoricalDistribution(["a", 'b "c"', None, 2, True])


def trial(second, state=TrialState.COMPLETE, **rest):
    started = (START + datetime.timedelta(seconds=second)).astimezone().replace(tzinfo=None)
    made = create_trial(state=state, **rest)
    made.datetime_start = None if state == TrialState.WAITING else started
    made.datetime_complete = started + datetime.timedelta(seconds=0.5) if state.is_finished() else None
    return made


def fill(storage):
    study = optuna.create_study(storage=storage, study_name='one "two"/three', direction="maximize")
    study.set_user_attr("team", {"name": "ü", "numbers": [1, 2.5, math.nan]})
    drawn = {"rate": RATE, "kind": KIND}
    for at, (value, kind) in enumerate([(0.5, "a"), (math.inf, None), (0.75, 2)]):
        study.add_trial(trial(at, params={"rate": 10.0 ** -(at + 1), "kind": kind}, distributions=drawn, value=value,
                              user_attrs={"seed": at}, intermediate_values={1: 0.25, 2: math.nan, 3: -math.inf}))
    study.add_trial(trial(4, TrialState.PRUNED, params={"rate": 0.001}, distributions={"rate": RATE}, intermediate_values={1: 0.1}))
    study.add_trial(trial(5, TrialState.FAIL, params={}, distributions={}))
    study.enqueue_trial({"rate": 0.01})
    running = study.ask()
    running.suggest_float("rate", 1e-5, 0.1, log=True)
    running.report(0.3, 1)
    study.add_trial(trial(0, TrialState.WAITING, system_attrs={"fixed_params": {"rate": 0.02}}))

    study = optuna.create_study(storage=storage, study_name="front", directions=["minimize", "maximize"])
    study.set_metric_names(["cost", "gain"])
    for at in range(6):
        params, drawn = {"depth": at + 1}, {"depth": DEPTH}
        if at % 2:
            params["rate"], drawn["rate"] = 0.01, RATE
        study.add_trial(trial(at, params=params, distributions=drawn, values=[float(at), float(at % 3)],
                              system_attrs={"constraints": [at - 4.5]}))
    deleted = optuna.create_study(storage=storage, study_name="gone")
    optuna.delete_study(study_name=deleted.study_name, storage=storage)


def main():
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = pathlib.Path(folder, "study.db")
        fill(optuna.storages.RDBStorage(f"sqlite:///{database}"))
        with sqlite3.connect(database) as connection:
            lines = [line for line in connection.iterdump() if not line.startswith("CREATE INDEX") and not line.startswith("CREATE UNIQUE INDEX")]
        (PLACE / "database.sql").write_text("\n".join(lines) + "\n")
        journal = PLACE / "journal.log"
        journal.unlink(missing_ok=True)
        fill(optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal))))


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    main()
