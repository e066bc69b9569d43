#!/usr/bin/env python3
"""Race `automl serve` against `mlflow server` (SQLite, one worker), and write the part of docs/benchmarks.md on it.

    python3.12 -m venv VENV && VENV/bin/pip install mlflow==3.17.2
    cargo build --release -p automl
    VENV/bin/python benches/tracking/run.py --report

Both get the same requests over one kept connection each, one after the other, by the same caller: `create_run`,
`log_metric`, `log_batch` of 500 metrics, `search` of 100 in 10,000 runs ordered by a metric. The median of all requests
counts; the caller's own time is in it. Rates are of 8 callers at once. Memory is the resident size of the server's processes
at the end; ours is measured again with 100,000 runs. The cold start is from the start of the process to its first answer, over a
record that is not there yet: the median of five.
"""
import argparse, http.client, json, os, platform, shutil, socket, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
from document import write_part

BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl"))
# name: (what, least times that we are to be faster)
LIMITS = {"log_metric": 20, "log_batch": 10, "create_run": 10, "search": 10}


class Caller:
    def __init__(self, port, headers=()):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self.headers = {"Content-Type": "application/json", **dict(headers)}

    def __call__(self, path, body):
        self.connection.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (path, answer.status, text[:300])
        return json.loads(text)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    def __init__(self, system, folder):
        self.port = free_port()
        env = dict(os.environ, MLFLOW_DISABLE_TELEMETRY="true")
        if system == "automl":
            command = self.command(folder)
        else:
            command = [Path(sys.executable).parent / "mlflow", "server", "--port", self.port, "--workers", 1,
                       "--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination", folder / "a"]
        self.log = open(folder.parent / f"{system}.log", "w")
        begun = time.perf_counter()
        self.process = subprocess.Popen([str(part) for part in command], stdout=self.log, stderr=self.log, env=env, start_new_session=True)
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.001)
        self.cold_start = time.perf_counter() - begun

    def command(self, folder):
        return [BIN, "serve", "--port", self.port, "--workspace", folder]

    def resident_mb(self):
        """Of the process and its children."""
        children, total = {}, 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rsplit(") ", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(folder.name))
            except OSError:
                continue
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            todo += children.get(pid, [])
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    total += int(line.split()[1])
        return total * 1024 / 1e6

    def stop(self):
        os.killpg(self.process.pid, 15)
        self.process.wait()


def run_of(call, number):
    body = {"experiment_id": "0", "start_time": 1_700_000_000_000 + number, "run_name": f"run-{number}", "user_id": "bench",
            "tags": [{"key": "mlflow.user", "value": "bench"}, {"key": "team", "value": str(number % 7)}]}
    return call("runs/create", body)["run"]["info"]["run_id"]


def metric(run, number):
    return {"run_id": run, "key": "loss", "value": number / 3, "timestamp": 1_700_000_000_000 + number, "step": number}


def batch(run, number):
    points = [{"key": f"m{n % 10}", "value": n / 7, "timestamp": number * 500 + n, "step": number * 500 + n} for n in range(500)]
    return {"run_id": run, "metrics": points}


def timed(work, count):
    times = []
    for number in range(count):
        begun = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - begun)
    return times


def rate(port, work, seconds=3, n_callers=8, headers=()):
    """Requests a second of some callers at once."""
    counts, end = [0] * n_callers, time.perf_counter() + seconds

    def go(place):
        call, number = Caller(port, headers), 0
        while time.perf_counter() < end:
            work(call, place, number)
            number += 1
        counts[place] = number

    threads = [threading.Thread(target=go, args=(place,)) for place in range(n_callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def cold_starts(system, folder, count=5):
    """Each over a record that is not there yet."""
    times = []
    for number in range(count):
        place = folder / f"cold{number}"
        place.mkdir()
        server = Served(system, place)
        times.append(server.cold_start)
        server.stop()
    return times


def measure(system, args):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder) / "w"
        folder.mkdir()
        cold = cold_starts(system, folder.parent)
        server = Served(system, folder)
        call = Caller(server.port)
        answer = {"cold_start": cold}
        answer["create_run"] = timed(lambda number: run_of(call, number), args.count)
        run = run_of(call, 0)
        answer["log_metric"] = timed(lambda number: call("runs/log-metric", metric(run, number)), args.count)
        answer["log_batch"] = timed(lambda number: call("runs/log-batch", batch(run, number)), max(20, args.count // 10))
        runs = [run_of(call, number) for number in range(8)]
        answer["rate"] = rate(server.port, lambda call, place, number: call("runs/log-metric", metric(runs[place], number)))
        for number in range(args.count + 9, args.runs):
            made = run_of(call, number)
            call("runs/log-batch", {"run_id": made, "metrics": [{key: value for key, value in metric(made, number).items() if key != "run_id"}], "params": [{"key": "depth", "value": str(number % 9)}]})
        wish = {"experiment_ids": ["0"], "max_results": 100, "filter": "params.depth = '4'", "order_by": ["metrics.loss DESC"]}
        assert len(call("runs/search", wish)["runs"]) == 100
        answer["search"] = timed(lambda _: call("runs/search", wish), max(20, args.count // 10))
        answer["resident"] = server.resident_mb()
        if system == "automl":
            for number in range(args.runs, args.many):
                run_of(call, number)
            answer["search_many"] = timed(lambda _: call("runs/search", wish), 20)
            answer["resident_many"] = server.resident_mb()
        server.stop()
    return answer


def text(seconds):
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="requests of a kind")
    parser.add_argument("--runs", type=int, default=10_000, help="runs that are searched")
    parser.add_argument("--many", type=int, default=100_000, help="runs at which our memory is measured again")
    parser.add_argument("--ours", action="store_true", help="measure nothing of MLflow, and print")
    parser.add_argument("--report", action="store_true", help="write the part of docs/benchmarks.md")
    args = parser.parse_args()
    if args.ours:
        for name, value in measure("automl", args).items():
            print(name, text(statistics.median(value)) if isinstance(value, list) else f"{value:.0f}", flush=True)
        return
    found = {system: measure(system, args) for system in ("automl", "mlflow")}
    ours, theirs = found["automl"], found["mlflow"]
    p95 = lambda times: sorted(times)[int(len(times) * 0.95)]
    lines = ["## Tracking", "",
             f"Machine: {os.cpu_count()} cores, {platform.machine()}. MLflow 3.17.2, SQLite, one worker. Median (95 %) of single requests, one "
             "after the other over one kept connection.", "",
             "| request | ours | MLflow | times as fast | at least |", "|---|---:|---:|---:|---:|"]
    for name, limit in LIMITS.items():
        ratio = statistics.median(theirs[name]) / statistics.median(ours[name])
        shown = [f"{text(statistics.median(times[name]))} ({text(p95(times[name]))})" for times in (ours, theirs)]
        lines.append(f"| {name} | {shown[0]} | {shown[1]} | {ratio:.0f} | {limit}{'' if ratio >= limit else ', missed'} |")
    cold, many = statistics.median(ours["cold_start"]), ours["resident_many"]
    missed = lambda found, limit: "" if found <= limit else ", missed"
    ratio = ours["rate"] / theirs["rate"]
    lines += [f"| log_metric a second, 8 callers | {ours['rate']:.0f} | {theirs['rate']:.0f} | {ratio:.0f} | 20{'' if ratio >= 20 else ', missed'} |",
              "", "| | ours | MLflow | at most |", "|---|---:|---:|---:|",
              f"| cold start | {text(cold)} | {text(statistics.median(theirs['cold_start']))} | 100 ms{missed(cold, 0.1)} |",
              f"| resident, {args.runs:,} runs | {ours['resident']:.0f} MB | {theirs['resident']:.0f} MB | |",
              f"| resident, {args.many:,} runs | {many:.0f} MB | | 60 MB{missed(many, 60)} |",
              f"| search in {args.many:,} runs | {text(statistics.median(ours['search_many']))} | | |", ""]
    if args.report:
        write_part("tracking", lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
