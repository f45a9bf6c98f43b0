"""The forms of the reductions for GPUs, run on the CPU: they agree with the CPU's to rounding, and are never mixed with them."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache, partial
from itertools import combinations
from typing import Any

import jax
import numpy as np
import pytest
from helpers import QUICK, nameless

import clusteropt
from clusteropt.clusters import pairs
from clusteropt.clusters.arrays import Clusters, Structure, pack
from clusteropt.clusters.cohesion import cohesion
from clusteropt.engine import programs
from clusteropt.engine.step import NEVER, Trajectories, advance, begin_trajectories
from clusteropt.optimizers import table
from clusteropt.optimizers.learned import network
from clusteropt.optimizers.learned.rule import sizes
from clusteropt.optimizers.learned.weights import named
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential, energy_and_gradient
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import devices, host
from clusteropt.runtime.backend import KINDS, backend, computing_for, n_lanes
from clusteropt.search.starts import random_starts
from clusteropt.training import loop, tasks
from clusteropt.training.settings import TrainSettings

SIZE = 13
# of the largest number in a result: single precision keeps seven digits, of terms that cancel in part
AGREEMENT = {np.float32: 4e-6, np.float64: 1e-12}


def all_potentials() -> list[Potential]:
    """Every shipped set, for an element and for the first pair of elements that it has parameters for."""
    found = []
    for name in sets.names():
        own = sets.load(name)
        mixed = next((pair for pair in combinations(own.elements, 2) if own.covers(pair)), None)
        found += [own.potential(chosen) for chosen in (own.elements[:1], mixed) if chosen is not None]
    return found


def clusters_of(potential: Potential, dtype: type, periodic: bool = False) -> Clusters:
    """Clusters of 2 to 13 atoms, so most lanes have padding; atoms about a length apart, none on top of another."""
    rng, structures = np.random.default_rng(1), []
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3)
    for n_atoms in (2, 3, 5, 8, 12, 13):
        places = grid[rng.permutation(27)[:n_atoms]] * 1.1 + rng.uniform(-0.15, 0.15, (n_atoms, 3))
        species = rng.integers(len(potential.elements), size=n_atoms).astype(np.int32)
        cell = np.diag([3.3, 3.4, 3.5]) * potential.length if periodic else None
        structures.append(Structure(places * potential.length, species, np.ones(n_atoms, bool), cell))
    return pack(structures, SIZE, dtype)


def by_kind(function: Callable, *arguments: Any) -> list[list[np.ndarray]]:
    """The arrays that the function gives, by the forms for each kind of device."""
    found = []
    for kind in KINDS:
        with host.double_precision(), computing_for(kind):
            found.append([np.asarray(leaf) for leaf in jax.tree.leaves(function(*arguments))])
    return found


def assert_agree(function: Callable, *arguments: Any, tolerance: float) -> None:
    """Every array that `function` gives by one form differs from the other's by a share of its own largest number."""
    for ours, theirs in zip(*by_kind(function, *arguments), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        assert np.isfinite(ours).all()
        if ours.dtype == bool:
            np.testing.assert_array_equal(theirs, ours)
        else:
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance * max(1e-30, np.abs(ours).max()))


@cache
def kernel(form: str, core: float) -> Callable:
    return jax.jit(lambda p, clusters: energy_and_gradient(nameless(form, p), clusters, core), compiler_options=QUICK)


@pytest.mark.parametrize("potential", all_potentials(), ids=lambda p: f"{p.name}-{''.join(p.elements)}")
def test_energies_and_gradients_agree(potential):
    ways = [(np.float64, 0.0, False), (np.float64, 0.0, True), (np.float32, 0.5, False)]
    alone = len(potential.elements) == 1 and len(sets.load(potential.name).elements) > 1  # its mixture goes all ways
    for dtype, core, periodic in ways[:1] if alone else ways:
        clusters = clusters_of(potential, dtype, periodic)
        assert_agree(kernel(potential.form, core), potential.parameters, clusters, tolerance=AGREEMENT[dtype])


@pytest.mark.parametrize("at_once", [1, 3 * SIZE * 6, 5 * SIZE * 6, 10**9])
@pytest.mark.parametrize("periodic", [False, True], ids=["cluster", "cell"])
def test_blocks_of_any_length_give_the_same_sums(at_once, periodic):
    potential = sets.load("lj").potential(("X",))
    clusters = clusters_of(potential, np.float64, periodic)
    planes = (clusters.positions[0],)

    def terms(pair: pairs.Pair) -> tuple[jax.Array, ...]:
        return 1 / pair.r2, pair.d[1] / pair.r2, (pair.here[0] - 2 * pair.there[0]) / pair.r2

    with host.double_precision():
        expected = pairs.one_by_one(clusters, planes, 3, terms)
        found = pairs.in_blocks(clusters, planes, 3, terms, at_once)
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_allclose(theirs[clusters.mask], ours[clusters.mask], rtol=1e-12, atol=1e-12)


def test_atoms_hang_together_or_not_by_both_forms():
    clusters = clusters_of(sets.load("lj").potential(("X",)), np.float64)
    near, distance = np.float64(0.9), np.float64(1.2)
    assert_agree(jax.jit(cohesion, compiler_options=QUICK), clusters, near, distance, tolerance=0)


def rules() -> dict[str, table.OptimizerChoice]:
    learned = named("learned")
    local = {name: table.OptimizerChoice(name) for name in ("lbfgs", "fire", "gradient-descent")}
    return local | {"learned": table.learned_choice(learned.theta, learned.settings, 50, (0, 1))}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", rules())
def test_an_update_of_every_optimizer_agrees(name, dtype):
    """The states are those after some steps; from there one step more, because errors grow with every step."""
    potential, rule = sets.load("gupta-ag-au").potential(("Ag", "Au")), rules()[name]
    optimizer = table.make(rule, ClusterProblem(potential))
    clusters = clusters_of(potential, dtype)

    @partial(jax.jit, compiler_options=QUICK)
    def moved(run: Trajectories, n_steps: jax.Array) -> Trajectories:
        return advance(ClusterProblem(potential), optimizer, NEVER, run, n_steps)

    def step(run: Trajectories) -> tuple:
        after = moved(run, np.int32(1))
        return after.batch.positions - run.batch.positions, after.force

    with host.double_precision():
        run = moved(begin_trajectories(clusters, np.full(6, 100, np.int32), optimizer), np.int32(7))  # type: ignore[arg-type]
    assert_agree(step, run, tolerance=1e-4 if dtype == np.float32 else 1e-9)


def test_minima_agree_and_programs_are_not_mixed():
    (atoms,) = random_starts("X13", 1, 3, 0.7)
    results = []
    for kind in KINDS:
        with computing_for(kind):
            results.append(clusteropt.minimize(atoms, optimizer="lbfgs", opt="tight"))
    assert results[1].energy == pytest.approx(results[0].energy, rel=1e-9)


def double(common, batch, *, mesh):
    return [batch * (2 if backend() == "cpu" else 3)]


def test_a_program_is_of_one_kind():
    """In memory and in the cache; whichever thread builds it."""
    mesh, names = devices.mesh(1), set()
    for kind, factor in (("cpu", 2), ("gpu", 3), ("cpu", 2)):
        with computing_for(kind):
            (out,) = programs.run(double, (), np.ones(4), mesh=mesh, in_place=False)
            names.add(programs._name(programs._identify(double, (), np.ones(4), (), mesh, False, {})[1]))
        np.testing.assert_array_equal(out, np.full(4, factor))
    assert len(names) == 2


def test_a_gpu_has_more_lanes():
    for size in (1, 13, 38, 75, 200, 1000):
        cpu, gpu = n_lanes(size), None
        with computing_for("gpu"):
            gpu = n_lanes(size)
        assert gpu > cpu


def test_here_programs_are_for_the_cpu():
    assert backend() == "cpu"


def prepared(device: str | None, **environment: str) -> str:
    """The device on which a process of our own computes, or the line that it ends with."""
    code = (
        "import os, sys; from clusteropt.errors import ClusterOptError; from clusteropt.runtime import host\n"
        "try:\n"
        f"    host.prepare(2, {device!r})\n"
        "except ClusterOptError as problem:\n"
        "    sys.exit(str(problem))\n"
        "import jax; print(jax.default_backend(), jax.local_device_count(), 'small_while' in os.environ['XLA_FLAGS'])"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JAX", "XLA"))}
    none_to_see = {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=kept | none_to_see | environment, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def test_a_process_computes_on_the_device_that_was_asked_for():
    assert prepared(None) == prepared("cpu") == prepared("cpu", JAX_PLATFORMS="cuda") == "cpu 2 True"


def test_a_gpu_that_is_not_there_is_one_line_with_the_cure():
    (line,) = prepared("gpu").splitlines()
    assert line.startswith("--device gpu: jax sees no GPU here")
    assert "jax[cuda13]" in line


def made_for_a_gpu(program: programs.Program) -> Future:
    """A stand-in for the program: made as where jax computes on a GPU by NVIDIA, and giving ones, and False."""
    shardings, arguments, _ = programs._arguments(program)
    with host.double_precision(), computing_for(program.kind):
        jitted = jax.jit(programs._flat(program), in_shardings=shardings)
        made = jax.export.export(jitted, platforms=("cuda",))(*arguments)
    results = [np.zeros(a.shape, a.dtype) if a.dtype == bool else np.ones(a.shape, a.dtype) for a in made.out_avals]
    future: Future = Future()
    future.set_result(lambda *_: results)
    return future


def test_every_program_of_a_search_can_be_made_for_a_gpu(monkeypatch):
    """Nothing is computed: the stand-ins' results lead a search through all of its programs."""
    found: dict[programs.Program, Future] = {}

    def built(program: programs.Program) -> Future:
        if program not in found:
            found[program] = made_for_a_gpu(program)
        return found[program]

    monkeypatch.setattr(programs, "_built", built)
    with computing_for("gpu"):
        clusteropt.minimize(random_starts("X7", 1, 3, 0.7)[0], trajectories=2, hops=9)
    assert {program.kind for program in found} == {"gpu"}
    assert len(found) >= 5  # evaluation, exploring, polishing, learned steps, moves over the surface


def test_a_training_step_can_be_made_for_a_gpu():
    settings = TrainSettings(strategy="es", tasks=("X7",))
    task, theta = tasks.task_named("X7"), network.first_theta(settings.network, *sizes(settings.network), 0)
    with host.double_precision(), computing_for("gpu"):
        tryout, _ = task.tryout(settings, 0, theta, None)
        step = loop._program(settings.network, settings.loss, settings.temperature, 2)
        traced = step.trace(np.stack([theta, theta]), task.problem.softened(), tryout)  # type: ignore[attr-defined]
        assert "stablehlo" in traced.lower(lowering_platforms=("cuda",)).as_text()
