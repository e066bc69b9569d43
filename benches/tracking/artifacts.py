#!/usr/bin/env python3
"""Race `automl serve` against `mlflow server` with a large artifact, and write the part of docs/benchmarks.md on it.

    cargo build --release -p automl
    VENV/bin/python benches/tracking/artifacts.py --report        # VENV as for run.py

One file goes up and comes down through the server into a folder on the same disk, by the same bare HTTP caller, some times
over; the median counts. Memory is the largest resident size of the server's processes that was seen meanwhile, every 20 ms.
Ours hashes on the way in and checks on the way out, and syncs the file before it answers; MLflow's does none of these. With
the same content again ours keeps one copy; the copies here differ in their first bytes.
"""
import argparse, http.client, os, platform, statistics, tempfile, threading, time
from pathlib import Path

from run import Served, text, write_part

MIB = 1 << 20


def peak_of(server, work):
    """What a piece of work took, and the most memory that the server had during it."""
    peak, is_over = [server.resident_mib()], threading.Event()

    def watch():
        while not is_over.wait(0.02):
            peak.append(server.resident_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    work()
    took = time.perf_counter() - begun
    is_over.set()
    watcher.join()
    return took, max(peak)


def put(port, path, file, number):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.putrequest("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}")
    connection.putheader("Content-Length", str(file.stat().st_size))
    connection.endheaders()
    with open(file, "rb") as stream:
        block = stream.read(MIB)
        connection.send(number.to_bytes(8, "little") + block[8:])
        while block := stream.read(MIB):
            connection.send(block)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (answer.status, body[:300])


def get(port, path, size):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}")
    answer, n_bytes = connection.getresponse(), 0
    while chunk := answer.read(MIB):
        n_bytes += len(chunk)
    assert (answer.status, n_bytes) == (200, size)


def measure(system, args, file):
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = Path(folder) / "w"
        folder.mkdir()
        server = Served(system, folder)
        found = {"idle": server.resident_mib(), "up": [], "down": []}
        for number in range(args.times):
            found["up"].append(peak_of(server, lambda: put(server.port, f"0/{number}", file, number)))
            found["down"].append(peak_of(server, lambda: get(server.port, f"0/{number}", args.mib * MIB)))
        server.stop()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="size of the file")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--folder", help="where the file and the stores are [default: the system's]")
    parser.add_argument("--report", action="store_true", help="write the part of docs/benchmarks.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        file = Path(folder) / "file"
        with open(file, "wb") as stream:
            for _ in range(args.mib):
                stream.write(os.urandom(MIB))
        found = {system: measure(system, args, file) for system in ("automl", "mlflow")}
    lines = ["## Artifacts", "",
             f"Machine: {os.cpu_count()} cores, {platform.machine()}. A file of {args.mib} MiB through the server, median of {args.times}; ours hashes, "
             "checks and syncs, MLflow's does not.", "", "| | ours | MLflow |", "|---|---:|---:|"]
    for name, what in ("up", "upload"), ("down", "download"):
        cells = []
        for system in "automl", "mlflow":
            seconds = statistics.median(took for took, _ in found[system][name])
            cells.append(f"{text(seconds)} ({args.mib / seconds:.0f} MiB/s)")
        lines.append(f"| {what} | {cells[0]} | {cells[1]} |")
        peaks = [f"{max(peak for _, peak in found[system][name]):.0f} MiB" for system in ("automl", "mlflow")]
        lines.append(f"| largest resident size, {what} | {peaks[0]} | {peaks[1]} |")
    lines += [f"| resident size before | {found['automl']['idle']:.0f} MiB | {found['mlflow']['idle']:.0f} MiB |", ""]
    if args.report:
        write_part("artifacts", lines, script="tracking/artifacts.py")
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
