"""Optuna's own client: its studies live in this server."""
import datetime, math, threading, time

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import GrpcStorageProxy, RetryHeartbeatStaleTrialCallback
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from conftest import Server

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def storage(server):
    proxy = GrpcStorageProxy(host="127.0.0.1", port=server.port)
    proxy.wait_server_ready(timeout=10)
    yield proxy
    proxy.close()


def fresh(server):
    """Another client, which has nothing in its memory."""
    return GrpcStorageProxy(host="127.0.0.1", port=server.port)


def test_studies_are_made_loaded_listed_and_deleted(storage, server):
    study = optuna.create_study(storage=storage, study_name="a", directions=["minimize", "maximize"])
    study.set_user_attr("tags", {"x": [1, None, "ü"]})
    again = optuna.load_study(storage=fresh(server), study_name="a")
    assert again.directions == [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]
    assert again.user_attrs == {"tags": {"x": [1, None, "ü"]}}
    again.set_user_attr("tags", 2)
    assert study.user_attrs == {"tags": 2}
    optuna.create_study(storage=storage, study_name="b")
    assert optuna.get_all_study_names(storage) == ["a", "b"]
    assert [s.n_trials for s in optuna.get_all_study_summaries(storage)] == [0, 0]
    optuna.delete_study(storage=storage, study_name="a")
    assert optuna.get_all_study_names(storage) == ["b"]
    unnamed = optuna.create_study(storage=storage)
    assert unnamed.study_name.startswith("no-name-")


def test_what_is_not_there_or_twice_is_refused(storage):
    optuna.create_study(storage=storage, study_name="a")
    with pytest.raises(DuplicatedStudyError):
        optuna.create_study(storage=storage, study_name="a")
    assert optuna.create_study(storage=storage, study_name="a", load_if_exists=True).study_name == "a"
    with pytest.raises(KeyError):
        optuna.load_study(storage=storage, study_name="none")
    for call in [lambda: storage.get_study_name_from_id(999), lambda: storage.delete_study(999), lambda: storage.get_trial(999),
                 lambda: storage.create_new_trial(999), lambda: storage.get_all_trials(999), lambda: storage.set_study_user_attr(999, "k", 1),
                 lambda: storage.set_trial_state_values(999, TrialState.COMPLETE, [1.0]), lambda: storage.set_trial_user_attr(999, "k", 1),
                 lambda: storage.get_trial_id_from_study_id_trial_number(1, 5), lambda: storage.get_study_directions(999),
                 lambda: storage.set_trial_intermediate_value(999, 1, 1.0), lambda: storage.get_study_system_attrs(999)]:
        with pytest.raises(KeyError):
            call()


def test_a_finished_trial_stays_as_it_is(storage):
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    study.tell(trial, 0.5)
    for call in [lambda: storage.set_trial_param(trial._trial_id, "x", 0.1, FloatDistribution(0, 1)),
                 lambda: storage.set_trial_state_values(trial._trial_id, TrialState.FAIL),
                 lambda: storage.set_trial_intermediate_value(trial._trial_id, 0, 1.0),
                 lambda: storage.set_trial_user_attr(trial._trial_id, "k", 1), lambda: storage.set_trial_system_attr(trial._trial_id, "k", 1)]:
        with pytest.raises(UpdateFinishedTrialError):
            call()
    with pytest.raises(ValueError):
        study.tell(trial.number, 0.6)
    assert study.trials[0].value == 0.5


def test_a_parameter_keeps_its_kind(storage):
    study = optuna.create_study(storage=storage)
    one, two = study.ask(), study.ask()
    storage.set_trial_param(one._trial_id, "x", 0.5, FloatDistribution(0, 1))
    storage.set_trial_param(one._trial_id, "c", 0, CategoricalDistribution(["a", "b"]))
    storage.set_trial_param(two._trial_id, "x", 5.0, FloatDistribution(0, 9))
    for name, other in [("x", IntDistribution(0, 1)), ("x", FloatDistribution(0.1, 1, log=True)), ("c", CategoricalDistribution(["a"]))]:
        with pytest.raises(ValueError):
            storage.set_trial_param(two._trial_id, name, 0.5, other)


def test_all_distributions_come_back_as_they_were(storage, server):
    study = optuna.create_study(storage=storage, study_name="a")
    space = {"f": FloatDistribution(-1e-9, 1e300), "fl": FloatDistribution(1e-300, 1.0, log=True), "fs": FloatDistribution(0.0, 1.0, step=0.1),
             "i": IntDistribution(-(2**53), 2**53), "il": IntDistribution(1, 1000, log=True), "is": IntDistribution(0, 10, step=5),
             "c": CategoricalDistribution(["a", "ü\"\n", None, True, 1, 2.5])}
    told = []
    for _ in range(15):
        trial = study.ask(space)
        told.append(trial.params)
        study.tell(trial, 1.0)
    trials = optuna.load_study(storage=fresh(server), study_name="a").trials
    assert [t.params for t in trials] == told
    assert all(t.distributions == space for t in trials)


def conditional(trial):
    kind = trial.suggest_categorical("kind", ["svm", "forest"])
    if kind == "svm":
        kernel = trial.suggest_categorical("kernel", ["rbf", "linear"])
        gamma = trial.suggest_float("gamma", 1e-5, 1e1, log=True) if kernel == "rbf" else 0.1
        return abs(math.log10(trial.suggest_float("c", 1e-3, 1e3, log=True))) + abs(math.log10(gamma) + 2)
    return 3 / trial.suggest_int("depth", 1, 16) + trial.suggest_float("share", 0.1, 1.0, step=0.1)


@pytest.mark.parametrize("sampler", [optuna.samplers.TPESampler(seed=1), optuna.samplers.TPESampler(seed=1, group=True, multivariate=True),
                                     optuna.samplers.RandomSampler(seed=1), optuna.samplers.NSGAIISampler(seed=1, population_size=10)], ids=["tpe", "group", "random", "nsga2"])
def test_samplers_do_the_same_here_as_in_memory(storage, sampler):
    import copy
    here = optuna.create_study(storage=storage, sampler=copy.deepcopy(sampler))
    here.optimize(conditional, n_trials=40)
    there = optuna.create_study(sampler=copy.deepcopy(sampler))
    there.optimize(conditional, n_trials=40)
    assert [t.params for t in here.trials] == [t.params for t in there.trials]
    assert [t.value for t in here.trials] == [t.value for t in there.trials]
    assert here.best_params == there.best_params


@pytest.mark.parametrize("pruner", [optuna.pruners.MedianPruner(n_startup_trials=3), optuna.pruners.SuccessiveHalvingPruner(), optuna.pruners.HyperbandPruner(1, 9)], ids=["median", "halving", "hyperband"])
def test_pruners_see_what_was_measured(storage, pruner):
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(10):
            trial.report(x + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    study = optuna.create_study(storage=storage, study_name="a", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=3))
    study.optimize(objective, n_trials=30)
    states = {t.state for t in study.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    whole = next(t for t in study.trials if t.state == TrialState.COMPLETE)
    assert whole.intermediate_values == {step: whole.params["x"] + 1 / (step + 1) for step in range(10)}


def test_odd_numbers_are_kept(storage, server):
    study = optuna.create_study(storage=storage, study_name="a")
    trial = study.ask()
    trial.report(float("nan"), 0)
    trial.report(float("inf"), 3)
    trial.report(0.1 + 0.2, 2**40)
    study.tell(trial, float("-inf"))
    found = optuna.load_study(storage=fresh(server), study_name="a").trials[0]
    assert math.isnan(found.intermediate_values.pop(0))
    assert found.intermediate_values == {3: float("inf"), 2**40: 0.1 + 0.2}
    assert found.value == float("-inf")


def test_several_objectives_have_a_front(storage):
    study = optuna.create_study(storage=storage, directions=["minimize", "maximize"], sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(lambda t: (t.suggest_float("x", 0, 1) ** 2, t.suggest_float("y", 0, 1) - t.params["x"]), n_trials=30)
    assert all(len(t.values) == 2 for t in study.trials)
    assert study.best_trials


def test_failed_trials_are_told_and_retried_by_hand(storage):
    def objective(trial):
        if trial.suggest_int("n", 0, 9) < 5:
            raise ArithmeticError("no")
        return 1.0

    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=20, catch=(ArithmeticError,))
    failed = [t for t in study.trials if t.state == TrialState.FAIL]
    assert failed and all(t.values is None for t in failed)
    trial = study.ask()
    study.tell(trial, state=TrialState.FAIL)
    assert study.trials[-1].state == TrialState.FAIL


def test_enqueued_points_come_first_and_attributes_stay(storage, server):
    study = optuna.create_study(storage=storage, study_name="a")
    study.enqueue_trial({"x": 0.25}, user_attrs={"why": "a guess"})
    study.enqueue_trial({"x": 0.75})
    assert [t.state for t in study.get_trials(states=[TrialState.WAITING])] == [TrialState.WAITING] * 2
    study.enqueue_trial({"x": 0.25}, skip_if_exists=True)

    def objective(trial):
        trial.set_user_attr("seen", [1, {"a": None}])
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=3)
    trials = optuna.load_study(storage=fresh(server), study_name="a").trials
    assert [t.params["x"] for t in trials[:2]] == [0.25, 0.75]
    assert trials[0].user_attrs == {"why": "a guess", "seen": [1, {"a": None}]}
    assert "fixed_params" in trials[0].system_attrs
    assert all(t.datetime_start <= t.datetime_complete for t in trials)


def test_trials_of_others_are_taken_in_whole(storage, server):
    study = optuna.create_study(storage=storage, study_name="a")
    start = datetime.datetime(2020, 1, 2, 3, 4, 5, 678901)
    trial = create_trial(params={"x": 0.5, "c": "b"}, distributions={"x": FloatDistribution(0, 1), "c": CategoricalDistribution(["a", "b"])},
                         value=1.5, intermediate_values={0: 3.0, 7: 2.0}, user_attrs={"u": 1}, system_attrs={"s": "t"})
    trial.datetime_start, trial.datetime_complete = start, start + datetime.timedelta(seconds=1)
    study.add_trial(trial)
    study.add_trial(create_trial(state=TrialState.PRUNED, value=2.0, params={}, distributions={}))
    found = optuna.load_study(storage=fresh(server), study_name="a").trials
    assert (found[0].datetime_start, found[0].datetime_complete) == (trial.datetime_start, trial.datetime_complete)
    for field in ["params", "distributions", "values", "intermediate_values", "user_attrs", "system_attrs", "state"]:
        assert getattr(found[0], field) == getattr(trial, field), field
    assert (found[1].state, found[1].value) == (TrialState.PRUNED, 2.0)
    optuna.copy_study(from_study_name="a", from_storage=storage, to_storage=fresh(server), to_study_name="b")
    copied = optuna.load_study(storage=storage, study_name="b").trials
    assert [t.params for t in copied] == [t.params for t in found]


def test_workers_share_a_study_and_lose_nothing(storage, server):
    study = optuna.create_study(storage=storage, study_name="a", sampler=optuna.samplers.RandomSampler())
    for number in range(8):
        study.enqueue_trial({"x": number / 100})

    def work():
        own = optuna.load_study(storage=fresh(server), study_name="a", sampler=optuna.samplers.RandomSampler())
        own.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=10)

    workers = [threading.Thread(target=work) for _ in range(8)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=16, n_jobs=4)
    trials = study.trials
    assert len(trials) == 96 and {t.state for t in trials} == {TrialState.COMPLETE}
    assert [t.number for t in trials] == list(range(96))
    assert sorted(t.params["x"] for t in trials[:8]) == [number / 100 for number in range(8)]


def test_of_workers_that_want_a_waiting_trial_one_gets_it(storage, server):
    study = optuna.create_study(storage=storage, study_name="a")
    study.enqueue_trial({"x": 1})
    waiting, got = study.get_trials()[0]._trial_id, []
    workers = [threading.Thread(target=lambda: got.append(fresh(server).set_trial_state_values(waiting, TrialState.RUNNING))) for _ in range(8)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert sorted(got) == [False] * 7 + [True]


def test_a_silent_trial_fails_where_a_server_of_the_workspace_was_told_when(storage, server, tmp_path):
    watching = Server("--workspace", server.workspace, "--optuna-trial-timeout", "2s", cwd=tmp_path)
    study = optuna.create_study(storage=storage, study_name="a", sampler=optuna.samplers.RandomSampler())
    lost, kept = study.ask(), study.ask()
    x = lost.suggest_float("x", 0, 1)
    for step in range(300):
        if study.trials[0].state != TrialState.RUNNING:
            break
        kept.report(1.0, step)
        time.sleep(0.1)
    assert [t.state for t in study.trials] == [TrialState.FAIL, TrialState.RUNNING]
    assert study.trials[0].datetime_complete is not None
    for late in [lambda: lost.suggest_float("y", 0, 1), lambda: lost.set_user_attr("k", 1), lambda: lost.report(1.0, 0)]:
        with pytest.raises(UpdateFinishedTrialError):
            late()
    study.tell(kept, 1.0)
    RetryHeartbeatStaleTrialCallback(max_retry=1)(study, study.trials[0])
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
    assert (study.trials[2].state, study.trials[2].params) == (TrialState.COMPLETE, {"x": x})
    watching.stop()


def test_what_was_acknowledged_outlives_a_kill(storage, server):
    study = optuna.create_study(storage=storage, study_name="a", sampler=optuna.samplers.RandomSampler())
    told, stop = [], threading.Event()

    def work():
        own = optuna.load_study(storage=fresh(server), study_name="a", sampler=optuna.samplers.RandomSampler())
        while not stop.is_set():
            try:
                trial = own.ask()
                x = trial.suggest_float("x", 0, 1)
                own.tell(trial, x)
                told.append((trial.number, x))
            except Exception:
                return

    workers = [threading.Thread(target=work) for _ in range(8)]
    [worker.start() for worker in workers]
    while len(told) < 100:
        stop.wait(0.01)
    server.kill()
    stop.set()
    [worker.join() for worker in workers]
    found = {t.number: t for t in optuna.load_study(storage=fresh(server), study_name="a").trials}
    assert all(found[number].value == x for number, x in told)
    study = optuna.load_study(storage=fresh(server), study_name="a")
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
