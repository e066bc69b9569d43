"""Event files of TensorBoard and PyTorch as metrics of runs, and the real TensorBoard on them."""
import json, os, signal, socket, subprocess, sys, time
import urllib.request
from pathlib import Path

from conftest import BIN, ROOT
from test_import import call

REFERENCE = ROOT / "crates/automl-tensorboard/src/reference"
NAME = "events.out.tfevents.1700000000.host.1.0"


def put(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes((REFERENCE / f"{name}.tfevents").read_bytes())
    return folder


def told(name):
    """Points by tag, as the writer was given them."""
    points = {}
    for tag, step, time, value in json.loads((REFERENCE / f"{name}.json").read_text()):
        points.setdefault(tag, []).append((step, round(time * 1000), value))
    return points


def history(client, run, key):
    return [(m.step, m.timestamp, m.value) for m in client.get_metric_history(run, key)]


def test_uploaded_event_files_become_metrics(client, tmp_path):
    run = client.create_run("0").info.run_id
    client.log_artifacts(run, str(put(tmp_path / "logs/train", "keras").parent), "tensorboard")
    client.log_artifact(run, str(put(tmp_path / "x", "tensorboardx") / NAME))
    until = time.time() + 30
    while not (history(client, run, "loss") and history(client, run, "train/epoch_loss")) and time.time() < until:
        time.sleep(0.05)
    assert history(client, run, "loss") == told("tensorboardx")["loss"]
    assert history(client, run, "train/epoch_loss") == told("keras")["epoch_loss"]


def test_a_folder_is_imported_and_only_what_is_new_again(server, client, tmp_path):
    run = client.create_run("0").info.run_id
    folder = put(tmp_path / "runs", "pytorch")
    arguments = ["runs", "import-events", run, folder, "--workspace", server.workspace, "--format", "json"]
    done = json.loads(call(*arguments).stdout)
    assert (done["n_files"], done["n_points"], done["n_new"]) == (1, 8, 8)
    put(folder / "eval", "keras")
    done = json.loads(call(*arguments).stdout)
    assert (done["n_files"], done["n_points"], done["n_new"]) == (2, 14, 6)
    assert history(client, run, "lr") == told("pytorch")["lr"]
    assert history(client, run, "eval/epoch_accuracy") == told("keras")["epoch_accuracy"]
    whole = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(whole[:-20] + b"x" + whole[-19:])
    damaged = call(*arguments, code=2)
    assert "tensorboard-checksum" in damaged.stderr and "at byte" in damaged.stderr
    call("runs", "import-events", "no such run", folder, "--workspace", server.workspace, code=2)


def test_tensorboard_shows_runs_by_name_and_ends_with_us(server, client, tmp_path):
    env = dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    runs = [client.create_run("0", run_name=name).info.run_id for name in ("first", "second")]
    for run in runs:
        client.log_artifacts(run, str(put(tmp_path / "logs", "pytorch")), "tb")
    model = put(tmp_path / "my model" / "tensorboard", "keras").parent
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [BIN, "tensorboard", *runs, model, "--port", port, "--workspace", server.workspace, "--artifacts", tmp_path / "artifacts"]
    process = subprocess.Popen(list(map(str, command)), env=env, stderr=subprocess.PIPE)
    seen, until = [], time.time() + 120
    while len(seen) < 3 and time.time() < until:
        assert process.poll() is None, process.stderr.read()
        try:
            seen = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/data/runs"))
        except OSError:
            pass
        time.sleep(0.2)
    assert sorted(seen) == ["first/tb", "my model", "second/tb"]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "TensorBoard goes on"


def test_without_tensorboard_the_next_step_is_told(tmp_path):
    done = subprocess.run([BIN, "tensorboard", str(tmp_path)], env={"PATH": "/nowhere"}, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error[tensorboard-absent]" in done.stderr and "pip install tensorboard" in done.stderr
