"""One part of `accelerator.py`, in a process of its own: writes its records to standard output, a line of JSON each."""

import argparse
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

SYSTEMS = (("lj", "X"), ("gupta-cleri-rosato", "Au"), ("sw-si", "Si"))
N_ATOMS = 38
LOWEST = -173.928427  # of 38 Lennard-Jones atoms
BLOCKS = (256, 4096, 16384)  # clusters at once that a GPU is tried with, beside its usual number

Record = dict[str, Any]  # 'what' was measured, 'value', 'unit'; or 'what' and 'error'


def clusters(potential: Any, lanes: int, dtype: str) -> Any:
    """A batch of clusters of 38 atoms on a shaken lattice: no two atoms on top of each other, all within the cutoffs."""
    import numpy as np

    from clusteropt.clusters.arrays import Structure, pack

    rng, structures = np.random.default_rng(0), []
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3)
    for _ in range(lanes):
        places = grid[rng.permutation(64)[:N_ATOMS]] + rng.uniform(-0.12, 0.12, (N_ATOMS, 3))
        structures.append(Structure(places * potential.length, np.zeros(N_ATOMS, np.int32), np.ones(N_ATOMS, bool)))
    return pack(structures, N_ATOMS, np.dtype(dtype))


def kernel(name: str, element: str, dtype: str, lanes: int) -> tuple[float, float]:
    """Energies with gradients per second on one device, and the seconds that the program took to compile."""
    import jax
    import jax.numpy as jnp

    from clusteropt.potentials import sets
    from clusteropt.potentials.base import energy_and_gradient
    from clusteropt.runtime import devices
    from clusteropt.runtime.backend import backend

    potential = sets.load(name).potential((element,))
    batch = clusters(potential, lanes, dtype)
    repeats = 100 if backend() == "gpu" else max(5, int(4e7 / (lanes * N_ATOMS**2)))

    def loop(given: Any) -> Any:
        def body(_: Any, carry: Any) -> Any:
            positions, total = carry
            energies, gradient = energy_and_gradient(potential, given._replace(positions=positions))
            return positions - 1e-30 * gradient, total + energies

        return jax.lax.fori_loop(0, repeats, body, (given.positions, jnp.zeros_like(given.positions[0])))

    begin = time.perf_counter()
    compiled = jax.jit(loop, compiler_options=devices.compiler_options()).lower(batch).compile()
    compiling, best, batch = time.perf_counter() - begin, float("inf"), jax.device_put(batch)
    for _ in range(5):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(batch))
        best = min(best, time.perf_counter() - begin)
    return lanes * repeats / best, compiling


def kernels(job: argparse.Namespace) -> Iterator[Record]:
    from clusteropt.runtime.backend import n_lanes

    usual = n_lanes(N_ATOMS)
    blocks = BLOCKS if job.device == "gpu" and not job.quick else ()
    wanted = [(*system, dtype, usual) for system in SYSTEMS for dtype in ("float32", "float64")]
    wanted += [(*SYSTEMS[0], dtype, lanes) for dtype in ("float32", "float64") for lanes in blocks]
    for name, element, dtype, lanes in wanted:
        title = f"{name}, {dtype}, energy and gradient" + ("" if lanes == usual else f", {lanes} at once")
        try:
            rate, compiling = kernel(name, element, dtype, lanes)
        except Exception as problem:  # noqa: BLE001  the others are to be measured all the same
            yield {"what": title, "error": short(problem)}
            continue
        yield {"what": title, "value": rate, "unit": "1/s", "lanes": lanes}
        yield {"what": f"{title}: compiling", "value": compiling, "unit": "s"}


def values(job: argparse.Namespace) -> Iterator[Record]:
    """Energies and gradients of fixed clusters, in a file, which the caller compares between devices."""
    import jax
    import numpy as np

    from clusteropt.potentials import sets
    from clusteropt.potentials.base import energy_and_gradient

    found = {}
    for name, element in SYSTEMS:
        potential = sets.load(name).potential((element,))
        for dtype in ("float32", "float64"):
            compute = jax.jit(lambda batch, potential=potential: energy_and_gradient(potential, batch))
            energies, gradient = compute(clusters(potential, 64, dtype))
            found[f"{name}, {dtype}: energies"] = np.asarray(energies).sum(0)
            found[f"{name}, {dtype}: forces"] = np.asarray(gradient)
    np.savez(job.folder / f"{job.device}.npz", **found)
    yield {"what": "energies and forces written", "value": len(found), "unit": ""}


def twice(what: str, compute: Callable[[], Any]) -> Iterator[tuple[Record, Any]]:
    """The seconds of a first call, in which programs are compiled, and of a second one; with each its result."""
    for name in (f"{what}: first call, compiling included", what):
        begin = time.perf_counter()
        result = compute()
        yield {"what": name, "value": time.perf_counter() - begin, "unit": "s"}, result


def quench(job: argparse.Namespace) -> Iterator[Record]:
    import numpy as np

    import clusteropt
    from clusteropt.search.starts import random_starts

    starts = random_starts(f"X{N_ATOMS}", job.count, 0, 0.7)
    what = f"quench of {job.count} random X{N_ATOMS}"
    for record, results in twice(what, lambda: clusteropt.minimize(starts, optimizer="lbfgs")):
        yield record
        energies, spent = np.array([r.energy for r in results]), np.array([r.n_evaluations for r in results])
        yield {"what": f"{what}: converged", "value": sum(r.converged for r in results), "unit": ""}
        yield {"what": f"{what}: evaluations", "value": int(spent.sum()), "unit": ""}
        yield {"what": f"{what}: evaluations of the longest", "value": int(spent.max()), "unit": ""}
        yield {"what": f"{what}: mean energy", "value": float(energies.mean()), "unit": "epsilon"}
        yield {"what": f"{what}: lowest energy", "value": float(energies.min()), "unit": "epsilon"}


def random_start() -> Any:
    """One random cluster, with coordinates that a file holds exactly: a search depends on all digits of its start."""
    import numpy as np

    from clusteropt.search.starts import random_starts

    (start,) = random_starts(f"X{N_ATOMS}", 1, 1, 0.7)
    start.positions = np.vectorize(lambda x: float(f"{x:.6f}"))(start.positions)
    return start


def search(job: argparse.Namespace) -> Iterator[Record]:
    import clusteropt

    start = random_start()
    changes = {"trajectories": 2, "hops": 2} if job.quick else {}
    what = f"search of X{N_ATOMS} from one random start"
    for record, result in twice(what, lambda: clusteropt.minimize(start, **changes)):
        yield record
        yield {"what": f"{what}: energy", "value": result.energy, "unit": f"epsilon (lowest known {LOWEST})"}
        yield {"what": f"{what}: evaluations", "value": result.n_evaluations, "unit": ""}


def command(job: argparse.Namespace) -> Iterator[Record]:
    """The same search from the command line, whose programs are in the cache by now, and the self-test of the doctor."""
    start = job.folder / "start.xyz"
    random_start().write(start, format="extxyz")
    arguments = ["minimize", str(start), "--json", "--quiet", "--out", str(job.folder / f"{job.device}.xyz")]
    arguments += ["--trajectories", "2", "--hops", "2"] if job.quick else []
    begin = time.perf_counter()
    found = clusteropt_json(arguments, job.device)[0]
    yield {"what": "clusteropt minimize, programs in the cache", "value": time.perf_counter() - begin, "unit": "s"}
    yield {"what": "clusteropt minimize: energy", "value": found["energy"], "unit": "epsilon"}
    doctor = clusteropt_json(["doctor", "--json"], job.device)
    yield {"what": "clusteropt doctor: self-test", "value": doctor["self-test"], "unit": ""}
    yield {"what": "clusteropt doctor: gpu", "value": doctor["gpu"], "unit": ""}
    yield {"what": "jax", "value": doctor["jax"], "unit": ""}


def clusteropt_json(arguments: list[str], device: str) -> Any:
    """The records that a command prints with --json."""
    whole = [sys.executable, "-m", "clusteropt", *arguments, "--device", device]
    return json.loads(subprocess.run(whole, stdout=subprocess.PIPE, check=True).stdout)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Record]]] = {
    "values": values,
    "quench": quench,
    "search": search,
    "command": command,
    "kernels": kernels,
}


def work(job: argparse.Namespace) -> None:
    """Writes the records of one part to standard output, a line each."""
    from clusteropt.runtime import host, machine

    begin = time.perf_counter()
    if job.part != "command":
        host.prepare(machine.n_cores(), job.device)
    from clusteropt.runtime import devices

    if job.part == "values":
        emit({"what": "devices", "value": devices.describe_devices(), "unit": ""})
        emit({"what": "start of jax", "value": time.perf_counter() - begin, "unit": "s"})
    try:
        with host.double_precision() if job.part in ("values", "kernels") else nullcontext():
            for record in PARTS[job.part](job):
                emit(record)
    except Exception as problem:  # noqa: BLE001  said in the table; what has been measured stays
        traceback.print_exc()
        emit({"what": job.part, "error": short(problem)})


def emit(record: Record) -> None:
    print(json.dumps(record), flush=True)


def short(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("device", choices=("cpu", "gpu"))
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    work(parser.parse_args())


if __name__ == "__main__":
    main()
