#!/usr/bin/env python3
"""Measure what it costs to ask who calls: `log_metric` with `--access on` (a token) against `--access off`.

    cargo build --release -p automl
    python3 benches/tracking/access.py

Both servers run at once and get the same requests in turns, so that a busy machine is busy for both. Told are the medians of
the rates of 8 callers over all turns, and of single requests over one kept connection; the callers' own time is in both.
"""
import argparse, json, statistics, subprocess, tempfile
from pathlib import Path

from run import BIN, Caller, Served, metric, rate, run_of, timed


class Asked(Served):
    """A server with flags of its own."""

    def __init__(self, folder, *flags):
        self.flags = flags
        super().__init__("automl", folder)

    def command(self, folder):
        return [*super().command(folder), *self.flags]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways = {}
        for access in "off", "on":
            place = Path(folder) / access / "w"
            place.mkdir(parents=True)
            verb = lambda *words: subprocess.run([BIN, *words, "--workspace", place], check=True, capture_output=True, text=True).stdout.strip()
            verb("users", "add", "bench", "--role", "admin")
            headers = {"Authorization": f"Bearer {verb('tokens', 'create', 'bench')}"} if access == "on" else {}
            server = Asked(place, "--access", access)
            call = Caller(server.port, headers)
            ways[access] = server, headers, call, [run_of(call, number) for number in range(8)]
        rates, times = {way: [] for way in ways}, {way: [] for way in ways}
        for _ in range(args.turns):
            for way, (server, headers, call, runs) in ways.items():
                work = lambda call, place, number: call("runs/log-metric", metric(runs[place], number))
                rates[way].append(rate(server.port, work, args.seconds, headers=headers))
                times[way] += timed(lambda number: call("runs/log-metric", metric(runs[0], number)), 500)
        for server, *_ in ways.values():
            server.stop()
    rates = {way: statistics.median(found) for way, found in rates.items()}
    times = {way: statistics.median(found) * 1e6 for way, found in times.items()}
    print(json.dumps({"a_second": rates, "microseconds": times, "rate_kept": rates["on"] / rates["off"]}, indent=1))


if __name__ == "__main__":
    main()
