"""Speed of two installed versions, by turns in one run: ratios new/old, each with its spread. Prints a Markdown table.

    python tests/benchmarks/paired.py --old OLD/bin/python --new NEW/bin/python [--only quench,help] [--rounds 7]

The versions are called through the command line and Python's public interface, so that their insides may differ. In a round
each version has a process of its own per task, the older one first in every other round; a process of the Python interface
compiles before it measures, and gives the best of several repeats. `time` and `CPU` are the medians over the rounds of
the ratios of elapsed and processor time, with the smallest and the largest; `best` is the ratio of the shortest elapsed times of
all rounds, which other work on the machine disturbs least. Use one core for kernels and steps: `taskset -c 0`. Install both
versions as users do (`pip install .`, not `-e`): Python keeps what it has compiled of an installed package.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
# how often a task is repeated in a process; the best counts
IN_PROCESS = {
    "kernel Lennard-Jones": 15,
    "kernel Gupta": 15,
    "kernel Stillinger-Weber": 15,
    "quench": 3,
    "learned step": 3,
}
AT_THE_SHELL = ("batch", "help", "first start", "second start")


class Cost(NamedTuple):
    """The time of a task, in seconds."""

    elapsed: float
    processor: float


def job(task: str) -> Callable[[], object]:
    """The function to measure, in a process of the version itself."""
    from ase import Atoms
    from starts import starts

    import clusteropt

    def frames(element: str, n_atoms: int, count: int, length: float) -> list[Atoms]:
        return [Atoms([element] * n_atoms, length * x) for x in starts(n_atoms, count, 0)]

    energy = getattr(clusteropt, "energy", None) or clusteropt.evaluate  # its name before
    large = {
        "kernel Lennard-Jones": ("X", 4000, 1.1),
        "kernel Gupta": ("Au", 2500, 2.8),
        "kernel Stillinger-Weber": ("Si", 2500, 2.4),
    }
    if task in large:
        element, n_atoms, length = large[task]
        return lambda: energy(frames(element, n_atoms, 1, length)[0])
    if task == "quench":
        mixed = [*frames("X", 38, 256, 1.1), *frames("Au", 38, 128, 2.8), *frames("Si", 30, 64, 2.4)]
        return lambda: clusteropt.minimize(mixed, optimizer="lbfgs")
    few = frames("X", 38, 8, 1.1)
    return lambda: clusteropt.minimize(few, optimizer="learned", trajectories=8, steps=600, hops=0)


def worker(task: str) -> None:
    """Prints the cost of the task in this process."""
    work, costs = job(task), []
    for _ in range(2):
        work()
    for _ in range(IN_PROCESS[task]):
        begin = time.perf_counter(), time.process_time()
        work()
        costs.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    print(json.dumps([min(elapsed for elapsed, _ in costs), min(processor for _, processor in costs)]))


def called(python: str, folder: Path, *arguments: str, cache: Path | None = None) -> Cost:
    """The cost of a command, in a folder that holds no package of ours."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = kept if cache is None else kept | {"XDG_CACHE_HOME": str(cache)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    begin, before = time.perf_counter(), os.times()
    subprocess.run([python, "-m", "clusteropt", *arguments], cwd=folder, env=environment, check=True, **quiet)
    after, elapsed = os.times(), time.perf_counter() - begin
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(elapsed, used)


def in_process(python: str, folder: Path, task: str) -> Cost:
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    command = [python, str(HERE / "paired.py"), "--worker", task]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def at_the_shell(python: str, folder: Path, task: str) -> Cost:
    small = ("minimize", "small.xyz", "--optimizer", "lbfgs", "--out", "small.min.xyz", "--force")
    if task == "help":
        return min(called(python, folder, "--help") for _ in range(5))
    if task == "batch":
        out = ("--out", tempfile.mkdtemp(dir=folder), "--optimizer", "lbfgs")
        return called(python, folder, "batch", "many.xyz", *out)
    with tempfile.TemporaryDirectory() as cache:
        costs = [called(python, folder, *small, cache=Path(cache)) for _ in range(1 if task == "first start" else 4)]
    return costs[0] if task == "first start" else min(costs[1:])


def structures(folder: Path) -> None:
    """The files of starts that the commands read."""
    from starts import starts

    def text(n_atoms: int, count: int, seed: int) -> str:
        rows = [["X " + " ".join(f"{1.1 * c:.8f}" for c in atom) for atom in x] for x in starts(n_atoms, count, seed)]
        return "".join("\n".join([str(n_atoms), "", *own, ""]) for own in rows)

    (folder / "small.xyz").write_text(text(13, 1, 0))
    (folder / "many.xyz").write_text("".join(text(n, 300, n) for n in (7, 13, 20, 38)))


def row(task: str, costs: dict[str, list[Cost]]) -> str:
    pairs = list(zip(costs["old"], costs["new"], strict=True))

    def ratio(values: list[float]) -> str:
        return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"

    best = {name: min(cost.elapsed for cost in own) for name, own in costs.items()}
    elapsed, processor = ([new[k] / old[k] for old, new in pairs] for k in (0, 1))
    return f"| {task} | {best['old']:.3f} | {ratio(elapsed)} | {ratio(processor)} | {best['new'] / best['old']:.3f} |"


def compared(pythons: dict[str, str], tasks: list[str], rounds: int) -> None:
    print(
        f"| task | old, s | time, new/old of {rounds} rounds | CPU, new/old | best |\n|---|---|---|---|---|", flush=True
    )
    with tempfile.TemporaryDirectory() as name:
        structures(folder := Path(name))
        for task in tasks:
            measure = in_process if task in IN_PROCESS else at_the_shell
            costs: dict[str, list[Cost]] = {"old": [], "new": []}
            for k in range(rounds):
                for which in ("old", "new") if k % 2 == 0 else ("new", "old"):
                    costs[which].append(measure(pythons[which], folder, task))
            print(row(task, costs), flush=True)


def main() -> None:
    every = [*IN_PROCESS, *AT_THE_SHELL]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--old", help="the interpreter of the version before")
    parser.add_argument("--new", default=sys.executable, help="the interpreter of the version after")
    parser.add_argument("--only", default=",".join(every), help="tasks, separated by commas: " + ", ".join(every))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        worker(asked.worker)
    elif asked.old:
        compared({"old": asked.old, "new": asked.new}, asked.only.split(","), asked.rounds)
    else:
        parser.error("name the interpreter of the version before with --old")


if __name__ == "__main__":
    main()
