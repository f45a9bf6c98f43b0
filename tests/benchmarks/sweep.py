"""The search of many sizes: what is reached from nothing within a time limit. Writes JSON lines, prints a Markdown table.

    python tests/benchmarks/sweep.py --out sweep.jsonl --warm
    python tests/benchmarks/sweep.py --out sweep.jsonl --tasks LJ2-150 --time-limit 60 --threads 2 --at-once 8
    python tests/benchmarks/sweep.py --out sweep.jsonl --tasks LJ38,Au55 --seeds 0-4 --seconds 500

Each size and seed is a process of its own, pinned to `--threads` cores that it shares with no other. It starts, builds its
programs or reads them from the cache, and then searches until the best-known minimum plus 1e-5 energy scales or the time limit;
the three times are kept apart. Sizes share programs: `--warm` builds those of each padded size first, so that the sizes find
them in the cache. Lines of FILE are kept, and what they have is not searched again. After `--seconds` in all, what is under way
is given up; the table has what is finished. Run it in the root of a checkout, with its folder in PYTHONPATH or installed.
"""

import argparse
import json
import os
import queue
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

NEAR = 1e-5  # energy scales above the best-known energy
FAST = 10.0  # seconds
SPARE = 120.0  # seconds for the start and the programs, beyond the time limit


class Job(NamedTuple):
    """A search, or the programs of a size where `seconds` is zero."""

    task: str
    seed: int
    seconds: float
    optimizer: str

    @property
    def formula(self) -> str:
        return re.sub(r"^LJ(?=\d)", "X", self.task)


def worker(job: Job, began: float) -> dict:
    """The record of a search in this process, which began at that time."""
    from clusteropt.runtime import host

    host.prepare(len(os.sched_getaffinity(0)))
    from clusteropt.evaluation.adaptive import kit_for, warm_up
    from clusteropt.evaluation.target import target_for
    from clusteropt.exploration.foreseeing import foresee
    from clusteropt.exploration.limits import Limits
    from clusteropt.exploration.searching import Search
    from clusteropt.optimizers.learned import weights

    target = target_for(job.formula)
    optimizer = None if job.optimizer == "none" else weights.named(job.optimizer)
    kit, ready = kit_for(target, optimizer, job.seed), time.time()
    with host.double_precision():
        compiled = foresee(kit)
        warm_up(kit)
        record = {"task": job.task, "n": len(target.symbols), "seed": job.seed, "compiled": compiled}
        record |= {"start_up": ready - began, "programs": time.time() - ready, "cores": len(os.sched_getaffinity(0))}
        if not job.seconds:
            return record | {"kind": "programs"}
        limit = target.best_known + NEAR * target.potential.energy
        search = Search(kit, Limits(seconds=job.seconds, target=limit))
        progress = [*search][-1]
    gap = progress.lowest - target.best_known
    record |= {"kind": "search", "best_known": target.best_known, "energy": progress.lowest, "gap": gap}
    record |= {"hit": progress.lowest <= limit, "seconds": progress.seconds, "evaluations": progress.n_evaluations}
    record |= {"chains": progress.n_chains, "rounds": progress.n_rounds, "time_limit": job.seconds}
    return record | {"origin": search.pool.found[0].origin if search.pool.found else "", "optimizer": job.optimizer}


class Sweep:
    """Jobs that run several at a time; their records go into a file as they come."""

    def __init__(self, jobs: list[Job], out: Path, deadline: float) -> None:
        self._out, self._deadline, self._lock = out, deadline, threading.Lock()
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            self._jobs.put(job)

    def run(self, slots: list[str]) -> None:
        """Runs all jobs; a slot is the list of cores for one at a time."""
        threads = [threading.Thread(target=self._work, args=[cores]) for cores in slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, cores: str) -> None:
        while time.time() < self._deadline:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            self._keep(job, self._done(job, cores))

    def _done(self, job: Job, cores: str) -> str:
        command = [sys.executable, __file__, "--worker", json.dumps([*job]), "--cores", cores]
        left = min(self._deadline - time.time(), job.seconds + SPARE + 3 * (not job.seconds) * SPARE)
        try:
            done = subprocess.run(
                [*command, "--began", repr(time.time())], capture_output=True, text=True, timeout=left
            )
        except subprocess.TimeoutExpired:
            return "given up"
        return done.stdout if done.returncode == 0 else f"failed: {done.stderr.strip()[-500:]}"

    def _keep(self, job: Job, text: str) -> None:
        with self._lock:
            if not text.startswith("{"):
                print(f"{job.task}, seed {job.seed}: {text}", file=sys.stderr, flush=True)
                return
            with self._out.open("a", encoding="utf-8") as file:
                file.write(text)
            record = json.loads(text)
            print(line(record) if record["kind"] == "search" else programs_line(record), file=sys.stderr, flush=True)


def named(tasks: str) -> list[str]:
    """'LJ2-4,Au13' as LJ2, LJ3, LJ4, Au13."""
    out = []
    for text in tasks.split(","):
        span = re.fullmatch(r"([A-Za-z]+)(\d+)-(\d+)", text.strip())
        numbers = range(int(span[2]), int(span[3]) + 1) if span else ()
        out += [f"{span[1]}{n}" for n in numbers] if span else [text.strip()]
    return out


def largest_of_sizes(tasks: list[str]) -> list[str]:
    """One task for each element and padded size: programs are the same for all of a size."""
    from clusteropt.clusters.arrays import padded_size

    sizes = {}
    for task in tasks:
        numbers = [int(n) for n in re.findall(r"\d+", task)]
        sizes[re.sub(r"\d+", "", task), padded_size(sum(numbers))] = task
    return [*sizes.values()]


def records(path: Path) -> list[dict]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def line(r: dict) -> str:
    reached = "hit" if r["hit"] else f"+{r['gap']:.4f}"
    compiled = " (compiled)" if r["compiled"] else ""
    cells = [r["task"], r["seed"], f"{r['energy']:.4f}", reached, f"{r['seconds']:.2f}", f"{r['evaluations']:,}"]
    cells += [r["origin"], f"{r['start_up']:.1f}", f"{r['programs']:.1f}{compiled}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def programs_line(r: dict) -> str:
    return f"programs of {r['task']}: {r['programs']:.1f} s, {'compiled' if r['compiled'] else 'from the cache'}"


def table(found: list[dict]) -> str:
    heads = ["", "seed", "lowest", "hit or gap", "seconds", "evaluations", "origin", "start-up s", "programs s"]
    rows = sorted(found, key=lambda r: (r["n"], r["task"], r["seed"]))
    return "\n".join(["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *map(line, rows)])


def summary(found: list[dict]) -> str:
    """Hits, and how soon, over all searches."""
    times = sorted(r["seconds"] for r in found if r["hit"])
    missed = ", ".join(f"{r['task']} (seed {r['seed']}, +{r['gap']:.4f})" for r in found if not r["hit"])
    fast = sum(t <= FAST for t in times)
    text = f"{len(times)} of {len(found)} reached the best-known minimum, {fast} within {FAST:.0f} s"
    if times:
        text += f"; median {statistics.median(times):.2f} s, longest {times[-1]:.1f} s"
    return text + f"\nmissed: {missed or 'none'}"


def slots_of(at_once: int, threads: int) -> list[str]:
    """Disjoint cores for searches side by side."""
    cores = sorted(os.sched_getaffinity(0))
    if at_once * threads > len(cores):
        sys.exit(f"--at-once {at_once} --threads {threads}: needs {at_once * threads} cores, there are {len(cores)}")
    return [",".join(map(str, cores[k * threads : (k + 1) * threads])) for k in range(at_once)]


def sweep(options: argparse.Namespace) -> None:
    out, deadline = Path(options.out), time.time() + options.seconds
    tasks, slots = named(options.tasks), slots_of(options.at_once, options.threads)
    if options.warm:
        jobs = [Job(task, 0, 0.0, options.optimizer) for task in largest_of_sizes(tasks)]
        Sweep(jobs[::-1], out, deadline).run(slots)
    done = {(r["task"], r["seed"]) for r in records(out) if r["kind"] == "search"}
    seeds = [int(s[1:]) for s in named(re.sub(r"(^|,)", r"\1s", options.seeds))]
    jobs = [Job(task, seed, options.time_limit, options.optimizer) for seed in seeds for task in tasks]
    Sweep([job for job in jobs if (job.task, job.seed) not in done], out, deadline).run(slots)
    wanted = {(job.task, job.seed) for job in jobs}
    found = [r for r in records(out) if r["kind"] == "search" and (r["task"], r["seed"]) in wanted]
    print(table(found))
    print(f"\n{summary(found)}; {len(jobs) - len(found)} not searched")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="JSON lines, which are added to")
    parser.add_argument("--tasks", default="LJ2-150")
    parser.add_argument("--seeds", default="0", help="0,1,2 or 0-4")
    parser.add_argument("--time-limit", type=float, default=60, help="seconds from the first evaluation of a search")
    parser.add_argument("--threads", type=int, default=1, help="cores of a search")
    parser.add_argument("--at-once", type=int, default=1, help="searches side by side")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="in all")
    parser.add_argument("--optimizer", default="learned", help="or a file, or none")
    parser.add_argument("--warm", action="store_true", help="build the programs of each padded size first")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--cores", help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        os.sched_setaffinity(0, {int(core) for core in options.cores.split(",")})
        print(json.dumps(worker(Job(*json.loads(options.worker)), options.began)))
    elif not options.out:
        parser.error("--out FILE is needed")
    else:
        sweep(options)


if __name__ == "__main__":
    main()
