"""Programs are those of a form and a number of elements: scales are traced, and words leave no trace."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace

import jax
import numpy as np
import pytest
from ase import Atoms

import clusteropt
from clusteropt.clusters.arrays import Structure, pack
from clusteropt.engine import lanes, programs
from clusteropt.engine.motions import Motion
from clusteropt.engine.step import Criterion
from clusteropt.optimizers.learned.weights import named
from clusteropt.optimizers.table import OptimizerChoice, learned_choice
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential, energy_and_gradient
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host

PLACES = np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0], [0.5, 0.3, 0.8]])
DOUBLE = re.compile(r"tensor<((?:\d+x)*)f64>")  # in StableHLO


@pytest.fixture
def asked(monkeypatch) -> Iterator[list[programs.Program]]:
    """The programs that are asked for, of which none is built."""
    found: list[programs.Program] = []

    def note(function, common, batch, *scalars, mesh, in_place, **static) -> bool:
        found.append(programs._identify(function, common, batch, scalars, mesh, in_place, static)[1])
        return True

    monkeypatch.setattr(programs, "request", note)
    return found


def choice_of(optimizer: str) -> OptimizerChoice:
    if optimizer != "learned":
        return OptimizerChoice(optimizer)
    shipped = named("learned")
    return learned_choice(shipped.theta, shipped.settings, 100, (0, 1))


def foresee(potential: Potential, dtype: type = np.float64, optimizer: str = "lbfgs") -> None:
    """Asks for programs that move clusters, as a local minimization and a search do: softened in single precision."""
    n_kinds = len(potential.elements)
    sample = pack(
        [Structure(PLACES * potential.length, np.arange(4, dtype=np.int32) % n_kinds, np.ones(4, bool))], 4, np.float64
    )
    problem = ClusterProblem(potential)
    motion = Motion(
        problem.softened() if dtype is np.float32 else problem, choice_of(optimizer), Criterion("fmax", 1e-3), dtype
    )
    with host.double_precision():
        lanes.foresee(sample, 1, motion)


def hosted(calculator: str, element: str, length: float) -> Potential:
    """A potential by a calculator."""
    return Potential({}, "calculator", calculator, (element,), "eV", "angstrom", length, 0.3, None, calculator, (0.1,))


def n_built() -> int:
    return programs._built.cache_info().misses


def test_another_element_of_the_form_takes_the_programs_of_the_first_and_its_own_numbers():
    first = clusteropt.minimize(Atoms("Au4", 2.8 * PLACES), optimizer="lbfgs")
    before = n_built()
    second = clusteropt.minimize(Atoms("Ag4", 2.8 * PLACES), optimizer="lbfgs")
    assert n_built() == before
    for element, result in (("Au", first), ("Ag", second)):
        potential = sets.potential_for((element,))
        with host.double_precision():
            here = pack([Structure(result.atoms.positions, np.zeros(4, np.int32), np.ones(4, bool))], 4, np.float64)
            energies, gradient = energy_and_gradient(potential, here)
        assert result.status == "converged"
        assert result.energy == pytest.approx(float(energies.sum()), rel=1e-12)
        assert np.abs(gradient).max() < 1e-3 * potential.energy / potential.length


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", ["lbfgs", "learned"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (sets.potential_for(("Au",)), sets.potential_for(("Ag",))),
        (sets.potential_for(("Ag", "Cu")), sets.potential_for(("Cu", "Ni"))),
        (sets.potential_for(("Si",)), sets.potential_for(("Ge",), "sw-ge")),
        (hosted("emt", "Au", 2.8), hosted("xtb", "Si", 2.3)),
    ],
    ids=["gupta", "alloys with cutoffs", "stillinger-weber", "calculators"],
)
def test_elements_sets_and_calculators_of_one_shape_have_the_same_programs_by_the_same_names(
    asked, one, other, optimizer, dtype
):
    foresee(one, dtype, optimizer)
    n = len(asked)
    foresee(other, dtype, optimizer)
    assert n
    assert asked[:n] == asked[n:]
    names = [programs._name.__wrapped__(p) for p in asked]  # the cache gives one name to equal programs
    assert names[:n] == names[n:]
    words = {word for own in (one, other) for word in (*own.elements, own.name, own.energy_unit, own.length_unit)}
    assert not any(re.search(rf"\b{re.escape(word)}\b", str(p.tree)) for word in words for p in asked)


def test_what_shapes_a_program_is_part_of_its_identity(asked):
    gold = sets.potential_for(("Au",))
    others = [
        sets.potential_for(("Au",), "gupta-au-cutoff"),
        sets.potential_for(("Ag", "Au")),
        sets.potential_for(("Si",)),
        replace(gold, form="surrogate"),
        replace(gold, calculator="emt"),
    ]
    for potential in (gold, *others):
        foresee(potential, np.float64)
        foresee(potential, np.float32)
    assert len(set(asked)) == len(asked) > len(others)


@pytest.mark.parametrize("optimizer", ["lbfgs", "fire", "gradient-descent", "learned"])
@pytest.mark.parametrize("elements", [("X",), ("Au",), ("Ag", "Au"), ("Si",)], ids="-".join)
def test_a_program_in_single_precision_has_no_arrays_in_double_precision(asked, elements, optimizer):
    potential = sets.potential_for(elements)
    foresee(potential, np.float32, optimizer)
    (program,) = asked
    with host.double_precision():
        shardings, arguments, _ = programs._arguments(program)
        text = jax.jit(programs._flat(program), in_shardings=shardings).lower(*arguments).as_text()
    assert "xf32>" in text
    sizes = {math.prod(map(int, found.split("x")[:-1])) for found in DOUBLE.findall(text)}
    assert max(sizes) <= max(np.size(table) for table in potential.parameters.values()), "numbers and tables alone"


def test_a_potential_keeps_its_words_on_the_host_and_loses_them_in_a_program():
    gold, seen = sets.potential_for(("Au",)), []
    jax.jit(lambda problem: seen.append(problem.potential) or problem.scale.length)(ClusterProblem(gold).softened())
    assert (gold.name, gold.elements) == ("gupta-cleri-rosato", ("Au",))
    assert (seen[0].name, seen[0].elements, seen[0].calculator) == ("", ("",), "")
    assert isinstance(seen[0].length, jax.core.Tracer)
