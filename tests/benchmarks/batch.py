"""Throughput of batches, end to end from extended XYZ to extended XYZ, beside other programs in one run. Prints a Markdown table.

    python tests/benchmarks/batch.py throughput --peer-python ~/peer/bin/python
    python tests/benchmarks/batch.py mixed
    python tests/benchmarks/batch.py memory
    python tests/benchmarks/batch.py dask
    python tests/benchmarks/batch.py processes

`--peer-python` is an interpreter that has pele and ase. Every program uses all cores, by one process for each where it has no
threads.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "clusteropt"]
LOCAL = ["--optimizer", "lbfgs", "--rms", "1e-3", "--quiet", "--fail-if-more-than", "100%"]


def timed(command: list[str], **options) -> float:
    """Seconds of a process from its start to its end."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, **options)
    return time.perf_counter() - begin


def starts(formula: str, count: int, path: Path, seed: int = 0) -> Path:
    timed([*COMMAND, "random", formula, "--count", str(count), "--seed", str(seed), "--out", str(path)])
    return path


def side_by_side(commands: list[list[str]], **options) -> float:
    """Seconds until all of some processes have ended, one pinned to each core."""
    cores = sorted(os.sched_getaffinity(0))[: len(commands)]
    begin = time.perf_counter()
    running = [
        subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
        )
        for core, command in zip(cores, commands, strict=True)
    ]
    assert all(process.wait() == 0 for process in running)
    return time.perf_counter() - begin


def throughput(python: str, count: int, repeats: int) -> None:
    """LJ38 from random starts, beside pele on every core; and beside ASE alone."""
    cores = len(os.sched_getaffinity(0))
    environment = os.environ | {"LD_LIBRARY_PATH": str(Path(python).parents[1] / "lib")}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = starts("X38", count, folder / "starts.xyz")
        timed(
            [*COMMAND, "batch", str(starts("X38", 200, folder / "few.xyz", 1)), "--out", str(folder / "warm"), *LOCAL]
        )
        ratios = []
        for k in range(repeats):
            ours = timed([*COMMAND, "batch", str(file), "--out", str(folder / f"out{k}"), *LOCAL])
            worker = str(HERE / "peer_worker.py")
            peers = [
                [python, worker, "batch", str(file), str(folder / f"p{i}.xyz"), str(i), str(cores)]
                for i in range(cores)
            ]
            theirs = side_by_side(peers, env=environment)
            ratios.append(theirs / ours)
            print(f"| {count} LJ38 | clusteropt {ours:.1f} s | pele {theirs:.1f} s | {theirs / ours:.2f} |", flush=True)
        ase, few = ase_seconds(folder / "few.xyz", 100)
        ours = ours / count * cores
        print(
            f"| LJ38, core seconds a structure | clusteropt {ours:.2e} | ASE {ase:.2e} ({few} frames) | {ase / ours:.0f} |"
        )


def ase_seconds(file: Path, count: int) -> tuple[float, int]:
    """Seconds of one core for a structure: ASE's Lennard-Jones and BFGS to the same convergence."""
    import numpy as np
    from ase.calculators.lj import LennardJones
    from ase.io import read
    from ase.optimize import BFGS

    frames = read(file, index=slice(0, count))
    for k, atoms in enumerate(frames):  # dense random starts overflow there: from a lattice with noise, which is easier
        grid = 1.12 * np.array(list(np.ndindex(4, 4, 4))[: len(atoms)])
        atoms.positions = grid + np.random.default_rng(k).normal(0, 0.1, grid.shape)
    begin = time.perf_counter()
    for atoms in frames:
        atoms.calc = LennardJones(rc=1e3, ro=1e2, smooth=False)
        BFGS(atoms, logfile=None).run(fmax=2e-3, steps=2000)  # an rms of 1e-3 is a longest force of about that
    return (time.perf_counter() - begin) / count, count


def mixed(count: int) -> None:
    """5 to 150 atoms and three potentials in one batch, beside one run per size and potential."""
    import numpy as np

    rng = np.random.default_rng(0)
    formulas = [
        f"{element}{n}" for element in ("X", "Au", "Si") for n in sorted(rng.choice(np.arange(5, 151), 12, False))
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [str(starts(f, count, folder / f"{f}.xyz")) for f in formulas]
        first = timed([*COMMAND, "batch", *files, "--out", str(folder / "cold"), *LOCAL])
        together = timed([*COMMAND, "batch", *files, "--out", str(folder / "together"), *LOCAL])
        from clusteropt.runtime import host, machine

        host.prepare(machine.n_cores())
        from clusteropt.batch.execution import batch
        from clusteropt.batch.job import BatchJob
        from clusteropt.settings.config import MinimizeSettings

        def one(file: str, k: str) -> float:
            job = BatchJob(
                [file], folder / f"{k}{Path(file).stem}", MinimizeSettings(optimizer="lbfgs", rms=1e-3), quiet=True
            )
            begin = time.perf_counter()
            batch(job)
            return time.perf_counter() - begin

        sys.stdout, stdout = open(os.devnull, "w"), sys.stdout  # noqa: SIM115
        for file in files:
            one(file, "warm")
        apart = sum(one(file, "apart") for file in files)
        begin = time.perf_counter()
        batch(BatchJob(files, folder / "again", MinimizeSettings(optimizer="lbfgs", rms=1e-3), quiet=True))
        within = time.perf_counter() - begin
        sys.stdout = stdout
        print(
            f"| {len(files)} x {count} mixed | together {within:.1f} s | apart {apart:.1f} s | {within / apart:.2f} |"
        )
        print(f"| the same as a command | first {first:.1f} s | again {together:.1f} s | {first / together:.2f} |")


def memory(count: int) -> None:
    """Many small structures from one file."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "many.xyz"
        text = starts("X13", 1000, Path(name) / "some.xyz").read_text()
        with file.open("w") as out:
            for k in range(count // 1000):
                out.write(text.replace("start=", f"part={k} start="))
        seconds = timed([*COMMAND, "batch", str(file), "--out", str(Path(name) / "out"), *LOCAL])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(f"| {count} LJ13 from one file | {seconds:.0f} s | {peak:.2f} GB at most |")


def dask(count: int) -> None:
    """One and two Dask workers of one core each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, few = starts("Au38", count, folder / "starts.xyz"), starts("Au38", 2048, folder / "few.xyz", 1)
        seconds = {}
        for workers in (1, 2):
            with cluster(workers, folder) as scheduler:
                for what, out in ((few, f"warm{workers}"), (file, f"out{workers}")):
                    command = [*COMMAND, "batch", str(what), "--out", str(folder / out), *LOCAL]
                    seconds[workers] = timed([*command, "--scheduler-file", str(scheduler)])
        ratio = seconds[1] / seconds[2]
        print(f"| {count} Au38 on Dask | one worker {seconds[1]:.1f} s | two {seconds[2]:.1f} s | {ratio:.2f} |")


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[Path]:
    """A Dask scheduler and workers, each on a core of its own; gives the scheduler's file."""
    file = folder / f"scheduler{workers}.json"
    program, common = str(Path(sys.executable).parent / "dask"), ["--no-dashboard", "--scheduler-file", str(file)]
    commands = [[program, "scheduler", "--port", "0", *common]]
    for core in range(workers):
        worker = [program, "worker", "--nthreads", "1", "--local-directory", str(folder), *common]
        commands.append(["taskset", "-c", str(core), *worker])
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for c in commands]
    try:
        while not file.exists():
            assert running[0].poll() is None, "the scheduler has ended"
            time.sleep(0.1)
        yield file
    finally:
        for process in running[::-1]:
            process.terminate()
            process.wait()


def processes(steps: int) -> None:
    """Meta-training by one process of one core and by two; seconds of all steps but the first, which compiles."""
    command = [*COMMAND, "train", "es", "--tasks", "X38", "--steps", str(steps), "--pairs", "12", "--quiet"]
    seconds = {}
    with tempfile.TemporaryDirectory() as name:
        for number in (1, 2):
            out = Path(name) / f"by{number}.h5"
            with socket.socket() as free:
                free.bind(("localhost", 0))
                where = ["--coordinator", f"localhost:{free.getsockname()[1]}"] if number > 1 else []
            shares = [["--process", f"{k + 1}/{number}"] if number > 1 else [] for k in range(number)]
            side_by_side([[*command, "--out", str(out), *where, *share] for share in shares])
            records = map(json.loads, out.with_suffix(".log.jsonl").read_text().splitlines())
            times = [record["seconds"] for record in records if "seconds" in record]
            seconds[number] = times[-1] - times[0]
    ratio = seconds[1] / seconds[2]
    print(f"| {steps} outer steps | one process {seconds[1]:.1f} s | two {seconds[2]:.1f} s | {ratio:.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["throughput", "mixed", "memory", "dask", "processes"])
    parser.add_argument("--peer-python")
    parser.add_argument("--count", type=int, help="structures; of `mixed` for each size, of `processes` outer steps")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.what == "throughput":
        throughput(options.peer_python, options.count or 10_000, options.repeats)
    elif options.what == "mixed":
        mixed(options.count or 40)
    elif options.what == "memory":
        memory(options.count or 100_000)
    elif options.what == "dask":
        dask(options.count or 32_768)
    else:
        processes(options.count or 30)
