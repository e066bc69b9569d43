#!/usr/bin/env python3
"""Load on endpoints of the real server: changes while it answers, and ten times what it can answer.

    cargo build --release -p automl
    python3 benches/serving/load.py            # --changes 100 for a quick look
    python3 benches/serving/load.py --report   # and write its part of docs/benchmarks.md

Changes: deployments, shares of traffic, promotions and rollbacks follow each other while connections ask without a pause;
every request must be answered, by a version that was deployed when it was asked or when it was answered.

Overload: requests of many rows come at ten times the rate that the server can answer, whether or not others have been
answered. Told are how long refusals take, how long answers take beside those of an idle server, and how soon after the
load a request is answered as before. Standard library only.
"""
import argparse, asyncio, http.client, json, os, socket, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
# Refusals take at most so many milliseconds, 99 % of them, and it recovers in so many seconds.
REFUSED_MS, RECOVERY_S = 100.0, 1.0
OVER = 10
N_ROWS = 2000


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
    writer.write(message)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(length)
    writer.close()
    return int(head.split()[1]), time.perf_counter() - begun


async def overload(port, message, capacity, seconds):
    """Requests at ten times the capacity, from when each was due; then how soon one is answered again."""
    begun, asks, n_sent = time.perf_counter(), [], 0
    rate = OVER * capacity
    while (now := time.perf_counter() - begun) < seconds:
        while n_sent < now * rate:
            asks.append(asyncio.create_task(asked(port, message)))
            n_sent += 1
        await asyncio.sleep(0.002)
    # The load ends here; what waits is answered meanwhile.
    ended = time.perf_counter()
    while (await asked(port, message))[0] != 200:
        await asyncio.sleep(0.01)
    recovery = time.perf_counter() - ended
    return await asyncio.gather(*asks), recovery


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
            body = json.dumps({"rows": churn_rows(N_ROWS)}).encode()
            head = f"POST /endpoints/heavy/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            message = head.encode() + body
            idle = [asyncio.run(asked(server.port, message))[1] for _ in range(20)]

            async def closed():
                async def one(until):
                    n = 0
                    while time.perf_counter() < until:
                        status, _ = await asked(server.port, message)
                        n += status == 200
                    return n
                until = time.perf_counter() + 5
                return sum(await asyncio.gather(*(one(until) for _ in range(4)))) / 5

            capacity = asyncio.run(closed())
            done, recovery = asyncio.run(overload(server.port, message, capacity, args.seconds))
        finally:
            server.stop()
    by = lambda status: sorted(seconds * 1e3 for found, seconds in done if found == status)
    answered, refused = by(200), by(429)
    others = sorted({status for status, _ in done} - {200, 429})
    part = lambda values, share: values[int((len(values) - 1) * share)] if values else float("nan")
    missed = lambda holds: "" if holds else " **missed**"
    lines = [
        "### Under load", "",
        f"Measured by `benches/serving/load.py`, server and callers on the same {os.cpu_count()} cores.", "",
        f"- {n_changes:,} deployments, changes of traffic, promotions, rollbacks and removals while {n_asked:,} requests were asked: {len(wrong)} failed or "
        f"were answered by a version that was not deployed.{missed(not wrong)}",
        f"- Requests of {N_ROWS:,} rows, of which the server answers {capacity:.0f} a second, at ten times that rate for {args.seconds:.0f} s: {len(answered):,} answered, "
        f"{len(refused):,} refused with 429, {'none' if not others else others} otherwise. Half of the refusals took {part(refused, 0.5):.1f} ms, 99 % at most "
        f"{part(refused, 0.99):.0f} ms (at most {REFUSED_MS:.0f} ms).{missed(part(refused, 0.99) <= REFUSED_MS)} Half of the answers took {part(answered, 0.5):.0f} ms, 99 % at most {part(answered, 0.99):.0f} ms; on an idle server "
        f"{statistics.median(idle) * 1e3:.0f} ms. {recovery:.2f} s after the load a new request had been answered (at most {RECOVERY_S:.0f} s).{missed(recovery <= RECOVERY_S)}",
        "",
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
