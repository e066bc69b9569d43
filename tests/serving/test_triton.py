"""tritonclient over HTTP and gRPC: tensors as bytes, as JSON, and what is wrong with them; the model repository, statistics and
configurations."""
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException


@pytest.fixture(params=["http", "grpc"])
def client(request, served):
    library = {"http": triton_http, "grpc": triton_grpc}[request.param]
    made = library.InferenceServerClient(served.host)
    yield library, made
    made.close()


def inputs(served, library, n_rows, **how):
    """Each column as a tensor: numbers as doubles, all else as text; what is not known as NaN or an empty text."""
    tensors = []
    for name, kind in served.features.items():
        values = [row[name] for row in served.rows[:n_rows]]
        if kind == "number":
            tensor, array = library.InferInput(name, [n_rows], "FP64"), np.array(values, dtype=np.float64)
        else:
            texts = ["" if value is None else str(value) for value in values]
            tensor, array = library.InferInput(name, [n_rows], "BYTES"), np.array(texts, dtype=np.object_)
        tensor.set_data_from_numpy(array, **how)
        tensors.append(tensor)
    return tensors


def check(served, answer, n_rows):
    classes = [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("prediction")]
    assert classes == served.classes[:n_rows]
    assert answer.as_numpy("probabilities").tolist() == served.probabilities[:n_rows]


def test_predictions_are_those_of_the_command_line(served, client):
    library, made = client
    n_rows = len(served.rows)
    check(served, made.infer("churn", inputs(served, library, n_rows), request_id="7"), n_rows)
    check(served, made.infer("churn", inputs(served, library, 3), model_version="v2"), 3)
    wanted = [library.InferRequestedOutput("probabilities")]
    answer = made.infer("churn", inputs(served, library, 2), outputs=wanted)
    assert answer.as_numpy("prediction") is None
    assert answer.as_numpy("probabilities").shape == (2, 2)


def test_tensors_travel_as_json(served):
    made = triton_http.InferenceServerClient(served.host)
    wanted = [triton_http.InferRequestedOutput(name, binary_data=False) for name in ["prediction", "probabilities"]]
    n_rows = 20
    tensors = inputs(served, triton_http, n_rows, binary_data=False)
    answer = made.infer("churn", tensors, outputs=wanted)
    check(served, answer, n_rows)


def test_the_server_and_its_models_tell_of_themselves(served, client):
    library, made = client
    assert made.is_server_live() and made.is_server_ready()
    assert made.is_model_ready("churn") and made.is_model_ready("churn", "v1")
    told = made.get_model_metadata("churn")
    if library is triton_grpc:
        names, versions = [one.name for one in told.inputs], list(told.versions)
        assert made.get_server_metadata().name == "automl"
    else:
        names, versions = [one["name"] for one in told["inputs"]], told["versions"]
        assert made.get_server_metadata()["extensions"] == [
            "binary_tensor_data", "model_configuration", "model_repository", "statistics"]
    assert names == list(served.features) and versions == ["v1", "v2"]


def test_what_is_wrong_is_told(served, client):
    library, made = client
    for model, tensors, told in [
        ("churm", inputs(served, library, 1), "there is no endpoint 'churm'"),
        ("churn", inputs(served, library, 1)[1:], "missing"),
        ("churn", [library.InferInput("x", [1], "FP64").set_data_from_numpy(np.zeros(1))], "no column 'x'"),
    ]:
        with pytest.raises(InferenceServerException, match=told):
            made.infer(model, tensors)


def as_dict(library, call, *arguments):
    """What a call answers, as JSON in both protocols; whole numbers of 64 bits are text there over gRPC."""
    return call(*arguments, as_json=True) if library is triton_grpc else call(*arguments)


def listed(library, made):
    found = as_dict(library, made.get_model_repository_index)
    models = found.get("models", []) if library is triton_grpc else found
    return [(one["name"], one.get("version", ""), one["state"]) for one in models]


def test_the_repository_is_listed_unloaded_and_loaded(served, client):
    library, made = client
    both = [("churn", "v1", "READY"), ("churn", "v2", "READY")]
    assert listed(library, made) == both
    made.unload_model("churn")
    assert not made.is_model_ready("churn")
    assert listed(library, made) == [("churn", "", "UNAVAILABLE")]
    with pytest.raises(InferenceServerException, match="it was unloaded"):
        made.infer("churn", inputs(served, library, 1))
    made.load_model("churn")
    assert made.is_model_ready("churn") and listed(library, made) == both
    check(served, made.infer("churn", inputs(served, library, 2)), 2)
    with pytest.raises(InferenceServerException, match="'config' is not taken"):
        made.load_model("churn", config="{}")
    with pytest.raises(InferenceServerException, match="there is no endpoint 'churm'"):
        made.load_model("churm")


def test_statistics_count_what_was_answered(served, client):
    library, made = client

    def told():
        (of_v1,) = as_dict(library, made.get_inference_statistics, "churn", "v1")["model_stats"]
        phases = of_v1["inference_stats"]
        return {
            "rows": int(of_v1.get("inference_count", 0)), "calls": int(of_v1.get("execution_count", 0)),
            **{f"{name} {part}": int(phases.get(name, {}).get(part, 0)) for name in ["success", "fail"] for part in ["count", "ns"]}}

    before = told()
    made.infer("churn", inputs(served, library, 3), model_version="v1")
    with pytest.raises(InferenceServerException):
        made.infer("churn", inputs(served, library, 1)[1:], model_version="v1")
    grown = {name: value - before[name] for name, value in told().items()}
    assert grown.pop("success ns") > 0 and grown.pop("fail ns") > 0
    assert grown == {"rows": 3, "calls": 1, "success count": 1, "fail count": 1}
    everything = as_dict(library, made.get_inference_statistics)["model_stats"]
    assert [(one["name"], one["version"]) for one in everything] == [("churn", "v1"), ("churn", "v2")]


def test_configurations_have_the_tensors_of_the_model(served, client):
    library, made = client
    told = as_dict(library, made.get_model_config, "churn")
    told = told["config"] if library is triton_grpc else told
    assert [one["name"] for one in told["input"]] == list(served.features)
    kinds = {"number": "TYPE_FP64", "boolean": "TYPE_BOOL"}
    assert [one["data_type"] for one in told["input"]] == [kinds.get(kind, "TYPE_STRING") for kind in served.features.values()]
    assert [one["name"] for one in told["output"]] == ["prediction", "probabilities"]
    assert [int(size) for size in told["output"][1]["dims"]] == [-1, 2]


def test_parameters_are_heeded_or_refused(served, client):
    library, made = client
    n_rows = 20
    tensors = inputs(served, library, n_rows)
    # What it sends by itself, and a timeout in microseconds.
    check(served, made.infer("churn", tensors, sequence_id=0, priority=0, timeout=60_000_000), n_rows)
    for threshold in [0.0, 1.0]:
        answer = made.infer("churn", tensors, parameters={"threshold": str(threshold)})
        wanted = ["yes" if yes > threshold else "no" for _, yes in served.probabilities[:n_rows]]
        assert [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("prediction")] == wanted
    for said, told in [
        ({"parameters": {"treshold": "0.3"}}, "the parameter 'treshold' is not understood"),
        ({"priority": 1}, "the parameter 'priority' is not taken"),
        ({"sequence_id": 7, "sequence_start": True}, "the parameter 'sequence_id' is not taken"),
        ({"outputs": [library.InferRequestedOutput("probabilities", class_count=2)]}, "cannot be had as a classification"),
    ]:
        with pytest.raises(InferenceServerException, match=told):
            made.infer("churn", tensors, **said)
