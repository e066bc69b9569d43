"""Vizier's own client: its studies live in this server, which proposes their trials."""
import json, math, subprocess, threading, time, unittest, urllib.parse, urllib.request

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf import wrappers_pb2
from vizier._src.service import stubs_util, study_pb2, vizier_client, vizier_service_pb2
from vizier.client import client_abc_testing
from vizier.service import clients, pyvizier as vz

from conftest import BIN, Server

LOSS = vz.MetricInformation("loss", goal=vz.ObjectiveMetricGoal.MINIMIZE)
SCORE = vz.MetricInformation("score", goal=vz.ObjectiveMetricGoal.MAXIMIZE)


@pytest.fixture(autouse=True)
def endpoint(server):
    clients.environment_variables.server_endpoint = f"127.0.0.1:{server.port}"
    stubs_util.create_vizier_server_stub.cache_clear()


def config(*metrics, algorithm="RANDOM_SEARCH", fill=lambda root: root.add_float_param("x", 0.0, 1.0)):
    made = vz.StudyConfig(algorithm=algorithm)
    fill(made.search_space.root)
    for metric in metrics or [LOSS]:
        made.metric_information.append(metric)
    return made


def study_of(made=None, name="s", owner="o"):
    return clients.Study.from_study_config(made or config(), owner=owner, study_id=name)


def stub():
    return vizier_client.create_vizier_servicer_or_stub()


def refused(code, call):
    with pytest.raises(grpc.RpcError) as error:
        call()
    assert error.value.code() == code, error.value
    return error.value.details()


def api(server, method, path, body=None):
    request = urllib.request.Request(server.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def own_suite():
    """The tests that Vizier has of its own clients, as a case to run by name."""

    class Own(client_abc_testing.TestCase):
        def create_study(self, problem, study_id):
            made = vz.StudyConfig.from_problem(problem)
            made.algorithm = vz.Algorithm.RANDOM_SEARCH
            return study_of(made, study_id, "owner")

        def test_tuning(self):
            self.assertPassesE2ETuning()

        def test_tuning_of_several_objectives(self):
            self.assertPassesE2ETuning(multi_objective=True)

    return Own


@pytest.mark.parametrize("name", unittest.TestLoader().getTestCaseNames(own_suite()))
def test_what_vizier_asks_of_its_clients(name):
    result = unittest.TestResult()
    own_suite()(name).run(result)
    assert result.testsRun == 1 and result.wasSuccessful(), result.errors + result.failures


def everything(root):
    root.add_float_param("linear", -1.0, 1.0)
    root.add_float_param("log", 1e-4, 1.0, scale_type=vz.ScaleType.LOG, default_value=0.01)
    root.add_float_param("reversed", 0.1, 0.999, scale_type=vz.ScaleType.REVERSE_LOG)
    root.add_int_param("int", -3, 3, default_value=1)
    root.add_int_param("log_int", 1, 1000, scale_type=vz.ScaleType.LOG)
    root.add_discrete_param("discrete", [0.5, 1.0, 4.0])
    root.add_discrete_param("whole", [1, 2, 8])
    root.add_categorical_param("category", ["b", "a", "ü\" \n"], default_value="b")
    root.add_bool_param("flag")
    root.add_bool_param("always", feasible_values=[True])
    root.add_float_param("point", 2.0, 2.0)
    for index in range(3):
        root.add_float_param("vector", 0.0, 1.0, index=index)


def test_every_scale_and_type_comes_back_as_its_kind():
    study = study_of(config(fill=everything))
    inside = {"linear": (-1, 1), "log": (1e-4, 1), "reversed": (0.1, 0.999), "int": (-3, 3), "log_int": (1, 1000)}
    seen = []
    for trial in study.suggest(count=40, client_id="a"):
        values = trial.parameters
        seen.append(values)
        assert all(low <= values[name] <= high for name, (low, high) in inside.items()), values
        assert type(values["flag"]) is bool and values["always"] is True and values["point"] == 2.0
        assert type(values["whole"]) is int and values["whole"] in (1, 2, 8) and values["discrete"] in (0.5, 1.0, 4.0)
        assert values["category"] in ("a", "b", "ü\" \n") and len(values["vector"]) == 3
        internal = trial.materialize().parameters
        assert internal["flag"].value in ("True", "False") and internal["int"].value in [float(n) for n in range(-3, 4)]
        trial.complete(vz.Measurement({"loss": values["linear"]}))
    assert [seen[0][name] for name in ("log", "int", "category")] == [0.01, 1, "b"]
    assert {values["int"] for values in seen} == set(range(-3, 4)) and {values["flag"] for values in seen} == {True, False}
    assert sum(values["log"] < 0.01 for values in seen) > 10 and sum(values["reversed"] > 0.5 for values in seen) > 26


@pytest.mark.parametrize("algorithm", ["", "DEFAULT", "ALGORITHM_UNSPECIFIED", "GP_UCB_PE", "GAUSSIAN_PROCESS_BANDIT", "RANDOM_SEARCH", "QUASI_RANDOM_SEARCH",
                                       "GRID_SEARCH", "SHUFFLED_GRID_SEARCH", "NSGA2", "CMA_ES", "TPE", "TURBO"])
def test_every_algorithm_searches_all_kinds_of_parameters(algorithm):
    def fill(root):
        everything(root)
        root.select("category", ["a"]).add_int_param("below", 1, 4)

    study = study_of(config(algorithm=algorithm, fill=fill))
    points = set()
    for number in range(8):
        for trial in study.suggest(count=2):
            values = trial.parameters
            assert ("below" in values) == (values["category"] == "a")
            points.add(json.dumps(values, sort_keys=True))
            trial.complete(vz.Measurement({"loss": values["linear"] ** 2 + values["log"]}))
    assert len(points) == 16


def test_algorithms_without_a_like_are_refused_when_the_study_is_made():
    for name in ["EAGLE_STRATEGY", "BOCS", "HARMONICA", "NO_SUCH"]:
        told = refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study_of(config(algorithm=name)))
        assert name in told and "GP_UCB_PE" in told


def test_the_search_finds_a_minimum():
    study = study_of(config(algorithm="DEFAULT", fill=lambda root: [root.add_float_param(name, -5.0, 5.0) for name in "xy"]))
    for _ in range(25):
        for trial in study.suggest(count=1):
            x, y = (trial.parameters[name] for name in "xy")
            trial.complete(vz.Measurement({"loss": (x - 1) ** 2 + (y + 2) ** 2}))
    best, = study.optimal_trials().get()
    assert best.final_measurement.metrics["loss"].value < 0.1


def tree(root):
    root.add_categorical_param("model", ["dnn", "linear", "tree"])
    root.select("model", ["dnn", "linear"]).add_float_param("rate", 1e-4, 1.0, scale_type=vz.ScaleType.LOG)
    root.select("model", ["dnn"]).add_int_param("layers", 1, 3)
    root.select("model", ["tree"]).add_discrete_param("depth", [2, 4, 8])


def deep_spec(algorithm):
    """The tree with more below its leaves, which this client reads but does not write."""
    spec = config(algorithm=algorithm, fill=tree).to_proto()
    leaves = {own.parameter_spec.parameter_id: own.parameter_spec for own in spec.parameters[0].conditional_parameter_specs}
    skip = leaves["layers"].conditional_parameter_specs.add()
    skip.parent_int_values.values.extend([2, 3])
    skip.parameter_spec.parameter_id = "skip"
    skip.parameter_spec.categorical_value_spec.values.extend(["no", "yes"])
    gate = skip.parameter_spec.conditional_parameter_specs.add()
    gate.parent_categorical_values.values.append("yes")
    gate.parameter_spec.parameter_id = "gate"
    gate.parameter_spec.double_value_spec.max_value = 1.0
    prune = leaves["depth"].conditional_parameter_specs.add()
    prune.parent_discrete_values.values.extend([4.0, 8.0])
    prune.parameter_spec.parameter_id = "prune"
    prune.parameter_spec.categorical_value_spec.values.extend(["False", "True"])
    prune.parameter_spec.external_type = study_pb2.StudySpec.ParameterSpec.ExternalType.AS_BOOLEAN
    return spec


def wanted(values):
    names = {"model"}
    names |= {"rate"} if values["model"] in ("dnn", "linear") else {"depth"}
    if values["model"] == "dnn":
        names |= {"layers"}
        if values["layers"] >= 2:
            names |= {"skip"} | ({"gate"} if values["skip"] == "yes" else set())
    if values["model"] == "tree" and values["depth"] >= 4:
        names |= {"prune"}
    return names


@pytest.mark.parametrize("algorithm", ["DEFAULT", "RANDOM_SEARCH", "TPE"])
def test_conditional_parameters_of_any_depth(algorithm):
    spec = deep_spec(algorithm)
    stub().CreateStudy(vizier_service_pb2.CreateStudyRequest(parent="owners/o", study=study_pb2.Study(display_name="s", study_spec=spec)))
    study = clients.Study.from_owner_and_id("o", "s")
    sets = set()
    for _ in range(15):
        for trial in study.suggest(count=4, client_id="a"):
            values = trial.parameters
            assert set(values) == wanted(values), values
            sets.add(frozenset(values))
            trial.complete(vz.Measurement({"loss": len(values)}))
    assert len(sets) >= 4
    assert stub().GetStudy(vizier_service_pb2.GetStudyRequest(name=study.resource_name)).study_spec == spec
    own = {"model": "dnn", "layers": 2, "skip": "yes", "gate": 0.5, "rate": 0.1}
    assert study.request(vz.TrialSuggestion(own)).parameters == own


def test_children_of_one_name_in_different_branches():
    def fill(root):
        root.add_categorical_param("model", ["a", "b"])
        root.select("model", ["a"]).add_float_param("rate", 0.0, 1.0)
        root.select("model", ["b"]).add_float_param("rate", 5.0, 6.0)

    study = study_of(config(fill=fill))
    for trial in study.suggest(count=20):
        values = trial.parameters
        low = 0.0 if values["model"] == "a" else 5.0
        assert low <= values["rate"] <= low + 1
    own = {"model": "b", "rate": 5.5}
    assert study.request(vz.TrialSuggestion(own)).parameters == own
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study.request(vz.TrialSuggestion({"model": "b", "rate": 0.5})))


def test_specs_come_back_as_they_were():
    made = config(LOSS, SCORE, fill=everything)
    made.observation_noise = vz.ObservationNoise.HIGH
    made.automated_stopping_config = vz.AutomatedStoppingConfig.default_stopping_spec()
    made.metadata["a"] = "1"
    made.metadata.ns("x").ns("y")["b"] = wrappers_pb2.StringValue(value="deep")
    study = study_of(made)
    sent = made.to_proto()
    request = vizier_service_pb2.GetStudyRequest(name="owners/o/studies/s")
    found = stub().GetStudy(request)
    assert found.study_spec == sent and (found.name, found.display_name) == ("owners/o/studies/s", "s")
    assert found.study_spec.SerializeToString() == sent.SerializeToString()
    assert found.create_time.seconds > 1.7e9 and found.state == study_pb2.Study.State.ACTIVE
    study.update_metadata(vz.Metadata({"a": "2", "c": "3"}))
    again = study.materialize_study_config()
    assert again.metadata["a"] == "2" and again.metadata["c"] == "3"
    assert again.metadata.ns("x").ns("y").get("b", cls=wrappers_pb2.StringValue).value == "deep"
    again = again.to_proto()
    del again.metadata[:], sent.metadata[:]
    assert again == sent


def test_a_study_is_made_once_and_loaded_by_its_name():
    first = study_of()
    assert first.resource_name == "owners/o/studies/s"
    trial, = first.suggest(count=1)
    other = study_of(config(SCORE, fill=lambda root: root.add_int_param("n", 1, 2)))
    assert [t.id for t in other.trials()] == [trial.id] and other.materialize_study_config().metric_information.item().name == "loss"
    assert clients.Study.from_owner_and_id("o", "s").resource_name == first.resource_name
    with pytest.raises(clients.ResourceNotFoundError):
        clients.Study.from_owner_and_id("o", "none")
    study_of(owner="p")
    study_of(name="t")
    listed = [json.loads(own)["name"] for own in first._client.list_studies()]
    assert listed == ["owners/o/studies/s", "owners/o/studies/t"]
    first.delete()
    assert [json.loads(own)["displayName"] for own in study_of(name="t")._client.list_studies()] == ["t"]
    refused(grpc.StatusCode.NOT_FOUND, first.delete)


def test_many_that_make_a_study_at_once_share_it():
    made = []
    workers = [threading.Thread(target=lambda: made.append(study_of().resource_name)) for _ in range(8)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert made == ["owners/o/studies/s"] * 8


def test_suggestions_are_own_trials_then_requested_ones_then_new_ones():
    study = study_of()
    active = study.suggest(count=2, client_id="a")
    assert [t.id for t in active] == [1, 2]
    [study.request(vz.TrialSuggestion({"x": x})) for x in (0.25, 0.75)]
    assert [t.materialize().status for t in study.trials()][2:] == [vz.TrialStatus.REQUESTED] * 2
    given = study.suggest(count=5, client_id="a")
    assert [t.id for t in given] == [1, 2, 3, 4, 5]
    assert [t.parameters["x"] for t in given[2:4]] == [0.25, 0.75]
    assert [t.id for t in study.suggest(count=3, client_id="a")] == [1, 2, 3]
    assert [t.id for t in study.suggest(count=1, client_id="b")] == [6]
    assert all(t.materialize().assigned_worker == "a" for t in given)
    assert len(study.suggest(client_id="c")) == 1
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study.suggest(count=-1))
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study.suggest(count=1, client_id="a/b"))


def test_an_operation_can_be_asked_again():
    study = study_of()
    request = vizier_service_pb2.SuggestTrialsRequest(parent=study.resource_name, suggestion_count=3, client_id="a")
    operation = stub().SuggestTrials(request)
    assert operation.done and operation.name.startswith("owners/o/operations/suggestion/s/a/")
    assert stub().SuggestTrials(request) == operation
    again = stub().GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    assert again == operation
    response = vizier_service_pb2.SuggestTrialsResponse()
    assert operation.response.Unpack(response) and [t.id for t in response.trials] == ["1", "2", "3"]
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub().GetOperation(operations_pb2.GetOperationRequest(name="x")))


def test_a_client_that_asks_twice_at_once_gets_the_same_trials():
    study = study_of(config(algorithm="DEFAULT"))
    got = []
    workers = [threading.Thread(target=lambda: got.append([t.id for t in study.suggest(count=3, client_id="a")])) for _ in range(6)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert got == [[1, 2, 3]] * 6 and len(list(study.trials())) == 3


def test_a_client_that_asks_two_servers_at_once_gets_the_same_trials(server, tmp_path):
    study, other, got = study_of(config(algorithm="TPE")), Server("--workspace", server.workspace, cwd=tmp_path), []
    stubs = [stub(), stubs_util.create_vizier_server_stub(f"127.0.0.1:{other.port}")]
    request = vizier_service_pb2.SuggestTrialsRequest(parent=study.resource_name, suggestion_count=4, client_id="a")
    workers = [threading.Thread(target=lambda own=own: got.append(own.SuggestTrials(request))) for own in stubs * 3]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert len({operation.name for operation in got}) == 1 and len(got) == 6 and len(list(study.trials())) == 4
    outcomes = []

    def complete(own, value):
        measurement = study_pb2.Measurement(metrics=[study_pb2.Measurement.Metric(metric_id="loss", value=value)])
        try:
            own.CompleteTrial(vizier_service_pb2.CompleteTrialRequest(name=f"{study.resource_name}/trials/1", final_measurement=measurement))
            outcomes.append(value)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION

    workers = [threading.Thread(target=complete, args=[own, float(value)]) for value, own in enumerate(stubs * 3)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert outcomes == [study.get_trial(1).materialize().final_measurement.metrics["loss"].value]
    other.stop()


def test_workers_share_a_study_and_lose_nothing():
    study_of()

    def work(name):
        own = study_of()
        for _ in range(10):
            for trial in own.suggest(count=2, client_id=name):
                trial.complete(vz.Measurement({"loss": trial.parameters["x"]}))

    workers = [threading.Thread(target=work, args=[f"w{number}"]) for number in range(6)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    trials = list(study_of().trials().get())
    assert [t.id for t in trials] == list(range(1, 121)) and {t.status for t in trials} == {vz.TrialStatus.COMPLETED}
    assert all(t.final_measurement.metrics["loss"].value == t.parameters["x"].value for t in trials)
    assert sorted({t.assigned_worker for t in trials}) == [f"w{number}" for number in range(6)]


def measured(trial):
    return [(m.step_count, m.elapsed_duration.seconds, m.elapsed_duration.nanos, [(own.metric_id, own.value) for own in m.metrics]) for m in trial.measurements]


def test_measurements_keep_their_order_whatever_their_steps():
    study = study_of(config(LOSS, SCORE))
    trial, = study.suggest(count=1)
    told = [(5, 1.5, {"loss": 1.0, "score": 2.0}), (5, 1.75, {"loss": 0.9, "score": 2.0}), (2, 0.0, {"loss": 0.1 + 0.2}), (0, 3.0, {"loss": 0.5, "extra": 7.0}),
            (0, 0.0, {"loss": 0.4, "score": 1.0}), (0, 0.0, {"loss": 0.4, "score": 1.0}), (7, 0.0, {"loss": float("inf"), "score": -0.0}), (7, 0.0, {"score": float("nan")})]
    for step, seconds, metrics in told:
        trial.add_measurement(vz.Measurement(metrics, steps=step, elapsed_secs=seconds))
    found = measured(stub().GetTrial(vizier_service_pb2.GetTrialRequest(name=f"{study.resource_name}/trials/1")))
    nan = found.pop()
    assert nan[0] == 7 and math.isnan(nan[3][0][1])
    assert found == [(step, int(seconds), round(seconds % 1 * 1e9), list(metrics.items())) for step, seconds, metrics in told[:-1]]
    trial.add_measurement(vz.Measurement({"loss": 1.0, "score": 1.0}, steps=9))
    trial.add_measurement(vz.Measurement({"loss": 1.0, "score": 1.0}, steps=9))
    assert len(trial.materialize().measurements) == len(told) + 1
    final = trial.complete()
    assert final.metrics["loss"].value == 1.0 and final.steps == 9


def test_trials_end_with_a_measurement_or_with_the_last_one():
    study = study_of()
    one, two, three = study.suggest(count=3)
    final = vz.Measurement({"loss": 0.1 + 0.2, "other": 3.0}, steps=4, elapsed_secs=2)
    assert one.complete(final) == final and one.complete(final) == final
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: one.complete(vz.Measurement({"loss": 7.0})))
    refused(grpc.StatusCode.FAILED_PRECONDITION, one.complete)
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: one.add_measurement(final))
    refused(grpc.StatusCode.FAILED_PRECONDITION, one.check_early_stopping)
    refused(grpc.StatusCode.INVALID_ARGUMENT, two.complete)
    two.add_measurement(vz.Measurement({"loss": 2.0}, steps=1))
    two.add_measurement(vz.Measurement({"loss": 1.0}, steps=2))
    assert two.complete().metrics["loss"].value == 1.0
    found = one.materialize()
    assert found.status == vz.TrialStatus.COMPLETED and found.final_measurement == final
    assert found.creation_time <= found.completion_time
    assert three.materialize().status == vz.TrialStatus.ACTIVE


def test_infeasible_trials_have_a_reason():
    study = study_of()
    one, two = study.suggest(count=2)
    assert one.complete(infeasible_reason="too hot") is None
    one.complete(infeasible_reason="too hot")
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: one.complete(infeasible_reason="other"))
    two.complete(vz.Measurement({"loss": 1.0}), infeasible_reason="")
    found = one.materialize()
    assert found.infeasible and found.infeasibility_reason == "too hot"
    found = two.materialize()
    assert found.infeasible and found.infeasibility_reason == "" and found.final_measurement.metrics["loss"].value == 1.0
    assert list(study.optimal_trials()) == []
    one.add_measurement(vz.Measurement({"loss": 1.0}))
    assert one.materialize().measurements == []


def test_a_trial_without_a_finite_value_for_each_metric_ends_and_the_search_goes_on():
    study = study_of(config(LOSS, SCORE, algorithm="DEFAULT"))
    for metrics in [{"loss": float("nan"), "score": 1.0}, {"loss": float("inf"), "score": 1.0}, {"other": 1.0}, {"loss": 1.0}]:
        trial, = study.suggest(count=1)
        trial.complete(vz.Measurement(metrics))
        assert trial.materialize().status == vz.TrialStatus.COMPLETED
    assert list(study.optimal_trials()) == []
    for trial in study.suggest(count=3):
        trial.complete(vz.Measurement({"loss": 1.0, "score": trial.parameters["x"]}))
    assert len(list(study.optimal_trials())) == 1


def test_a_bad_trial_is_told_to_stop():
    study = study_of()
    for number in range(6):
        trial, = study.suggest(count=1)
        for step in range(1, 6):
            trial.add_measurement(vz.Measurement({"loss": number + 1 / step}, steps=step))
            assert not trial.check_early_stopping() or number > 4
        trial.complete()
    bad, good = study.suggest(count=2)
    assert not bad.check_early_stopping()
    bad.add_measurement(vz.Measurement({"loss": 99.0}, steps=3))
    good.add_measurement(vz.Measurement({"loss": -1.0}, steps=3))
    assert bad.check_early_stopping() and bad.check_early_stopping() and not good.check_early_stopping()
    assert bad.materialize().status == vz.TrialStatus.STOPPING
    assert bad.complete().metrics["loss"].value == 99.0


def test_a_trial_is_stopped_by_hand():
    study = study_of()
    one, two = study.suggest(count=2, client_id="a")
    one.stop()
    one.stop()
    assert one.materialize().status == vz.TrialStatus.STOPPING and one.check_early_stopping()
    assert [t.id for t in study.suggest(count=1, client_id="a")] == [2]
    requested = study.request(vz.TrialSuggestion({"x": 0.5}))
    for call in [requested.stop, requested.check_early_stopping, lambda: requested.complete(vz.Measurement({"loss": 1.0})),
                 lambda: requested.add_measurement(vz.Measurement({"loss": 1.0}))]:
        assert "trial 3" in refused(grpc.StatusCode.FAILED_PRECONDITION, call)
    two.complete(infeasible_reason="no")
    refused(grpc.StatusCode.FAILED_PRECONDITION, two.stop)


def test_several_objectives_have_a_front():
    study = study_of(config(LOSS, SCORE, algorithm="DEFAULT"))
    for loss, score in [(1, 1), (2, 2), (3, 3), (3, 1), (2, 1)]:
        trial, = study.suggest(count=1)
        trial.complete(vz.Measurement({"loss": loss, "score": score}))
    assert sorted(t.id for t in study.optimal_trials()) == [1, 2, 3]


def test_safety_metrics_are_constraints():
    heat = vz.MetricInformation("heat", goal=vz.ObjectiveMetricGoal.MINIMIZE, safety_threshold=80.0)
    recall = vz.MetricInformation("recall", goal=vz.ObjectiveMetricGoal.MAXIMIZE, safety_threshold=0.5)
    study = study_of(config(LOSS, heat, recall, algorithm="DEFAULT"))
    for loss, heat, recall in [(0.1, 81.0, 0.9), (0.2, 80.0, 0.4), (0.5, 80.0, 0.5), (0.7, 1.0, 1.0)]:
        trial, = study.suggest(count=1)
        trial.complete(vz.Measurement({"loss": loss, "heat": heat, "recall": recall}))
    study.suggest(count=2)
    assert [t.id for t in study.optimal_trials()] == [3]
    share = vz.MetricInformation("heat", goal=vz.ObjectiveMetricGoal.MINIMIZE, safety_threshold=80.0, desired_min_safe_trials_fraction=0.9)
    assert "desired_min_safe_trials_fraction" in refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study_of(config(LOSS, share), "t"))


def test_metadata_of_studies_and_trials():
    study = study_of()
    one, two = study.suggest(count=2)
    delta = vz.Metadata({"k": "v\0", "e": ""})
    delta.ns("a").ns("b:c")["k"] = "deep"
    delta.ns("a")["message"] = wrappers_pb2.Int64Value(value=7)
    one.update_metadata(delta)
    one.complete(vz.Measurement({"loss": 1.0}))
    one.update_metadata(vz.Metadata({"k": "w"}))
    found = one.materialize().metadata
    assert found["k"] == "w" and found["e"] == "" and found.ns("a").ns("b:c")["k"] == "deep"
    assert found.ns("a").get("message", cls=wrappers_pb2.Int64Value).value == 7
    assert not two.materialize().metadata.namespaces() or "k" not in two.materialize().metadata
    with pytest.raises(RuntimeError, match="trial 9"):
        study._client.update_metadata(vz.MetadataDelta(on_study=vz.Metadata({"half": "done"}), on_trials={9: vz.Metadata({"a": "b"})}))
    assert "half" not in study.materialize_study_config().metadata


def test_trials_of_ones_own():
    study = study_of()
    done = vz.Trial(parameters={"x": 0.5}, measurements=[vz.Measurement({"loss": 2.0}, steps=1)]).complete(vz.Measurement({"loss": 1.0}))
    done.metadata["why"] = "known"
    added = study.add_trial(done).materialize()
    assert (added.id, added.status, added.final_measurement) == (1, vz.TrialStatus.COMPLETED, done.final_measurement)
    assert added.measurements == done.measurements and added.metadata["why"] == "known"
    assert added.completion_time == done.completion_time
    bad = vz.Trial(parameters={"x": 0.25}).complete(vz.Measurement(), infeasibility_reason="burnt")
    assert study.add_trial(bad).materialize().infeasibility_reason == "burnt"
    assert study.add_trial(vz.Trial(parameters={"x": 1})).materialize().status == vz.TrialStatus.REQUESTED
    for parameters in [{"x": 2.0}, {"x": "0.5"}, {"y": 0.5}, {}, {"x": 0.5, "y": 1}]:
        refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study.request(vz.TrialSuggestion(parameters)))
    assert [t.id for t in study.optimal_trials()] == [1]
    assert [t.parameters["x"] for t in study.suggest(count=1)] == [1.0]


def test_deleted_trials_are_gone_and_their_ids_stay_unused():
    study = study_of(config(algorithm="DEFAULT"))
    one, two = study.suggest(count=2)
    two.delete()
    refused(grpc.StatusCode.NOT_FOUND, two.delete)
    assert "trial 2" in refused(grpc.StatusCode.NOT_FOUND, two.materialize)
    refused(grpc.StatusCode.NOT_FOUND, lambda: two.complete(vz.Measurement({"loss": 1.0})))
    assert [t.id for t in study.suggest(count=2)] == [1, 3] and [t.id for t in study.trials()] == [1, 3]


@pytest.mark.parametrize("state", [vz.StudyState.ABORTED, vz.StudyState.COMPLETED])
def test_a_study_that_has_ended_changes_no_more(state):
    study = study_of()
    trial, = study.suggest(count=1)
    study.set_state(state)
    assert study.materialize_state() == state and study.suggest(count=1) == []
    for call in [lambda: trial.complete(vz.Measurement({"loss": 1.0})), trial.delete, trial.stop, trial.check_early_stopping,
                 lambda: trial.add_measurement(vz.Measurement({"loss": 1.0})), lambda: study.request(vz.TrialSuggestion({"x": 0.5})),
                 lambda: study.update_metadata(vz.Metadata({"a": "b"})), lambda: trial.update_metadata(vz.Metadata({"a": "b"}))]:
        refused(grpc.StatusCode.FAILED_PRECONDITION, call)
    assert len(list(study.trials())) == 1
    study.set_state(vz.StudyState.ACTIVE)
    assert [t.id for t in study.suggest(count=1)] == [1]


def test_what_makes_no_sense_is_refused_by_name():
    odd = config()
    odd.metadata.ns("service")["PYTHIA_ENDPOINT"] = "host:1"
    assert "host:1" in refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study_of(odd))
    empty = vz.StudyConfig()
    empty.search_space.root.add_float_param("x", 0, 1)
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: study_of(empty))
    log = config().to_proto()
    log.parameters[0].scale_type = study_pb2.StudySpec.ParameterSpec.ScaleType.UNIT_LOG_SCALE
    for change in [dict(display_name="s", study_spec=log), dict(display_name="", study_spec=config().to_proto()), dict(display_name="a/b", study_spec=config().to_proto()),
                   dict(name="n", display_name="s", study_spec=config().to_proto()), dict(display_name="s")]:
        request = vizier_service_pb2.CreateStudyRequest(parent="owners/o", study=study_pb2.Study(**change))
        refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub().CreateStudy(request))
    for path in ["", "owners/o", "studies/s", "owners/o/studies/s/trials/1"]:
        refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub().GetStudy(vizier_service_pb2.GetStudyRequest(name=path)))
    study_of()
    for trial in ["0", "-1", "x"]:
        refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub().GetTrial(vizier_service_pb2.GetTrialRequest(name=f"owners/o/studies/s/trials/{trial}")))
    refused(grpc.StatusCode.NOT_FOUND, lambda: stub().GetStudy(vizier_service_pb2.GetStudyRequest(name="owners/o/studies/none")))


def test_studies_of_others_are_not_vizier_s(server):
    space = {"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}
    api(server, "POST", "/api/studies", {"name": "o/s", "space": space, "objectives": [{"name": "loss"}]})
    refused(grpc.StatusCode.ALREADY_EXISTS, study_of)
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub().ListTrials(vizier_service_pb2.ListTrialsRequest(parent="owners/o/studies/s")))
    assert list(stub().ListStudies(vizier_service_pb2.ListStudiesRequest(parent="owners/o")).studies) == []


def test_json_and_the_command_line_work_on_the_same_study(server):
    study = study_of(config(LOSS, fill=tree))
    path = "/api/studies/" + urllib.parse.quote("o/s", safe="")
    assert api(server, "GET", path)["study"]["protocol"] == "vizier"
    first, = api(server, "POST", f"{path}/suggest", {"client": "json"})["trials"]
    assert study.get_trial(first["number"] + 1).materialize().assigned_worker == "json"
    assert api(server, "POST", f"{path}/trials/0/measure", {"step": 2, "value": 0.75}) == {"should_stop": False}
    api(server, "POST", f"{path}/trials/0/tell", {"value": 0.5})
    found = study.get_trial(1).materialize()
    assert found.status == vz.TrialStatus.COMPLETED and found.final_measurement.metrics["loss"].value == 0.5
    assert [(m.steps, m.metrics["loss"].value) for m in found.measurements] == [(2, 0.75)]
    assert api(server, "GET", f"{path}/best")["trials"][0]["number"] == 0

    def verb(*args):
        command = [BIN, "study", *args, "--workspace", server.workspace, "--format", "json"]
        return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)

    given, = verb("suggest", "o/s", "--client", "verb")
    assert study.get_trial(given["number"] + 1).parameters == given["params"]
    verb("tell", "o/s", str(given["number"]), "loss=0.25")
    assert [t.id for t in study.optimal_trials()] == [given["number"] + 1]
    assert verb("best", "o/s")[0]["values"] == {"loss": 0.25}
    assert len(verb("export", "o/s")["trials"]) == len(verb("show", "o/s")["trials"]) == 2
    pruned, = api(server, "POST", f"{path}/suggest", {})["trials"]
    api(server, "POST", f"{path}/trials/{pruned['number']}/tell", {"state": "pruned"})
    assert study.get_trial(pruned["number"] + 1).materialize().infeasible


def again(call):
    """The answer of a server that has just started again."""
    for _ in range(200):
        try:
            return call()
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            time.sleep(0.05)
    return call()


def test_what_was_acknowledged_outlives_a_kill(server):
    study = study_of()
    given, told, stop = {}, {}, threading.Event()

    def work(name):
        while not stop.is_set():
            try:
                for trial in study.suggest(count=1, client_id=name):
                    x = trial.parameters["x"]
                    given[trial.id] = x
                    trial.add_measurement(vz.Measurement({"loss": x + 1}, steps=1))
                    trial.update_metadata(vz.Metadata({"who": name}))
                    trial.complete(vz.Measurement({"loss": x}))
                    told[trial.id] = (x, name)
            except grpc.RpcError:
                return

    workers = [threading.Thread(target=work, args=[f"w{number}"]) for number in range(4)]
    [worker.start() for worker in workers]
    while len(told) < 60:
        time.sleep(0.01)
    server.kill()
    stop.set()
    [worker.join() for worker in workers]
    found = {t.id: t for t in again(lambda: list(study.trials().get()))}
    for number, x in given.items():
        assert found[number].parameters["x"].value == x
    for number, (x, name) in told.items():
        trial = found[number]
        assert trial.final_measurement.metrics["loss"].value == x and trial.metadata["who"] == name and len(trial.measurements) == 1
    for number in range(4):
        for trial in study.suggest(count=1, client_id=f"w{number}"):
            trial.complete(vz.Measurement({"loss": trial.parameters["x"]}))
    ids = [t.id for t in study.trials()]
    assert ids == list(range(1, len(ids) + 1))


def test_every_write_is_there_after_a_kill(server):
    study = study_of(config(fill=tree))
    server.kill()
    one, two, three = again(lambda: study.suggest(count=3, client_id="a"))
    points = [t.parameters for t in (one, two, three)]
    server.kill()
    assert [t.parameters for t in again(lambda: study.suggest(count=3, client_id="a"))] == points
    one.add_measurement(vz.Measurement({"loss": 3.0}, elapsed_secs=1.5))
    server.kill()
    again(one.complete)
    server.kill()
    again(lambda: two.complete(infeasible_reason="no"))
    server.kill()
    again(three.stop)
    server.kill()
    added = again(lambda: study.request(vz.TrialSuggestion({"model": "linear", "rate": 0.5})))
    server.kill()
    again(lambda: study.update_metadata(vz.Metadata({"a": "b"})))
    server.kill()
    again(lambda: study.set_state(vz.StudyState.COMPLETED))
    server.kill()
    states = [(t.status, t.infeasible) for t in again(lambda: list(study.trials().get()))]
    S = vz.TrialStatus
    assert states == [(S.COMPLETED, False), (S.COMPLETED, True), (S.STOPPING, False), (S.REQUESTED, False)]
    assert added.id == 4 and study.materialize_state() == vz.StudyState.COMPLETED
    assert study.materialize_study_config().metadata["a"] == "b"
    study.set_state(vz.StudyState.ACTIVE)
    added.delete()
    server.kill()
    assert [t.id for t in again(lambda: list(study.trials()))] == [1, 2, 3]


@pytest.mark.parametrize("algorithm", ["DEFAULT", "TPE", "RANDOM_SEARCH"])
def test_the_same_study_and_log_give_the_same_suggestions(server, algorithm):
    def run(name, seed=None, kills=False):
        made = config(algorithm=algorithm, fill=tree)
        if seed is not None:
            made.metadata.ns("automl")["seed"] = str(seed)
        study, points = study_of(made, name), []
        for number in range(8):
            for trial in again(lambda: study.suggest(count=2)):
                points.append(trial.parameters)
                trial.complete(vz.Measurement({"loss": len(points[-1]) + points[-1].get("rate", 0)}))
            if kills and number == 4:
                server.kill()
        study.delete()
        return points

    first = run("a")
    assert run("a") == first and run("a", kills=True) == first
    assert run("b") != first
    assert run("a", seed=1) == run("b", seed=1) != run("b", seed=2)


def test_the_database_of_viziers_own_server_moves_in(tmp_path):
    import sqlalchemy
    from vizier._src.service import sql_datastore

    path = tmp_path / "vizier.db"
    kept = sql_datastore.SQLDataStore(sqlalchemy.create_engine(f"sqlite:///{path}"))
    made = config(LOSS, algorithm="DEFAULT", fill=lambda root: (root.add_float_param("x", 1e-4, 1.0, scale_type=vz.ScaleType.LOG),
                                                                root.add_categorical_param("kind", ["a", "b"])))
    study = study_pb2.Study(name="owners/me/studies/lr", display_name="lr", study_spec=made.to_proto(), state=study_pb2.Study.ACTIVE)
    kept.create_study(study)
    for number in range(1, 6):
        trial = vz.Trial(id=number, parameters={"x": 10.0**-number if number < 5 else 0.5, "kind": "ab"[number % 2]})
        if number < 5:
            trial.complete(vz.Measurement({"loss": number / 10}, steps=3))
        proto = vz.TrialConverter.to_proto(trial)
        proto.name = f"owners/me/studies/lr/trials/{number}"
        kept.create_trial(proto)
    kept.delete_trial("owners/me/studies/lr/trials/2")
    workspace = tmp_path / "workspace"
    command = [BIN, "import", "vizier", f"sqlite:///{path}", "--workspace", workspace, "--format", "json"]
    call = lambda *more: json.loads(subprocess.run([*command, *more], check=True, stdout=subprocess.PIPE).stdout)
    assert call("--dry-run")["n_trials"] == 4 and call("--dry-run")["n_studies"] == 1
    assert call()["n_trials"] == 4
    assert call()["n_there_already"] == 4
    server = Server("--workspace", workspace)
    try:
        clients.environment_variables.server_endpoint = f"127.0.0.1:{server.port}"
        stubs_util.create_vizier_server_stub.cache_clear()
        found = clients.Study.from_owner_and_id("me", "lr")
        assert found.materialize_problem_statement() == made.to_problem()
        assert [trial.id for trial in found.trials().get()] == [1, 3, 4, 5]
        (best,) = found.optimal_trials()
        assert best.materialize().final_measurement.metrics["loss"].value == 0.1
        new = found.suggest(count=1, client_id="w")
        assert new[0].id == 5 or new[0].id == 6
    finally:
        server.stop()
