#!/usr/bin/env python3
"""Load on endpoints of the real server: changes while it answers, and ten times what it can answer.

    cargo build --release -p automl
    python3 benches/serving/load.py            # --changes 100 for a quick look
    python3 benches/serving/load.py --report   # and write its part of docs/benchmarks.md

Changes: deployments, shares of traffic, promotions and rollbacks follow each other while connections ask without a pause;
every request must be answered, by a version that was deployed when it was asked or when it was answered.

Overload: requests come at ten times the rate that the server can answer, whether or not others have been answered: of many
rows of a heavy model, which wait in its queue, and of one row of a small model, which are scored at once. Told are how long
refusals take, how long those that are accepted take beside those at half of that rate, and how soon after the load a request is
answered as before. Latencies count from when a request is sent. Callers of the small model are a process for each core, and what
they cannot send is told. Standard library only.
"""
import argparse, asyncio, http.client, json, os, socket, subprocess, sys, tempfile, threading, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
# Refusals take at most so many milliseconds, 99 % of them, and it recovers in so many seconds.
REFUSED_MS, RECOVERY_S = 100.0, 1.0
OVER = 10
N_ROWS = 2000
# Accepted requests keep their latency: half of them and 99 % take at most so many times as long as at half load, or so many
# milliseconds more, where that is next to nothing.
KEPT_TIMES, KEPT_MS = 3.0, 25.0
# Requests of a process of callers that are not answered yet; more are not sent, and told of.
OPEN_MAX = 400


def automl(folder, *words):
    done = subprocess.run([BIN, *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"automl {' '.join(words)}\n{done.stderr}")


class Server:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen([BIN, "serve", "--port", str(self.port)], cwd=folder, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                if self.call("GET", "/api/endpoints")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit((folder / "log").read_text())

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def call(self, method, path, body=None, connection=None):
        connection = connection or self.connect()
        connection.request(method, path, json.dumps(body) if body is not None else None, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def change(self, path, body):
        status, answer = self.call("POST", f"/api/endpoints/{path}", body)
        if status != 200:
            raise SystemExit(f"{path} {body}: {status} {answer}")
        return answer["endpoint"]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def prepare(folder):
    automl(folder, "fit", ROOT / "datasets/churn.csv", "--target", "churned", "--include", "gradient_boosting", "--max-trials", "1",
           "--holdout", "0.3", "--output", "small")
    automl(folder, "fit", ROOT / "datasets/churn.csv", "--target", "churned", "--max-trials", "12", "--output", "heavy")
    for _ in range(4):
        automl(folder, "models", "register", "small", "small")
    automl(folder, "models", "register", "heavy", "heavy")


def churn_rows(n):
    import csv
    rows = list(csv.DictReader(open(ROOT / "datasets/churn_test.csv")))
    cells = [{name: value or None for name, value in row.items() if name != "churned"} for row in rows]
    return [cells[place % len(cells)] for place in range(n)]


def changes(server, n_changes, n_askers=8):
    """Asks without a pause while the endpoint changes."""
    row, is_over, wrong, counts = {"rows": churn_rows(1)}, threading.Event(), [], [0] * n_askers
    server.call("POST", "/api/endpoints", {"name": "e", "max_at_once": 1000})
    live = [{"v1"}]
    server.change("e/deploy", {"model": "small/1"})

    def ask(number):
        connection = server.connect()
        while not is_over.is_set():
            before = len(live) - 1
            try:
                status, answer = server.call("POST", "/endpoints/e/predict", row, connection)
            except OSError as error:
                wrong.append(repr(error))
                connection = server.connect()
                continue
            counts[number] += 1
            seen = set().union(*live[max(before - 1, 0):])
            if status != 200 or answer["deployment"] not in seen:
                wrong.append(f"{status} {answer} of {seen}")

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(n_askers)]
    for asker in askers:
        asker.start()
    n_done, version = 0, 1
    steps = ["deploy", "traffic", "promote", "rollback", "promote", "undeploy"]
    while n_done < n_changes:
        old, new = f"v{version}", f"v{version % 4 + 1}"
        for step in steps:
            # What is about to answer may answer from the moment that the change is asked for.
            live.append({old, new})
            if step == "deploy":
                server.change("e/deploy", {"model": f"small/{version % 4 + 1}"})
            elif step == "traffic":
                server.change("e/traffic", {"shares": {old: 60, new: 40}})
            elif step == "promote":
                server.change("e/promote", {"deployment": new})
            elif step == "rollback":
                server.change("e/rollback", {})
            else:
                server.change("e/undeploy", {"deployment": old})
                live.append({new})
            n_done += 1
        version = version % 4 + 1
    is_over.set()
    for asker in askers:
        asker.join()
    return n_done, sum(counts), wrong


async def asked(port, message):
    """Status and seconds of one request on a connection of its own."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(length)
    finally:
        writer.close()
    return int(head.split()[1]), time.perf_counter() - begun


async def closed(port, message, seconds, n_callers):
    """How many are answered by callers that each wait for their answer."""
    async def one(until):
        n = 0
        while time.perf_counter() < until:
            status, _ = await asked(port, message)
            n += status == 200
        return n

    until = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(one(until) for _ in range(n_callers))))


async def opened(port, message, rate, seconds):
    """What came of requests that were sent at a rate, each when it was due; and how many were left out, for as many were open."""
    begun, asks, n_due, n_left_out = time.perf_counter(), set(), 0, 0
    done = []

    def ended(ask):
        asks.discard(ask)
        # A server that breaks connections off does not refuse.
        done.append(ask.result() if ask.exception() is None else (0, 0.0))

    while (now := time.perf_counter() - begun) < seconds:
        while n_due < now * rate:
            if len(asks) < OPEN_MAX:
                ask = asyncio.create_task(asked(port, message))
                asks.add(ask)
                ask.add_done_callback(ended)
            else:
                n_left_out += 1
            n_due += 1
        await asyncio.sleep(0.002)
    # What waits is answered after the load, which ended here.
    over = time.time()
    while asks:
        await asyncio.sleep(0.002)
    return done, n_left_out, over


def run_closed(args):
    return asyncio.run(closed(*args))


def run_opened(args):
    return asyncio.run(opened(*args))


async def recovered(port, message, over):
    """Seconds from the end of a load until a request had been answered."""
    while (await asked(port, message))[0] != 200:
        await asyncio.sleep(0.01)
    return time.time() - over


class Load:
    """What came of requests at a rate."""

    def __init__(self, parts):
        done = [one for part, _, _ in parts for one in part]
        self.n_left_out = sum(n for _, n, _ in parts)
        self.over = max(over for _, _, over in parts)
        by = lambda status: sorted(taken * 1e3 for found, taken in done if found == status)
        self.answered, self.refused = by(200), by(429)
        self.others = sorted({status for status, _ in done} - {200, 429})
        self.n_sent = len(done)

    @staticmethod
    def part(values, share):
        return values[int((len(values) - 1) * share)] if values else float("nan")


def overload(port, message, n_processes, seconds):
    """Capacity, half load, and ten times the capacity: the last two as loads, and seconds until it had recovered."""
    with ProcessPoolExecutor(n_processes) as pool:
        n_answered = sum(pool.map(run_closed, [(port, message, seconds / 2, 4)] * n_processes))
        capacity = n_answered / (seconds / 2)

        def at(rate):
            parts = list(pool.map(run_opened, [(port, message, rate / n_processes, seconds)] * n_processes))
            return Load(parts)

        half = at(capacity / 2)
        over = at(OVER * capacity)
    recovery = asyncio.run(recovered(port, message, over.over))
    return capacity, half, over, recovery


def keeps(half, over, share):
    """Whether accepted requests take about as long as at half load."""
    before, under = Load.part(half.answered, share), Load.part(over.answered, share)
    return under <= max(KEPT_TIMES * before, before + KEPT_MS)


def told(what, port, message, n_processes, seconds, missed):
    capacity, half, over, recovery = overload(port, message, n_processes, seconds)
    part = Load.part
    is_sent = over.n_sent >= 0.5 * (over.n_sent + over.n_left_out)
    sent = f"{over.n_sent / seconds:,.0f} a second were sent" + ("" if is_sent else ", for as many were open that callers had to leave others out")
    kept = [keeps(half, over, share) for share in (0.5, 0.99)]
    refused = "none was refused" if not over.refused else (
        f"half of the refusals took {part(over.refused, 0.5):.1f} ms, 99 % at most {part(over.refused, 0.99):.0f} ms (at most {REFUSED_MS:.0f} ms)"
        f"{missed(part(over.refused, 0.99) <= REFUSED_MS)}"
    )
    return (
        f"- {what}, of which the server answers {capacity:,.0f} a second, at {OVER} times that rate for {seconds:.0f} s ({sent}): {len(over.answered):,} answered, "
        f"{len(over.refused):,} refused with 429, {'none' if not over.others else over.others} otherwise{missed(not over.others)}; {refused}. "
        f"Half of the answers took {part(over.answered, 0.5):.1f} ms, 99 % at most {part(over.answered, 0.99):.1f} ms; at half of what it can answer "
        f"{part(half.answered, 0.5):.1f} and {part(half.answered, 0.99):.1f} ms (at most {KEPT_TIMES:.0f} times that, or {KEPT_MS:.0f} ms more)"
        f"{missed(bool(over.answered) and all(kept))}. {recovery:.2f} s after the load a new request had been answered (at most {RECOVERY_S:.0f} s).{missed(recovery <= RECOVERY_S)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        prepare(folder)
        server = Server(folder)
        try:
            n_changes, n_asked, wrong = changes(server, args.changes)
            server.call("POST", "/api/endpoints", {"name": "heavy", "max_at_once": 1000})
            server.change("heavy/deploy", {"model": "heavy/1"})
            server.call("POST", "/api/endpoints", {"name": "small", "max_at_once": 64})
            server.change("small/deploy", {"model": "small/1"})
            missed = lambda holds: "" if holds else " **missed**"

            def message(name, n_rows):
                body = json.dumps({"rows": churn_rows(n_rows)}).encode()
                head = f"POST /endpoints/{name}/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                return head.encode() + body

            n_callers = os.cpu_count() or 1
            heavy = told(f"Requests of {N_ROWS:,} rows of a heavy model", server.port, message("heavy", N_ROWS), 1, args.seconds, missed)
            small = told("Requests of one row of a small model, each on a connection of its own", server.port, message("small", 1), n_callers, args.seconds, missed)
        finally:
            server.stop()
    lines = [
        "### Under load", "",
        f"Measured by `benches/serving/load.py`, server and callers on the same {os.cpu_count()} cores.", "",
        f"- {n_changes:,} deployments, changes of traffic, promotions, rollbacks and removals while {n_asked:,} requests were asked: {len(wrong)} failed or "
        f"were answered by a version that was not deployed.{missed(not wrong)}",
        heavy, small, "",
    ]
    print("\n".join(lines))
    for one in wrong[:5]:
        print(one, file=sys.stderr)
    if args.report:
        sys.path.insert(0, str(ROOT / "benches"))
        from document import write_part
        write_part("serving-load", lines, script="serving/load.py")


if __name__ == "__main__":
    main()
