"""Runs commands beside one another, each on cores of its own, so that several fits can be measured at once on a large machine."""
import os, queue, subprocess, sys, threading, time
from dataclasses import dataclass


@dataclass
class Outcome:
    """How a command ended: wall seconds, peak resident MiB, and what it printed."""
    code: int
    seconds: float
    mib: float
    output: str
    errors: str


def timed(command, cores=None, prefix=()):
    """Runs one command, if asked for on those cores alone."""
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    start = time.time()
    process = subprocess.Popen([*prefix, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=pin)
    said = []
    reader = threading.Thread(target=lambda: said.append(process.stderr.read()))
    reader.start()
    output = process.stdout.read()
    reader.join()
    _, status, usage = os.wait4(process.pid, 0)
    return Outcome(os.waitstatus_to_exitcode(status), time.time() - start, usage.ru_maxrss / 1024, output, said[0])


def each(jobs, n_slots, work, cores_each=2):
    """Calls `work(job, cores)` for every job, `n_slots` at a time; one slot leaves the choice of cores to the system."""
    waiting = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    failures = []

    def slot(number):
        cores = set(range(number * cores_each, (number + 1) * cores_each)) if n_slots > 1 else None
        while not failures:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                work(job, cores)
            except BaseException as error:
                failures.append((job, error))

    workers = [threading.Thread(target=slot, args=(number,)) for number in range(n_slots)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for job, error in failures[:1]:
        print(f"{job} failed", file=sys.stderr)
        raise error
