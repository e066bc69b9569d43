"""Experiments, runs, what they log, and the search for them."""
import json, math, time

import pytest
import requests
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.models import Model


def post(url, path, body):
    return requests.post(f"{url}{path}", json=body)


def refused(server, path, body, message, status=400):
    answer = post(server.url, path, body)
    assert answer.status_code == status, answer.text
    assert message in answer.text, answer.text


# ---------------------------------------------------------------- experiments

def test_experiments_are_made_found_and_deleted(client):
    made = client.create_experiment("mine", tags={"a": "1", "b": "2"})
    found = client.get_experiment(made)
    assert (found.name, found.tags, found.lifecycle_stage) == ("mine", {"a": "1", "b": "2"}, "active")
    assert client.get_experiment_by_name("mine").experiment_id == made
    assert client.get_experiment_by_name("nobody's") is None
    names = lambda view: {e.name for e in client.search_experiments(view_type=view)}
    assert names(ViewType.ALL) == {"mine", "Default"}
    client.delete_experiment(made)
    assert names(ViewType.ACTIVE_ONLY) == {"Default"} and names(ViewType.DELETED_ONLY) == {"mine"}
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.create_run(made)
    client.restore_experiment(made)
    client.rename_experiment(made, "yours")
    assert client.get_experiment(made).name == "yours"
    with pytest.raises(MlflowException, match="already exists"):
        client.create_experiment("yours")
    with pytest.raises(MlflowException, match="77"):
        client.get_experiment("77")


def test_a_location_without_scheme_is_a_folder_of_the_server(client, tmp_path):
    made = client.create_experiment("there", artifact_location="my_location")
    assert client.get_experiment(made).artifact_location == str(tmp_path / "my_location")


def test_a_query_of_a_location_stays_behind_the_paths_below_it(client):
    made = client.create_experiment("with a query", artifact_location="s3://bucket/place?region=eu")
    run = client.create_run(made).info
    assert run.artifact_uri == f"s3://bucket/place/{run.run_id}/artifacts?region=eu"


def test_experiments_are_searched(client):
    for name, tags in [("a", {"key": "value"}), ("ab", {"key": "vaLue"}), ("Abc", None)]:
        time.sleep(0.002)
        client.create_experiment(name, tags=tags)
    names = lambda **wish: [e.name for e in client.search_experiments(**wish)]
    assert names() == ["Abc", "ab", "a", "Default"]
    assert names(filter_string="attribute.name = 'a'") == ["a"]
    assert names(filter_string="name LIKE 'a%'") == ["ab", "a"]
    assert names(filter_string="name ILIKE 'A%'") == ["Abc", "ab", "a"]
    assert names(filter_string="tag.key = 'value'") == ["a"]
    assert names(filter_string="tag.key ILIKE '%alu%'") == ["ab", "a"]
    assert names(order_by=["name DESC"]) == ["ab", "a", "Default", "Abc"]
    first = client.search_experiments(max_results=3)
    assert [e.name for e in first] == ["Abc", "ab", "a"]
    assert [e.name for e in client.search_experiments(page_token=first.token)] == ["Default"]
    with pytest.raises(MlflowException, match="character 6 of 'name ~ "):
        names(filter_string="name ~ 'a'")


def test_experiment_tags_change_and_go(client):
    made = client.create_experiment("tagged")
    client.set_experiment_tag(made, "k", "v\nw\n")
    client.set_experiment_tag(made, "k", "")
    assert client.get_experiment(made).tags == {"k": ""}
    client.delete_experiment_tag(made, "k")
    assert client.get_experiment(made).tags == {}


def test_experiments_refuse_what_is_wrong(server):
    path = "/api/2.0/mlflow/experiments/create"
    refused(server, path, {"name": 123}, "Invalid value 123 for parameter 'name'")
    refused(server, path, {}, "Missing value for required parameter 'name'")
    refused(server, path, {"name": "x", "tags": "5"}, 'Invalid value \\"5\\" for parameter \'tags\'')
    refused(server, path, {"name": "x" * 501}, "500")
    for location in "mlflow-artifacts:/a?b=c", "s3://bucket/a#b", "/srv/a;b", "https://host/a;b":
        refused(server, path, {"name": "x", "artifact_location": location}, "can't include fragments or params")
    refused(server, path, {"name": "x", "artifact_location": "s3://bucket/a?b=..%2fc"}, "Invalid query string")
    refused(server, "/api/2.0/mlflow/experiments/update", {"experiment_id": "0"}, "Missing value for required parameter 'new_name'")


# ---------------------------------------------------------------- runs

def test_a_run_has_what_it_was_given(client):
    experiment = client.create_experiment("runs")
    tags = {"mlflow.user": "me", "mlflow.parentRunId": "7", "my": "tag"}
    made = client.create_run(experiment, start_time=456, run_name="my name", tags=tags)
    found = client.get_run(made.info.run_id)
    for run in made, found:
        assert (run.info.experiment_id, run.info.user_id, run.info.start_time) == (experiment, "me", 456)
        assert run.info.run_name == "my name" and tags.items() <= run.data.tags.items()
    assert [run.info for run in client.search_runs([experiment])] == [found.info]
    assert client.create_run(experiment).info.run_name


def test_a_run_ends_is_renamed_deleted_and_restored(client):
    run = client.create_run("0").info.run_id
    assert (client.get_run(run).info.status, client.get_run(run).info.end_time) == ("RUNNING", None)
    client.set_terminated(run, "FAILED")
    client.update_run(run, name="other")
    info = client.get_run(run).info
    assert (info.status, info.run_name) == ("FAILED", "other") and info.end_time <= time.time() * 1000 + 1
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert client.search_runs(["0"]) == []
    assert len(client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)) == 1
    client.restore_run(run)
    assert client.get_run(run).info.lifecycle_stage == "active"
    with pytest.raises(MlflowException, match="Run .+ not found"):
        client.get_run("nope")


def test_metrics_params_and_tags_come_back(client):
    run = client.create_run("0").info.run_id
    client.log_metric(run, "m", 123.456, timestamp=789, step=2)
    for key, value in [("nan", "nan"), ("inf", "inf"), ("-inf", "-inf")]:
        client.log_metric(run, key, float(value))
    client.log_param(run, "p", "")
    client.set_tag(run, "t", "do-dah")
    data = client.get_run(run).data
    assert data.metrics["m"] == 123.456 and math.isnan(data.metrics["nan"])
    assert data.metrics["inf"] >= 1.7976931348623157e308 and data.metrics["-inf"] <= -1.7976931348623157e308
    assert data.params == {"p": ""} and data.tags["t"] == "do-dah"
    [point] = client.get_metric_history(run, "m")
    assert (point.value, point.timestamp, point.step) == (123.456, 789, 2)
    assert client.get_metric_history(run, "unknown") == []
    client.delete_tag(run, "t")
    with pytest.raises(MlflowException, match="No tag with name: t"):
        client.delete_tag(run, "t")


def test_long_values_are_cut_where_mlflow_cuts_them(client):
    run = client.create_run("0").info.run_id
    client.log_param(run, "long", "ä" * 6001)
    client.log_param(run, "long", "ä" * 6000 + "b")
    client.set_tag(run, "long", "t" * 8001)
    data = client.get_run(run).data
    assert (data.params["long"], data.tags["long"]) == ("ä" * 6000, "t" * 8000)


def test_batches_are_kept_whole(client):
    run = client.create_run("0").info.run_id
    metrics = [Metric("m", step / 2, 10 + step, step) for step in range(1000)]
    client.log_batch(run, metrics=metrics)
    client.log_batch(run, params=[Param("p", "v")], tags=[RunTag("t", "")])
    found = client.get_run(run).data
    assert (found.metrics["m"], found.params, found.tags["t"]) == (499.5, {"p": "v"}, "")
    assert [point.step for point in client.get_metric_history(run, "m")] == list(range(1000))
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_batch(run, metrics=[Metric("n", 1, 1, 1)], params=[Param("p", "w")])
    assert "n" not in client.get_run(run).data.metrics


def test_logging_refuses_what_is_wrong(server, client):
    run = client.create_run("0").info.run_id
    base = "/api/2.0/mlflow/runs/"
    whole = {"run_id": run, "key": "k", "value": 31, "timestamp": 59, "step": 41}
    for change, message in [
        ({"run_id": 31}, "Invalid value 31 for parameter 'run_id' supplied"),
        ({"key": 31}, "Invalid value 31 for parameter 'key' supplied"),
        ({"step": "foo"}, 'Invalid value \\"foo\\" for parameter \'step\' supplied'),
        ({"timestamp": "foo"}, 'Invalid value \\"foo\\" for parameter \'timestamp\' supplied'),
        ({"run_id": None}, "Missing value for required parameter 'run_id'"),
        ({"key": None}, "Missing value for required parameter 'key'"),
        ({"key": "a/../b"}, "must not resolve to other names"),
        ({"key": "k" * 251}, "250"),
        ({"key": "ctrl\x01"}, "Names may only contain"),
    ]:
        refused(server, base + "log-metric", {**whole, **change}, message)
    refused(server, base + "log-metric", {**whole, "run_id": "nope"}, "not found", 404)
    refused(server, base + "log-parameter", {"run_id": run, "key": 31, "value": "x"}, "Invalid value 31 for parameter 'key'")
    refused(server, base + "set-tag", {"run_id": run, "key": "k", "value": 41}, "Invalid value 41 for parameter 'value'")
    refused(server, base + "set-tag", {"run_id": run, "value": "v"}, "Missing value for required parameter 'key'")
    assert post(server.url, base + "set-tag", {"run_uuid": run, "key": "k", "value": "v"}).status_code == 200
    for name in "metrics", "params", "tags":
        refused(server, base + "log-batch", {"run_id": run, name: "foo"}, f'Invalid value \\"foo\\" for parameter \'{name}\' supplied')
    refused(server, base + "log-batch", {"run_id": run, "metrics": [{"key": "mae", "value": 2.5}]},
            "Missing value for required parameter 'metrics[0].timestamp'")
    refused(server, base + "log-batch", {"run_id": run, "tags": [{"key": str(n), "value": "x" * 7999} for n in range(130)]}, "bytes")
    answer = requests.post(server.url + base + "log-batch", data="{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    refused(server, base + "search", {"experiment_ids": ["0"], "max_results": 123456789},
            "Invalid value 123456789 for parameter 'max_results' supplied")
    assert requests.get(server.url + "/api/2.0/mlflow/nothing").status_code == 404


# ---------------------------------------------------------------- search

def test_runs_are_searched_ordered_and_paged(client):
    experiment = client.create_experiment("search")
    runs = [client.create_run(experiment, start_time=1, run_name=f"r{n}").info.run_id for n in range(10)]
    for number, run in enumerate(runs):
        client.log_metric(run, "loss", number if number != 3 else float("nan"))
        client.set_tag(run, "team", "Alpha" if number < 5 else "beta")
        if number % 2 == 0:
            client.log_param(run, "depth", number)
    found = lambda text, **wish: [runs.index(r.info.run_id) for r in client.search_runs([experiment], text, **wish)]
    by_name = ["attributes.run_name ASC"]
    assert found("metrics.loss < 2", order_by=by_name) == [0, 1]
    assert found("metrics.loss >= 2 and tags.team = 'Alpha'", order_by=by_name) == [2, 4]
    assert found("params.depth = '4'") == [4] and found("params.depth IS NULL", order_by=by_name) == [1, 3, 5, 7, 9]
    assert found("tags.team ILIKE 'BE%'", order_by=by_name) == [5, 6, 7, 8, 9] and found("tags.team LIKE 'BE%'") == []
    assert found(f"run_id IN ('{runs[2]}', '{runs[5]}')", order_by=by_name) == [2, 5]
    assert found("attributes.status = 'RUNNING' and run_name = 'r7'") == [7]
    assert found("", order_by=["metrics.loss DESC"]) == [9, 8, 7, 6, 5, 4, 2, 1, 0, 3]
    assert found("", order_by=["params.depth DESC", "run_name"])[:6] == [8, 6, 4, 2, 0, 1]
    token, pages = None, []
    while True:
        page = client.search_runs([experiment], max_results=4, page_token=token)
        pages.append([r.info.run_id for r in page])
        token = page.token
        if token is None:
            break
    assert [len(page) for page in pages] == [4, 4, 2] and sum(pages, []) == sorted(runs)
    with pytest.raises(MlflowException, match="character 14"):
        found("metrics.loss ~ 1")


# ---------------------------------------------------------------- histories and inputs

def test_histories_come_in_bulk_and_thinned(client, server):
    first, second = (client.create_run("0").info.run_id for _ in range(2))
    for step in range(10):
        client.log_metric(first, "m", 10.0, timestamp=1, step=step)
    for step in range(20):
        client.log_metric(second, "m", 10.0, timestamp=1, step=step)
    url = f"{server.url}/ajax-api/2.0/mlflow/metrics/get-history-bulk"
    get = lambda path, **params: requests.get(url + path, params=params)
    points = get("", run_id=[first, second], metric_key="m").json()["metrics"]
    assert [p["run_id"] for p in points] == sorted([first] * 10 + [second] * 20)
    assert len(get("", run_id=first, metric_key="m", max_results=2).json()["metrics"]) == 2
    steps = lambda **wish: [p["step"] for p in get("-interval", metric_key="m", **wish).json()["metrics"]]
    assert steps(run_ids=[first], max_results=5) == [0, 2, 4, 6, 8, 9]
    assert steps(run_ids=[first], start_step=0, end_step=4, max_results=5) == [0, 1, 2, 3, 4]
    assert steps(run_ids=[first, second], max_results=5) == [0, 4, 8, 9, 0, 4, 8, 9, 12, 16, 19]
    for path, params, message in [
        ("", dict(metric_key="m"), "must specify at least one run_id"),
        ("", dict(run_id=[f"id_{n}" for n in range(1000)], metric_key="m"), "cannot specify more than"),
        ("", dict(run_id="1"), "must specify a metric_key"),
        ("-interval", dict(metric_key="m"), "Missing value for required parameter 'run_ids'."),
        ("-interval", dict(run_ids="1", metric_key="m", max_results=0), "max_results must be between 1 and 2500"),
        ("-interval", dict(run_ids="1", metric_key=""), "Missing value for required parameter 'metric_key'"),
        ("-interval", dict(run_ids="1", metric_key="m", start_step=1, end_step=0), "end_step must be greater than start_step. "),
        ("-interval", dict(run_ids="1", metric_key="m", start_step=1), "both must be specified"),
    ]:
        answer = get(path, **params)
        assert answer.status_code == 400 and message in answer.json()["message"], answer.text


def test_a_history_comes_in_pages(client, server):
    run = client.create_run("0").info.run_id
    client.log_batch(run, [Metric("m", step / 2, 1000 + step, step) for step in range(10)])
    get = lambda **wish: requests.get(f"{server.url}/api/2.0/mlflow/metrics/get-history", params={"run_id": run, "metric_key": "m", **wish})
    steps, token = [], None
    while token or not steps:
        page = get(max_results=4, page_token=token).json()
        steps.append([point["step"] for point in page["metrics"]])
        token = page.get("next_page_token")
    assert steps == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    for wish in {"page_token": "no token"}, {"max_results": 0}, {"max_results": -1}:
        answer = get(**wish)
        assert answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE", answer.text


def test_a_run_tells_of_the_models_that_it_logged(client, server):
    run = client.create_run("0").info.run_id
    told = {"run_id": run, "artifact_path": "model", "utc_time_created": "2026-01-01 00:00:00.000000", "flavors": {"python_function": {}}}
    for path in "first", "second":
        client._record_logged_model(run, Model(**{**told, "artifact_path": path}))
    kept = json.loads(client.get_run(run).data.tags["mlflow.log-model.history"])
    assert [model["artifact_path"] for model in kept] == ["first", "second"] and kept[0]["flavors"] == told["flavors"]
    path = "/api/2.0/mlflow/runs/log-model"
    refused(server, path, {"run_id": run, "model_json": "{"}, "is not a valid JSON")
    refused(server, path, {"run_id": run, "model_json": "{}"}, "missing mandatory fields: artifact_path, flavors, run_id")
    refused(server, path, {"run_id": run}, "Missing value for required parameter 'model_json'")
    refused(server, path, {"run_id": "nope", "model_json": json.dumps(told)}, "not found", 404)
    refused(server, "/api/2.0/mlflow/runs/outputs", {"run_id": run}, "Missing value for required parameter 'models'")
    client.log_inputs(run)
    client.set_tag(run, "mlflow.log-model.history", "not a list")
    refused(server, path, {"run_id": run, "model_json": json.dumps(told)}, "is no JSON list")


def test_data_is_noted_with_its_run(client, server):
    experiment = client.create_experiment("data")
    run = client.create_run(experiment).info.run_id
    dataset = Dataset(name="n", digest="d", source_type="local", source="s", schema="{}", profile='{"num_rows": 2}')
    client.log_inputs(run, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    [found] = client.get_run(run).inputs.dataset_inputs
    assert dict(found.dataset) == dict(dataset) and found.tags[0].value == "training"
    assert len(client.search_runs([experiment], "dataset.name = 'n' and dataset.context = 'training'")) == 1
    url = f"{server.url}/ajax-api/2.0/mlflow/experiments/search-datasets"
    answer = requests.post(url, json={"experiment_ids": [experiment]})
    assert answer.json()["dataset_summaries"] == [{"experiment_id": experiment, "name": "n", "digest": "d", "context": "training"}]
    assert "at least one experiment_id" in requests.post(url, json={}).text


def test_the_fluent_client_logs(client):
    import mlflow
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_params({"a": 1, "b": 2})
        mlflow.log_metrics({"x": 0.5}, step=3)
        with mlflow.start_run(nested=True) as child:
            mlflow.log_metric("y", 1)
    assert client.get_run(parent.info.run_id).info.status == "FINISHED"
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    table = mlflow.search_runs(experiment_names=["fluent"])
    assert set(table["params.a"].dropna()) == {"1"}
