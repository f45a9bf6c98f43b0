"""A GPU beside the CPU: kernels, quenches and a search of Lennard-Jones 38. Prints a Markdown table, progress on stderr.

    python tests/benchmarks/accelerator.py --json gpu.json
    python tests/benchmarks/accelerator.py --devices cpu --quick

Every part runs in a process of its own, in which jax sees one kind of device; a part that fails, or comes too late, costs
the others nothing. The cache of programs begins empty, so the first time of every part is that of a first start.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SYSTEMS = (("lj", "X"), ("gupta-cleri-rosato", "Au"), ("sw-si", "Si"))
N_ATOMS = 38
LOWEST = -173.928427  # of 38 Lennard-Jones atoms
BLOCKS = (256, 4096, 16384)  # clusters at once that a GPU is tried with, beside its usual number

Record = dict[str, Any]  # 'what' was measured, 'value', 'unit'; or 'what' and 'error'


def say(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


# --- one part, in a process of its own ---------------------------------------------------------------------------------


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
    from clusteropt.clusters.arrays import n_lanes

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


def twice(what: str, compute: Callable[[], Any]) -> tuple[list[Record], Any]:
    """The seconds of a first and a second call, and the second's result."""
    times, result = [], None
    for name in ("first", "second"):
        begin = time.perf_counter()
        result = compute()
        times.append(time.perf_counter() - begin)
        say(f"  {what}: {name} call {times[-1]:.2f} s")
    first = {"what": f"{what}: compiling (first call less second)", "value": times[0] - times[1], "unit": "s"}
    return [{"what": what, "value": times[1], "unit": "s"}, first], result


def quench(job: argparse.Namespace) -> Iterator[Record]:
    import numpy as np

    import clusteropt
    from clusteropt.search.starts import random_starts

    starts = random_starts(f"X{N_ATOMS}", job.count, 0, 0.7)
    what = f"quench of {job.count} random X{N_ATOMS}"
    records, results = twice(what, lambda: clusteropt.minimize(starts, optimizer="lbfgs"))
    yield from records
    energies = np.array([r.energy for r in results])
    yield {"what": f"{what}: converged", "value": sum(r.converged for r in results), "unit": ""}
    yield {"what": f"{what}: evaluations", "value": sum(r.n_evaluations for r in results), "unit": ""}
    yield {"what": f"{what}: mean energy", "value": float(energies.mean()), "unit": "epsilon"}
    yield {"what": f"{what}: lowest energy", "value": float(energies.min()), "unit": "epsilon"}


def search(job: argparse.Namespace) -> Iterator[Record]:
    import clusteropt
    from clusteropt.search.starts import random_starts

    (start,) = random_starts(f"X{N_ATOMS}", 1, 1, 0.7)
    changes = {"trajectories": 2, "hops": 2} if job.quick else {}
    what = f"search of X{N_ATOMS} from one random start"
    records, result = twice(what, lambda: clusteropt.minimize(start, **changes))
    yield from records
    yield {"what": f"{what}: energy", "value": result.energy, "unit": f"epsilon (lowest known {LOWEST})"}
    yield {"what": f"{what}: evaluations", "value": result.n_evaluations, "unit": ""}


def command(job: argparse.Namespace) -> Iterator[Record]:
    """The same search from the command line, whose programs are in the cache by now."""
    from clusteropt.search.starts import random_starts

    start = job.folder / "start.xyz"
    random_starts(f"X{N_ATOMS}", 1, 1, 0.7)[0].write(start)
    arguments = ["minimize", str(start), "--device", job.device, "--json", "--quiet"]
    arguments += ["--out", str(job.folder / f"{job.device}.xyz")]
    arguments += ["--trajectories", "2", "--hops", "2"] if job.quick else []
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "clusteropt", *arguments], stdout=subprocess.PIPE, check=True)
    took, record = time.perf_counter() - begin, json.loads(done.stdout)[0]
    yield {"what": "clusteropt minimize, programs in the cache", "value": took, "unit": "s"}
    yield {"what": "clusteropt minimize: energy", "value": record["energy"], "unit": "epsilon"}


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Record]]] = {
    "values": values,
    "search": search,
    "quench": quench,
    "kernels": kernels,
    "command": command,
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
        if job.part == "kernels" or job.part == "values":
            with host.double_precision():
                for record in PARTS[job.part](job):
                    emit(record)
        else:
            for record in PARTS[job.part](job):
                emit(record)
    except Exception as problem:  # noqa: BLE001  said in the table; what has been measured stays
        traceback.print_exc()
        emit({"what": job.part, "error": short(problem)})


def emit(record: Record) -> None:
    print(json.dumps(record), flush=True)


def short(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]}"


# --- all parts, and the table ------------------------------------------------------------------------------------------


def measured(device: str, part: str, seconds: float, job: argparse.Namespace, environment: dict) -> list[Record]:
    """The records of one part; an error among them where the process ended badly or had to be stopped."""
    say(f"{device}: {part} (at most {seconds:.0f} s)")
    arguments = [__file__, "--part", part, "--device", device, "--count", str(job.count), "--folder", str(job.folder)]
    arguments += ["--quick"] if job.quick else []
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment)
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    records = []
    assert process.stdout is not None
    for line in process.stdout:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # a library that talks on standard output
            say("  said:", line.rstrip())
            continue
        say(" ", *(f"{key}={value}" for key, value in records[-1].items()))
    if process.wait():
        late = "" if timer.is_alive() else f", stopped after {seconds:.0f} s"
        records.append({"what": part, "error": f"the process ended with code {process.returncode}{late}"})
        say("  ", records[-1]["error"])
    timer.cancel()
    return records


def agreement(folder: Path) -> list[Record]:
    """Largest differences between the devices' energies and forces, over the largest number."""
    import numpy as np

    try:
        cpu, gpu = (np.load(folder / f"{device}.npz") for device in ("cpu", "gpu"))
    except OSError:
        return []
    return [
        {
            "what": f"{key}: largest difference over largest value",
            "value": float(np.abs(gpu[key] - cpu[key]).max() / np.abs(cpu[key]).max()),
            "unit": "",
        }
        for key in cpu.files
    ]


def table(found: dict[str, list[Record]]) -> str:
    """Markdown, a row for each measurement and a column for each device."""
    rows: dict[str, dict[str, Record]] = {}
    for device, records in found.items():
        for record in records:
            rows.setdefault(record["what"], {})[device] = record
    lines = [f"| | {' | '.join(found)} | unit |", "|---" * (len(found) + 2) + "|"]
    for what, own in rows.items():
        unit = next((record["unit"] for record in own.values() if "unit" in record), "")
        lines.append(f"| {what} | {' | '.join(shown(own.get(device)) for device in found)} | {unit} |")
    return "\n".join(lines)


def shown(record: Record | None) -> str:
    if record is None:
        return ""
    value = record.get("value", record.get("error"))
    if not isinstance(value, float):
        return str(value)
    return f"{value:.6f}" if record["unit"].startswith("epsilon") else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", default="gpu,cpu", help="in this order; the first has the time it needs")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--count", type=int, default=1024, help="clusters to quench")
    parser.add_argument("--seconds", type=float, default=225, help="for all parts together")
    parser.add_argument("--json", type=Path, help="file for all records")
    parser.add_argument("--quick", action="store_true", help="small numbers, to try the script")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--device", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    job = parser.parse_args()
    if job.part:
        work(job)
        return
    end = time.monotonic() + job.seconds
    job.count = min(job.count, 64) if job.quick else job.count
    found: dict[str, list[Record]] = {}
    with tempfile.TemporaryDirectory() as name:
        job.folder = Path(name)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": name, "CLUSTEROPT_CACHE": "on"}
        environment["PYTHONUNBUFFERED"] = "1"
        for device in job.devices.split(","):
            found[device] = []
            for part in job.parts.split(","):
                left = end - time.monotonic()
                if left < 5:
                    found[device].append({"what": part, "error": "no time was left"})
                    continue
                found[device] += measured(device, part, left, job, environment)
                if job.json is not None:
                    job.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
        if len(found) > 1:
            found["agreement of the two"] = agreement(job.folder)
    if job.json is not None:
        job.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(table(found), flush=True)


if __name__ == "__main__":
    main()
