"""The surrogate of a calculator: its fit, its candidates, and what searches gain by it."""

import jax
import numpy as np
import pytest
from helpers import program, relaxed, structure, value
from hypothesis import given, settings
from hypothesis import strategies as st

import clusteropt
from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.engine import programs
from clusteropt.engine.batches import take
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.exploring import Exploration
from clusteropt.exploration.kinds import STARTS, SURROGATE
from clusteropt.exploration.surrogate import candidates as module
from clusteropt.exploration.surrogate import fit, samples
from clusteropt.exploration.surrogate.candidates import Candidates, kit_of
from clusteropt.exploration.surrogate.potential import drifts, potential_of, usual
from clusteropt.finding.searching import composition_of
from clusteropt.potentials.calculators import known, recipe, scales
from clusteropt.potentials.calculators.memory import Answer, Memory, Question
from clusteropt.runtime import devices, host
from clusteropt.search.styles import STYLES

LOWEST = {"Cu7": 6.587554, "Ni8": 10.805162, "Cu13": 9.361358, "Ni17": 17.460670}  # eV, by effective medium theory


def samples_of(parameters: np.ndarray, n_species: int) -> fit.Samples:
    """Compact clusters with the values of a surrogate that has these parameters."""
    rng, n = np.random.default_rng(0), 8
    potential = potential_of(parameters, n_species)
    structures = []
    for _ in range(60):
        places = scales._ICOSAHEDRON.places[:n] * rng.uniform(0.9, 1.2) + rng.normal(0, 0.08, (n, 3))
        structures.append(Structure(places, rng.integers(n_species, size=n).astype(np.int32), np.ones(n, bool)))
    columns = np.append(np.arange(60), np.full(fit.N_SAMPLES - 60, -1))
    batch = take(pack(structures, padded_size(n), np.float64), columns)
    energies, gradient = map(np.asarray, program("surrogate", 0.0)(potential.parameters, batch))
    weight = np.arange(fit.N_SAMPLES) < 60
    values = (one.astype(fit.PRECISION) for one in (energies.sum(0), gradient, weight))
    return fit.Samples(take(batch, np.arange(fit.N_SAMPLES), fit.PRECISION), *values)


@pytest.mark.parametrize("n_species", [1, 2])
def test_a_fit_finds_the_potential_from_which_the_values_were_made(n_species):
    with host.double_precision():
        allowed = drifts(n_species)
        true = usual(n_species) + np.random.default_rng(1).uniform(-0.5, 0.5, len(allowed)) * allowed
        several = samples_of(true, n_species)
        found = fit.fitted(several, n_species, usual(n_species))
        energies, gradient = program("surrogate", 0.0)(potential_of(found, n_species).parameters, several.clusters)
    own = np.asarray(several.weight) > 0
    assert np.std((np.asarray(energies).sum(0) - several.energy)[own]) < 0.01 * 8
    assert np.std((np.asarray(gradient) - several.gradient)[..., own]) < 0.1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.8]), st.sampled_from([1, 2]))
def test_the_kernel_computes_the_formula_and_its_gradient(seed, core, n_species):
    rng, n = np.random.default_rng(seed), 6
    parameters = usual(n_species) + rng.normal(0, 0.5, len(usual(n_species))) * drifts(n_species)
    places, species = grown(rng, n), rng.integers(n_species, size=n).astype(np.int32)
    push, step = rng.normal(size=(n, 3)), 1e-5

    def values(at: np.ndarray) -> tuple[float, np.ndarray]:
        one = Structure(at, species, np.ones(n, bool))
        found = value(potential_of(parameters, n_species), one, core=core)
        return found.energy, found.gradient

    with host.double_precision():
        energy, gradient = values(places)
        ends = [values(places + sign * step * push)[0] for sign in (1, -1)]
    assert np.isclose((gradient * push).sum(), (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-5)
    if not core:
        assert np.isclose(energy, formula(parameters, n_species, places, species), rtol=1e-10)


def grown(rng: np.random.Generator, n: int) -> np.ndarray:
    """Positions (n, 3) in lengths, each but the first 0.75 to 1.2 from another one and no nearer to any."""
    places = [np.zeros(3)]
    while len(places) < n:
        way = rng.normal(size=3)
        new = places[rng.integers(len(places))] + way / np.linalg.norm(way) * rng.uniform(0.75, 1.2)
        if min(np.linalg.norm(new - place) for place in places) > 0.7:
            places.append(new)
    return np.array(places)


def formula(parameters: np.ndarray, n_species: int, places: np.ndarray, species: np.ndarray) -> float:
    """The energy of the surrogate, atom by atom and pair by pair as its formula stands."""
    pairs = [(a, b) for a in range(n_species) for b in range(a, n_species)]
    logs, terms = np.split(parameters, [4 * len(pairs)])
    logs, terms, energy = logs.reshape(4, -1), terms.reshape(4, n_species), 0.0
    for i, here in enumerate(places):
        rho, vector, matrix = 0.0, np.zeros(3), np.zeros((3, 3))
        for j in set(range(len(places))) - {i}:
            kind = pairs.index(tuple(sorted((species[i], species[j]))))
            a, xi, p, q = np.exp(logs[:, kind])
            r = np.linalg.norm(here - places[j])
            e, part = (here - places[j]) / r, xi**2 * np.exp(-2 * q * (r - 1))
            energy += a * np.exp(-p * (r - 1))
            rho, vector, matrix = rho + part, vector + part * e, matrix + part * np.outer(e, e)
        b, c, v, t = terms[:, species[i]]
        vector, matrix = vector / rho, matrix / rho
        energy += b * rho + c * rho**0.75
        energy -= np.sqrt(rho) * (1 + v * vector @ vector + t * ((matrix**2).sum() - 1 / 3))
    return energy


def test_a_flat_cluster_lies_lowest_where_flat_surroundings_are_low():
    triangle = [(x + y / 2, y * 3**0.5 / 2, 0) for x, y in ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2))]
    octahedron = [np.eye(3)[k] * sign / 2**0.5 for k in range(3) for sign in (1, -1)]
    lower = {}
    for t in (0.0, 0.6):
        with host.double_precision():
            potential = potential_of(usual(1) + t * np.eye(8)[7], 1)
            flat, compact = (relaxed(potential, structure(places))[1] for places in (triangle, octahedron))
        lower[t] = flat < compact
    assert lower == {0.0: False, 0.6: True}


def test_a_foreseen_fit_is_the_one_that_runs():
    record = [(scales._ICOSAHEDRON.places[:7] * (1 + 0.01 * k), Answer(float(k), np.zeros((7, 3)))) for k in range(3)]
    with host.double_precision():
        composition = composition_of("Cu7", known.use(recipe.recipe_of("emt", {}), 1))
        fit.foresee(composition)
        built = programs._built.cache_info().misses
        fit.fitted(samples.chosen(record, composition), 1, usual(1))
    assert programs._built.cache_info().misses == built


def test_the_vector_of_the_normal_equations_is_the_derivative_of_half_the_sum_of_squares(monkeypatch):
    monkeypatch.setattr(fit, "PRECISION", np.float64)  # for differences
    with host.double_precision():
        several, at = samples_of(usual(1) + 0.2, 1), usual(1)
        _, square, slope = fit._normal(several, 1, at)
        step = 1e-5 * np.eye(len(at))
        ends = [[fit._normal(several, 1, at + sign * one)[0] for sign in (1, -1)] for one in step]
    assert np.allclose(slope, [(a - b) / 2e-5 for a, b in ends], rtol=1e-5)
    assert np.linalg.eigvalsh(square).min() > 0


def sums_of(several: fit.Samples, first: int, n: int) -> list[np.ndarray]:
    """The results of the program for `n` of the samples, from the `first` on."""
    own = jax.tree.map(lambda array: np.roll(array, -first, -1), several)
    weight = np.where(np.arange(fit.N_SAMPLES) < n, own.weight, 0)
    about, mesh = usual(1).astype(fit.PRECISION), devices.mesh(1)
    found = programs.run(fit.equations, (), own._replace(weight=weight), about, mesh=mesh, in_place=False, n_species=1)
    return [np.asarray(one, np.float64) for one in found]


@pytest.mark.parametrize("n", [1, 31, 32, 33, 60])
def test_the_normal_equations_are_the_sums_of_those_of_single_samples(n):
    """The program takes portions of samples, and leaves out those that are empty."""
    with host.double_precision():
        several = samples_of(usual(1) + 0.2, 1)
        alone, together = [sums_of(several, k, 1) for k in range(n)], sums_of(several, 0, n)
    for found, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert found == pytest.approx(np.sum(parts, 0), rel=1e-4, abs=1e-4 * np.abs(found).max())


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_record_does_not_depend_on_the_order_of_the_answers(random):
    memory, rng = Memory(), np.random.default_rng(0)
    memory.begin_record()
    numbers = np.full(4, 29, np.int32)
    several = [(Question(numbers, rng.normal(size=(4, 3))), Answer(float(k // 2), np.zeros((4, 3)))) for k in range(20)]
    expected = sorted((answer.energy, question.positions.tobytes()) for question, answer in several)[:12]
    random.shuffle(several)
    for question, answer in several:
        memory.keep(question, answer)
    for n in (3, 5):  # others, whose atomic numbers begin as these or go on from them
        memory.keep(Question(np.full(n, 29, np.int32), np.zeros((n, 3))), Answer(-1.0, np.zeros((n, 3))))
    found = memory.record(numbers, 12)
    assert [(answer.energy, positions.tobytes()) for positions, answer in found] == expected
    memory.keep(Question(numbers, np.ones((4, 3))), Answer(-2.0, np.zeros((4, 3))))
    assert len(memory.record(numbers, 12)) == 12
    assert memory.n_recorded == 21, "those that were left out count, or a full record would look as if nothing were new"


def explored(formula: str, n_rounds: int, n_workers: int = 1, seed: int = 0) -> tuple[Exploration, list]:
    name = known.use(recipe.recipe_of("emt", {}), n_workers)
    kit = Kit(composition_of(formula, name), None, seed)
    with host.double_precision():
        run = Exploration(kit)
        return run, [next(run) for _ in range(n_rounds)]


def test_the_first_chains_start_from_low_minima_of_the_surrogate_and_no_candidate_comes_twice():
    run, rounds = explored("Cu7", 6)
    starts = [one for one in rounds if one.serials[0] < 2][:2]
    assert [one.origins for one in starts] == [[STARTS[SURROGATE].words]] * 2
    assert not any(one.alone.any() for one in starts), "they are not independent"
    with host.double_precision():
        candidates = run.candidates
        problem = kit_of(run.kit, candidates._parameters).composition.problem
        both = (candidates._quenched(own, problem) for own in (candidates._seen, candidates._waiting))
        seen, waiting = (candidates._minima(*found) for found in both)
    assert len(waiting.energies)
    apart = abs(waiting.energies[:, None] - seen.energies)
    unlike = abs(waiting.prints[:, None] - seen.prints).max(-1)
    assert np.maximum(apart, unlike).min() > 0.01


def test_no_two_candidates_lead_to_one_minimum_of_the_surrogate(monkeypatch):
    """Before they were quenched to small forces, those of Au7 led to each minimum 2 to 4 times."""
    name = known.use(recipe.recipe_of("emt", {}), 1)
    kit = Kit(composition_of("Au7", name), None, 0)
    with host.double_precision():
        candidates = Candidates(kit, Exploration)
        candidates.take(1)
        monkeypatch.setattr(module, "_FINE", 1e-4)
        problem = kit_of(kit, candidates._parameters).composition.problem
        energies = np.sort(candidates._quenched(candidates._waiting, problem)[0])
    assert len(energies) > 2
    assert np.diff(energies).min() > 1e-3


def record_of(composition: Composition, n: int) -> list[tuple[np.ndarray, Answer]]:
    """Positions and values of as many structures of 7 atoms, the lowest first, with energies within a tenth of their mean."""
    rng, potential, record = np.random.default_rng(0), composition.potential, []
    alone = np.asarray(potential.free_atoms)[composition.species].sum()
    for _ in range(n):
        energy = -3.0 * rng.uniform(0.9, 1.1) * potential.energy
        forces = rng.normal(0, 5, (7, 3)) * potential.energy / potential.length
        record.append((grown(rng, 7) * potential.length, Answer(energy + alone, forces)))
    return sorted(record, key=lambda one: one[1].energy)


@pytest.mark.parametrize(("formula", "many"), [("Cu7", 120), ("Cu2Au5", 300)])
def test_a_few_steps_of_one_quench_do_not_settle_the_parameters(formula, many):
    composition, away = composition_of(formula, known.use(recipe.recipe_of("emt", {}), 1)), []
    n_species = len(composition.potential.elements)
    for n in (3, many):
        with host.double_precision():
            several = samples.chosen(record_of(composition, n), composition)
            found = fit.fitted(several, n_species, usual(n_species))
        away.append(np.abs((found - usual(n_species)) / drifts(n_species)).max())
    assert away[0] < 1.5 < away[1]


@pytest.mark.parametrize(("formula", "n_parameters"), [("Cu7", 8), ("Cu2Au5", 20)])
def test_samples_count_half_when_there_are_five_for_each_parameter(formula, n_parameters):
    composition = composition_of(formula, known.use(recipe.recipe_of("emt", {}), 1))

    def weight(n: int) -> float:
        still = [(places, Answer(0.0, 0 * answer.forces)) for places, answer in record_of(composition, n)]
        return samples.chosen(still, composition).weight[0]

    assert weight(5 * n_parameters) == pytest.approx(1 / 2)
    assert weight(1) < 1e-3 < weight(n_parameters) < 0.04
    assert weight(50 * n_parameters) > 0.99


def test_two_chains_are_under_way_at_first_and_the_second_hops_as_basin_hopping_does():
    run, rounds = explored("Cu7", 8)
    assert {int(one.serials[0]) for one in rounds} == {0, 1}
    assert [STYLES[style].name for style in run.chains.styles[:2]] == ["surrogate", "displacement"]


def test_more_chains_begin_with_the_rounds_and_no_seat_is_in_two_rounds_at_a_time():
    run, n_begun = explored("Cu7", 1)[0], []
    with host.double_precision():
        for _ in range(60):
            next(run)
            busy = [int(seat) for one in run._under_way for seat in one.active]
            assert len(set(busy)) == len(busy)
            n_begun.append(run.n_begun)
    assert n_begun[6] == 2
    assert n_begun == sorted(n_begun)
    assert 10 <= n_begun[-1] <= 16


def test_the_seat_of_a_chain_that_has_ended_is_free_only_when_its_round_has_ended():
    run, _ = explored("Cu7", 12)
    seat = int(run._under_way[0].active[0])
    serial = int(run.lives.serials[seat])
    run.arrived([serial], False)
    with host.double_precision():
        while any(seat in one.active for one in run._under_way):
            assert run.lives.serials[seat] == serial
            last = next(run)
    assert last.serials[0] == serial, "what it came to at last is told"
    assert run.lives.vacant[seat]


def test_an_exploration_without_chains_begins_others_and_ends_no_search():
    run, _ = explored("Cu7", 3)
    with host.double_precision():
        run.arrived([int(serial) for serial in run.lives.serials[~run.lives.vacant]], False)
        assert run.lives.vacant.all()
        assert [len(next(run).origins) for _ in range(4)] == [1] * 4


def test_a_minimum_at_the_target_is_polished_at_once():
    about = {"certify": False, "symmetrize": False, "optimizer": "none", "evaluations": 2000}
    found = clusteropt.search("Cu7", calculator="emt", target=LOWEST["Cu7"] + 0.01, **about)
    assert found.stopped_by == "target"
    assert found.evaluations < 30
    pool = known.pool_of(found.potential.name)
    assert (pool.allowance.held, len(pool._open), pool.allowance.left) == (0, 0, np.inf), (
        "nothing of the rounds under way is left"
    )


def test_rounds_do_not_depend_on_the_number_of_workers():
    """Rounds overlap, and workers have their own pace: surrogates are fitted to what the clock allows, not to what is there."""
    (one, first), (three, second) = explored("Cu2Au5", 14, 1), explored("Cu2Au5", 14, 3)
    for a, b in zip(first, second, strict=True):
        assert a.origins == b.origins
        assert np.array_equal(a.positions, b.positions)
        assert np.array_equal(a.energy, b.energy)
    assert (one.clock, one.n_evaluations, one.n_under_way) == (three.clock, three.n_evaluations, three.n_under_way)


def test_a_search_without_a_calculator_has_no_surrogate():
    run = Exploration(Kit(composition_of("Cu7", None), None, 0))
    assert run.candidates is None
    kinds, _ = run.chosen(64)
    assert SURROGATE not in kinds


@pytest.mark.parametrize(
    ("formula", "most"), [("Ni8", 12), *(pytest.param(one, 40, marks=pytest.mark.slow) for one in ("Cu13", "Ni17"))]
)
def test_the_lowest_minimum_of_a_metal_takes_fewer_evaluations_than_one_quench_of_a_random_start(formula, most):
    found = clusteropt.search(
        formula, calculator="emt", evaluations=60, certify=False, symmetrize=False, optimizer="none"
    )
    assert found.energy < LOWEST[formula] + 1e-4
    assert found.minima[0].evaluations < most


def test_a_limit_of_evaluations_is_used_up_and_more_than_the_lowest_minimum_is_polished():
    found = clusteropt.search(
        "Cu7", calculator="emt", evaluations=600, certify=False, symmetrize=False, optimizer="none"
    )
    assert 540 <= found.evaluations <= 600
    assert len(found.minima) > 1


def test_evaluations_are_those_that_the_calculator_was_asked_for():
    name = known.use(recipe.recipe_of("emt", {}), 1)
    composition_of("Cu7", name)
    before = known.pool_of(name).n_asked
    found = clusteropt.search("Cu7", name, evaluations=500, certify=False, symmetrize=False)
    asked = known.pool_of(name).n_asked - before
    assert asked <= found.evaluations < 1.1 * asked, "what is asked for again is remembered"
