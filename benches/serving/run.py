#!/usr/bin/env python3
"""Measure predictions over HTTP beside this program's own empty handler.

    python benches/serving/run.py                        # a small tree model: one-row JSON against /health
    python benches/serving/run.py --seconds 2 --rounds 1 # a quick look
    python benches/serving/run.py --report               # and write its part of docs/benchmarks.md

Server and load generator have one core each. The rate is that of 64 connections with a request each, the median of the
rounds, the two handlers in turns; beside it stands the rate per second of processor time that the server used,
which other work on the machine disturbs less. Latencies are those of requests that are due at half of
that rate. Standard library only (--report wants Python 3.12); the binary is $AUTOML_BIN, default target/release/automl.
"""
import argparse, csv, json, os, select, selectors, socket, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
CONNECTIONS = 64
# What is promised: the part of the empty handler's rate, and milliseconds of one in a hundred at half of the rate.
RATIO, P99_MS = 0.7, 2.0
# Numbers and one category, as a small model of a table has them.
COLUMNS = ["seats", "monthly_fee", "usage_hours", "support_tickets", "plan"]
ROW = {"seats": 9, "monthly_fee": 153.9, "usage_hours": 14.2, "support_tickets": 2, "plan": "plus"}


def automl(*arguments, cwd):
    done = subprocess.run([BIN, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"automl {' '.join(arguments)}\n{done.stderr}")


def prepare(folder):
    """A small tree model of a few columns, deployed."""
    lines = (ROOT / "datasets/churn.csv").read_text().splitlines()
    names = lines[0].split(",")
    places = [names.index(name) for name in [*COLUMNS, "churned"]]
    rows = list(csv.reader(lines))
    with open(Path(folder) / "small.csv", "w", newline="") as out:
        csv.writer(out).writerows([[row[place] for place in places] for row in rows])
    automl("fit", "small.csv", "--target", "churned", "--include", "gradient_boosting", "--max-trials", "1",
           "--holdout", "0.3", "--output", "model", cwd=folder)
    automl("models", "register", "small", "model", cwd=folder)
    automl("endpoint", "create", "small", "--max-at-once", "1000", cwd=folder)
    automl("endpoint", "deploy", "small", "small/1", cwd=folder)


class Server:
    def __init__(self, folder, core):
        command = [BIN, "serve", "--port", "0"]
        self.log = open(Path(folder) / "log", "w")
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=self.log, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        url = self.process.stdout.readline().strip()
        self.address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        for _ in range(200):
            if b" 200 " in ask(self.address, request("GET", "/endpoints/small/ping")).split(b"\r\n")[0]:
                return
            time.sleep(0.05)
        raise SystemExit("the endpoint does not serve")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def request(method, path, body=b""):
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def connect(address):
    made = socket.create_connection(address)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setblocking(False)
    return made


def ask(address, one):
    with socket.create_connection(address) as made:
        made.sendall(one)
        return made.recv(1 << 16)


def flood(server, one, seconds):
    """Requests a second, and a second of the server's processor, that are answered with 200."""
    length = answer_length(server.address, one)
    made = [connect(server.address) for _ in range(CONNECTIONS)]
    # Plain descriptors: the generator must not be what is measured.
    poll, read, write = select.epoll(), os.read, os.write
    for each in made:
        poll.register(each.fileno(), select.EPOLLIN)
        write(each.fileno(), one)
    parts, n_answered, clock = {}, 0, time.perf_counter
    cpu, start = server.cpu_seconds(), clock()
    while clock() - start < seconds:
        for number, _ in poll.poll(1):
            got = read(number, 1 << 16)
            if len(got) != length:
                got = parts.pop(number, b"") + got
                if len(got) < length:
                    parts[number] = got
                    continue
            if not got.startswith(b"HTTP/1.1 200 ") or len(got) != length:
                raise SystemExit(f"not all is answered with 200: {got[:600]!r}")
            n_answered += 1
            write(number, one)
    took, cpu = clock() - start, server.cpu_seconds() - cpu
    for each in made:
        each.close()
    return n_answered / took, n_answered / max(cpu, 1e-9)


def answer_length(address, one):
    """Bytes of an answer. Ids of requests are of one length here, so all answers are."""
    with socket.create_connection(address) as made:
        made.sendall(one)
        got = made.recv(1 << 16)
        head, _, rest = got.partition(b"\r\n\r\n")
        length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")))
        while len(rest) < length:
            rest += made.recv(1 << 16)
        return len(head) + 4 + length


def paced(server, one, rate, seconds):
    """Latencies in milliseconds at so many requests a second, each from when it was due."""
    chosen = selectors.DefaultSelector()
    free, due, latencies = [], {}, []
    for _ in range(CONNECTIONS):
        made = connect(server.address)
        free.append(made)
        chosen.register(made, selectors.EVENT_READ)
    start, n_sent, length = time.perf_counter(), 0, answer_length(server.address, one)
    got = {}
    while True:
        now = time.perf_counter() - start
        if now > seconds:
            break
        while free and n_sent < now * rate:
            made = free.pop()
            made.send(one)
            due[made], got[made] = n_sent / rate, 0
            n_sent += 1
        for key, _ in chosen.select(0):
            made = key.fileobj
            got[made] += len(made.recv(1 << 16))
            if got[made] >= length:
                latencies.append((time.perf_counter() - start - due.pop(made)) * 1e3)
                free.append(made)
    return latencies


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", action="store_true", help="write the part of docs/benchmarks.md")
    parser.add_argument("--cores", default="0,1", help="of the server and of the generator")
    args = parser.parse_args()
    server_core, own_core = (int(core) for core in args.cores.split(","))
    # Ids of one length make answers of one length.
    fixed = b"x-request-id: benchmark\r\n\r\n"
    body = json.dumps({"rows": [ROW]}).encode()
    asked = {
        "empty handler": request("GET", "/health").replace(b"\r\n\r\n", b"\r\n" + fixed, 1),
        "one row": request("POST", "/endpoints/small/predict", body).replace(b"\r\n\r\n", b"\r\n" + fixed, 1),
    }
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        os.sched_setaffinity(0, {own_core})
        server = Server(folder, server_core)
        try:
            print(ask(server.address, asked["one row"]).decode().splitlines()[-1])
            rates, by_cpu = {name: [] for name in asked}, {name: [] for name in asked}
            for _ in range(args.rounds):
                for name, one in asked.items():
                    rate, of_cpu = flood(server, one, args.seconds)
                    rates[name].append(rate)
                    by_cpu[name].append(of_cpu)
            middle = {name: (statistics.median(rates[name]), statistics.median(by_cpu[name])) for name in asked}
            lines = [
                "## Serving", "",
                f"One row of {len(COLUMNS)} columns as JSON on a small tree model, and the server's own empty handler. {CONNECTIONS} connections "
                f"with a request each; server and load generator have one of {os.cpu_count()} cores each; median of {args.rounds} rounds.", "",
                "| asked | requests/s | per second of the server's processor | p50 at half of the rate | p99 |",
                "|---|---:|---:|---:|---:|",
            ]
            tail = {}
            for name, one in asked.items():
                latencies = sorted(paced(server, one, middle[name][0] / 2, args.seconds))
                p50, p99 = (latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
                tail[name] = p99
                lines.append(f"| {name} | {middle[name][0]:.0f} | {middle[name][1]:.0f} | {p50:.2f} ms | {p99:.2f} ms |")
            ratio = middle["one row"][1] / middle["empty handler"][1]
            missed = lambda holds: "" if holds else ", missed"
            lines += [
                "",
                f"By processor time one row has {ratio:.2f} of the empty handler's rate (at least {RATIO}{missed(ratio >= RATIO)}); "
                f"its p99 is at most {P99_MS} ms{missed(tail['one row'] <= P99_MS)}. The server holds {server.memory_mib():.0f} MiB.",
                "",
            ]
            print("\n".join(lines))
            if args.report:
                sys.path.insert(0, str(ROOT / "benches"))
                from document import write_part
                write_part("serving", lines)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
