"""Nothing that was acknowledged is lost: many writers at once, processes that are killed, a database that goes away."""
import http.client, json, os, random, signal, threading, time

import pytest
from conftest import Server

N_LOGGERS = 64
N_METRICS = 10_000
BATCH = 500
N_WAITING = 8
N_SECONDS_AWAY = float(os.environ.get("AUTOML_SECONDS_AWAY", 5))
N_KILLS = int(os.environ.get("AUTOML_KILLS", 20))


class Caller:
    """One connection that is kept."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)

    def __call__(self, path, body, method="POST"):
        body = json.dumps(body) if method == "POST" else None
        self.connection.request(method, f"/api/2.0/mlflow/{path}", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text or b"{}")


def run_of(call):
    status, answer = call("runs/create", {"experiment_id": "0"})
    assert status == 200, answer
    return answer["run"]["info"]["run_id"]


def steps_of(call, run, key):
    status, answer = call(f"metrics/get-history?run_id={run}&metric_key={key}", {}, "GET")
    assert status == 200, answer
    return [point["step"] for point in answer.get("metrics", [])]


def in_threads(work, count):
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def test_many_loggers_lose_and_double_nothing(server):
    runs = [run_of(Caller(server.url)) for _ in range(N_LOGGERS)]

    def log(number):
        call = Caller(server.url)
        for start in range(0, N_METRICS, BATCH):
            points = [{"key": "m", "value": step / 7, "timestamp": step, "step": step} for step in range(start, start + BATCH)]
            status, answer = call("runs/log-batch", {"run_id": runs[number], "metrics": points})
            assert status == 200, answer

    in_threads(log, N_LOGGERS)
    call = Caller(server.url)
    for run in runs:
        assert steps_of(call, run, "m") == list(range(N_METRICS))


def test_a_killed_server_has_all_that_it_acknowledged(backend, tmp_path):
    place, draw = backend(tmp_path), random.Random(1)
    start = lambda: Server("--workspace", place, "--artifacts", tmp_path / "artifacts")
    server, runs, acknowledged = start(), [], {}
    for _ in range(N_KILLS):
        call = Caller(server.url)
        runs += [run_of(call) for _ in range(3)]
        is_over = threading.Event()

        def log(number):
            call, run = Caller(server.url), runs[-1 - number]
            steps = acknowledged.setdefault(run, [])
            for step in range(1_000_000):
                try:
                    status, _ = call("runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "step": step})
                except (OSError, http.client.HTTPException):
                    return
                assert status == 200
                steps.append(step)
                if is_over.is_set():
                    return

        threads = [threading.Thread(target=log, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(draw.uniform(0.02, 0.2))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        is_over.set()
        for thread in threads:
            thread.join()
        server = start()
    call = Caller(server.url)
    for run, steps in acknowledged.items():
        found = steps_of(call, run, "m")
        # One more may have been kept whose answer did not get out.
        assert found[:len(steps)] == steps and len(found) <= len(steps) + 1
    server.stop()


def test_a_database_that_goes_away_comes_back(request, tmp_path):
    if os.environ.get("AUTOML_MLFLOW_ONLY") == "sqlite":
        pytest.skip("needs Postgres")
    postgres = request.getfixturevalue("postgres")
    server = Server("--workspace", postgres.database(), "--artifacts", tmp_path / "artifacts")
    runs = [run_of(Caller(server.url)) for _ in range(N_WAITING)]
    acknowledged, is_back = {run: [] for run in runs}, threading.Event()

    def log(number):
        call, run, was_back = Caller(server.url), runs[number], False
        for step in range(1_000_000):
            status, answer = call("runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "step": step})
            if status == 200:
                acknowledged[run].append(step)
                # The first that is kept after the database came back ends it.
                if was_back:
                    return
            else:
                assert status == 503 and answer["error_code"] == "TEMPORARILY_UNAVAILABLE", answer
            was_back = is_back.is_set()

    def stop_for_a_while():
        time.sleep(0.3)
        try:
            postgres.halt()
            time.sleep(N_SECONDS_AWAY)
            postgres.start()
        finally:
            # Else those who log would go on for ever.
            is_back.set()

    away = threading.Thread(target=stop_for_a_while)
    away.start()
    in_threads(log, N_WAITING)
    away.join()
    call = Caller(server.url)
    for run, steps in acknowledged.items():
        assert len(steps) > 1 and set(steps) <= set(steps_of(call, run, "m"))
    server.stop()
