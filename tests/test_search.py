"""Chains of minima, moves over the surface, their evaluation, and what cards say."""

import dataclasses
import json
import signal
from itertools import pairwise

import numpy as np
import pytest
from cli import run, save
from helpers import CASES
from hypothesis import given, settings
from hypothesis import strategies as st

import clusteropt
from clusteropt.clusters.arrays import Structure
from clusteropt.engine import lanes
from clusteropt.engine.step import Status
from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.evaluation import measure as measuring
from clusteropt.evaluation.measure import measure
from clusteropt.evaluation.score import Score
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.evaluation.target import BASIN_HOPPING, baselines, target_for
from clusteropt.io import cards
from clusteropt.optimizers.learned import network, weights
from clusteropt.optimizers.learned.rule import sizes
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host
from clusteropt.search import hops, walk
from clusteropt.search.answers import answer
from clusteropt.search.chains import Chains, columns_of
from clusteropt.search.draws import uniforms
from clusteropt.search.minimum import Minimum
from clusteropt.search.policy import POLICIES, SearchPlan, plan_for
from clusteropt.search.starts import random_starts, start_positions
from clusteropt.search.styles import LEARNED, START, SURFACE, Style
from clusteropt.search.surface import N_DRAWS, moved_over_surface
from clusteropt.settings.method import SearchSettings
from clusteropt.settings.options import options

LJ: Potential = sets.default(("X",)).potential(("X",))
MADE = LearnedSettings(widths=(8,), styles=1)
FRESH = weights.LearnedOptimizer(network.first_theta(MADE, *sizes(MADE), 0), MADE, {"tasks": ["X7", "X9", "Ag13"]})
PROBLEM = ClusterProblem(LJ)
BOTH = Style("both", displacement=0.5, surface=0.5, patience=10_000, temperature=0.8)
SEARCH = SearchPlan(FRESH, steps=10, hops=4, hop_steps=10, styles=(BOTH,))
N = 7


def starts(count: int, first: int = 0) -> tuple[list[Structure], np.ndarray]:
    keys = np.arange(first, first + count, dtype=np.uint64)
    places = start_positions(keys, N, LJ.length, symmetric=keys % 2 == 1)
    species, free = np.zeros(N, np.int32), np.ones(N, bool)
    return [Structure(place.T, species, free) for place in np.moveaxis(places, -1, 0)], keys


def hopping(**changes) -> SearchPlan:
    """SEARCH in another style."""
    return SEARCH._replace(styles=(BOTH._replace(**changes),))


def walked(count: int, first: int = 0, hops: int = 4, plan: SearchPlan = SEARCH) -> Chains:
    with host.double_precision():
        alive = walk.begin(*starts(count, first), PROBLEM, plan).chains
        for _ in range(hops):
            alive, _ = walk.hop(alive, PROBLEM, plan)
    return alive


def test_a_chain_does_not_depend_on_its_neighbours():
    together, alone = walked(9), walked(1, first=4)
    for whole, own in zip(
        (together.clusters.positions, *together[1:]), (alone.clusters.positions, *alone[1:]), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(whole)[..., 4], np.asarray(own)[..., 0])


GUPTA = CASES["gupta-cutoff"].potential
SHORT = plan_for(FRESH, 8, GUPTA, steps=5)


def unlike(seed: int, fixed: bool, n: int = 8) -> Structure:
    """A cluster of one element or of two, the first atom fixed or not."""
    positions = start_positions(np.array([seed], np.uint64), n, GUPTA.length, np.array([False]))[..., 0].T
    return Structure(positions, np.arange(n, dtype=np.int32) % (1 + (seed % 3 > 0)), np.arange(n) >= fixed)


def hopped(structures: list[Structure], numbers: list[int], n_hops: int = 5) -> Chains:
    keys = np.array([s.content_hash() % 2**63 for s in structures], np.uint64)
    with host.double_precision():
        problem = ClusterProblem(GUPTA)
        alive = walk.begin(structures, keys, problem, SHORT, numbers=np.array(numbers)).chains
        for _ in range(n_hops):
            alive, _ = walk.hop(alive, problem, SHORT)
    return alive


def test_chains_of_any_style_with_fixed_atoms_or_without_do_not_depend_on_their_neighbours():
    structures, numbers = [unlike(k, fixed=k % 2 == 0) for k in range(9)], [3 * k for k in range(9)]
    together = hopped(structures, numbers)
    assert len(set(together.styles.tolist())) > 2
    for k in (1, 4, 8):
        alone, own = hopped([structures[k]], [numbers[k]]), columns_of(together, np.array([k]))
        for one, other in zip((own.clusters.positions, *own[1:]), (alone.clusters.positions, *alone[1:]), strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    still = np.stack([s.positions[0] - s.positions.mean(0) for s in structures], -1)
    np.testing.assert_array_equal(together.clusters.positions[:, 0, ::2], still[:, ::2])
    assert (together.clusters.positions[:, 0, 1::2] != still[:, 1::2]).any(0).all()


def test_the_lowest_minimum_is_kept_and_never_rises():
    lowest = [walked(16, hops=n).lowest_energy for n in range(4)]
    assert (np.diff(lowest, axis=0) <= 0).all()
    end = walked(16)
    assert (end.lowest_energy <= end.energy).all()
    found = clusteropt.energy([clusteropt_atoms(end.lowest[:, :N, k].T) for k in range(16)])
    np.testing.assert_allclose([r.energy for r in found], end.lowest_energy, atol=1e-9)


def clusteropt_atoms(positions: np.ndarray):
    atoms = random_starts(f"X{len(positions)}", 1, 0, 0.7)[0]
    atoms.set_positions(positions)
    return atoms


@pytest.mark.parametrize("move", ["displacement", "surface", "rebuild"])
def test_evaluations_are_counted_in_full(monkeypatch, move):
    """Those that the inner loop reports, learned steps and quenches, one at each minimum, and the work of other moves."""
    spent = []

    def noting(function, cost):
        def noted(*arguments):
            out = function(*arguments)
            spent.append(cost(out))
            return out

        return noted

    monkeypatch.setattr(lanes, "_moved", noting(lanes._moved, lambda out: out.n_evaluations.sum()))
    monkeypatch.setattr(lanes, "inspect", noting(lanes.inspect, lambda out: out.energy.size))
    for name in ("moved_over_surface", "rebuilt_surface"):
        monkeypatch.setattr(hops, name, noting(getattr(hops, name), lambda out: out[1].sum()))
    plan = hopping(**{"displacement": 0.0, "surface": 0.0, move: 1.0})
    n_calls = []
    alive = walked(4, hops=0, plan=plan)
    for _ in range(2):
        n_calls.append(len(spent))
        assert alive.n_evaluations.sum() == sum(spent)
        with host.double_precision():
            alive, visits = walk.hop(alive, PROBLEM, plan)
        assert visits.n_evaluations.sum() == sum(spent[-3:])
    assert n_calls == [3, 6], "each a motion, a quench and an inspection"


def test_a_walk_yields_every_minimum_that_its_chains_come_to():
    with host.double_precision():
        under_way = walk.begin(*starts(8), PROBLEM, SEARCH)
        rounds = list(under_way)
    assert len(rounds) == 1 + SEARCH.hops
    assert (rounds[0].moves == START).all()
    assert {LEARNED, SURFACE} == set(np.concatenate([visits.moves for visits in rounds[1:]]))
    energies = np.stack([visits.energy for visits in rounds])  # no chain ends before the others here
    np.testing.assert_array_equal(energies.min(0), under_way.chains.lowest_energy)
    used = sum(visits.n_evaluations for visits in rounds)
    np.testing.assert_array_equal(used, under_way.chains.n_evaluations)
    for visits in rounds:
        found = clusteropt.energy([clusteropt_atoms(visits.positions[:, :N, k].T) for k in range(8)])
        np.testing.assert_allclose([r.energy for r in found], visits.energy, atol=1e-9)


def test_a_chain_that_is_stopped_holds_still_and_one_that_is_replaced_begins_anew():
    with host.double_precision():
        under_way = walk.begin(*starts(4), PROBLEM, SEARCH)
        next(under_way)
        before = under_way.chains
        under_way.stopped[1] = True
        assert next(under_way).columns.tolist() == [0, 2, 3]
        assert under_way.chains.n_evaluations[1] == before.n_evaluations[1]
        under_way.replace(np.array([1]), walk.begin(*starts(1, first=9), PROBLEM, SEARCH))
        fresh = next(under_way)
        own = next(walk.begin(*starts(1, first=9), PROBLEM, SEARCH))
        assert (fresh.columns.tolist(), fresh.moves.tolist()) == ([1], [START])
        np.testing.assert_array_equal(fresh.energy, own.energy)
        assert next(under_way).columns.tolist() == [0, 1, 2, 3]


def test_all_minima_are_those_of_the_chains_and_more_and_the_answer_is_the_same():
    (atoms,) = random_starts("X8", 1, 4, 0.7)
    few, many = (
        clusteropt.minimize(atoms, trajectories=2, hops=12, steps=20, all_minima=everything)
        for everything in (False, True)
    )
    assert many.energy == few.energy
    np.testing.assert_array_equal(many.atoms.positions, few.atoms.positions)
    assert many.n_evaluations > few.n_evaluations
    energies = [[a.get_potential_energy() for a in found.minima] for found in (few, many)]
    assert len(energies[0]) <= 3, "the ends of two chains, and plain minimization"
    assert len(energies[1]) > len(energies[0])
    assert all(np.abs(np.array(energies[1]) - energy).min() < 1e-6 for energy in energies[0])
    assert (np.diff(energies[1]) > 1e-6).all(), "distinct, the lowest first"


def test_at_zero_temperature_only_descents_are_taken():
    cold = hopping(temperature=1e-9)
    energies = [walked(16, hops=n, plan=cold).energy for n in range(5)]
    assert (np.diff(energies, axis=0) <= 0).all()
    hot = [walked(16, hops=n, plan=hopping(temperature=1e9)).energy for n in range(5)]
    assert (np.diff(hot, axis=0) > 0).any()


def test_a_chain_is_idle_since_it_came_distinctly_below_all_its_minima():
    seen = [walked(16, hops=n) for n in range(5)]
    for before, after in pairwise(seen):
        lower = after.lowest_energy < before.lowest_energy - 0.02 * LJ.energy
        np.testing.assert_array_equal(after.n_idle, np.where(lower, 0, before.n_idle + 1))
    assert not seen[0].n_idle.any()
    assert seen[-1].n_idle.min() < 4 == seen[-1].n_idle.max(), "some came lower, and some did not"


def test_of_rivals_the_lower_half_hops():
    plan, groups = SEARCH._replace(hopping=0.5), np.array([7, 7, 7, 0, 0, 5, 7, 7, 0])
    with host.double_precision():
        alive = walk.begin(*starts(9), PROBLEM, plan, rivals=groups).chains
        alone = walk.begin(*starts(2, first=3), PROBLEM, plan, rivals=np.zeros(2)).chains
        everyone = walk.begin(*starts(9), PROBLEM, SEARCH, rivals=groups).chains
    stopped = walk.ended(alive, plan)
    for group, n_hopping in ((7, 3), (0, 2), (5, 1)):
        own = groups == group
        assert np.count_nonzero(own & ~stopped) == n_hopping, "at least one, and half"
        assert alive.energy[own & ~stopped].max() <= alive.energy[own & stopped].min(initial=np.inf)
    assert np.count_nonzero(~walk.ended(alone, plan)) == 1
    assert not walk.ended(everyone, SEARCH).any()


def test_ties_and_clusters_in_pieces_take_their_turn_among_rivals():
    energy, rivals = np.array([np.inf, -1.0, np.inf, -1.0, -2.0, np.inf]), np.array([1, 1, 1, 1, 0, 2])
    np.testing.assert_array_equal(walk._ranks(energy, rivals), [0.5, 0.0, 0.75, 0.25, 0.0, 0.0])
    assert walk._ranks(np.zeros(0), np.zeros(0)).shape == (0,)


def test_a_search_leaves_trajectories_where_it_says():
    steps = [walked(4, hops=0, plan=SearchPlan(FRESH, 30, end=end)).lowest for end in (1.0, 0.75, 0.75)]
    assert not np.array_equal(steps[0], steps[1])
    np.testing.assert_array_equal(steps[1], steps[2])
    assert 0 < plan_for(FRESH, 38, LJ).end < 1


def test_chains_end_after_their_hops_or_without_progress():
    alive = walked(3)
    patient = alive._replace(n_hops=np.array([4, 3, 3]), n_idle=np.array([0, 2, 1]))
    ended = walk.ended(patient, hopping(patience=2))
    np.testing.assert_array_equal(ended, [True, True, False])


@given(seed=st.integers(0, 2**63), n=st.integers(1, 50))
def test_uniform_numbers_are_uniform_and_their_own(seed, n):
    keys = np.array([seed, seed + 1, seed], np.uint64)
    numbers = uniforms(keys, np.array([0, 0, 1], np.uint64), n)
    assert numbers.shape == (n, 3)
    assert ((numbers >= 0) & (numbers < 1)).all()
    np.testing.assert_array_equal(numbers[:, :1], uniforms(keys[:1], np.zeros(1, np.uint64), n))
    assert len(np.unique(numbers)) == 3 * n
    many = uniforms(keys, np.zeros(3, np.uint64), 4000)
    np.testing.assert_allclose(many.mean(0), 0.5, atol=0.03)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_moves_over_the_surface_move_few_atoms_to_where_they_touch(seed):
    rng = np.random.default_rng(seed)
    alive = walked(5)
    free = np.array(alive.clusters.free)
    free[0] = False
    clusters = alive.clusters._replace(free=free)
    draws, loose = rng.uniform(size=(N_DRAWS, 5)), rng.uniform(size=free.shape)
    with host.double_precision():
        moved, work = moved_over_surface(clusters, alive.energies, draws, loose, LJ)
    same = np.isclose(moved, alive.clusters.positions).all(0)
    n_moved = (~same[:N]).sum(0)
    np.testing.assert_array_equal(n_moved, 1 + (3 * draws[0]).astype(int))
    assert same[0].all(), "a fixed atom"
    assert (work >= 128 * n_moved / N).all()
    for k in range(5):
        inside = moved[:, :N, k].T
        distances = np.linalg.norm(inside[:, None] - inside[None], axis=-1) + 9 * np.eye(N)
        newest = ~same[:N, k]
        assert distances[newest].min() < 1.01 * LJ.length
        assert distances[newest].min() > 0.5 * LJ.length


def test_basin_hopping_and_multistart_find_the_minimum_of_seven_atoms():
    for method, plan in baselines().items():
        score = measure(target_for(f"X{N}"), method, plan, EvaluationSettings(hits=8, chains=16))
        assert score.n_hits >= 8
        assert score.hit_rate <= 1
        assert score.n_evaluations > 16 * 5


@pytest.mark.parametrize("method", baselines())
def test_a_hit_costs_all_minima_that_were_visited_and_polished(monkeypatch, method):
    visited, polished = {}, []
    following, polishing = walk.Walk.__next__, measuring.minimized

    def visiting(under_way: walk.Walk) -> walk.Visits:
        visits = following(under_way)
        visited[id(visits.n_evaluations)] = visits.n_evaluations  # once, also of chains that took the places of others
        return visits

    def counting(*arguments, **options):
        for portion in polishing(*arguments, **options):
            polished.extend(minimum.n_evaluations for minimum in portion.values())
            yield portion

    monkeypatch.setattr(measuring, "_warm_up", lambda *_: None)
    monkeypatch.setattr(walk.Walk, "__next__", visiting)
    monkeypatch.setattr(measuring, "minimized", counting)
    score = measure(target_for(f"X{N}"), method, baselines()[method], EvaluationSettings(hits=40, chains=16))
    assert score.n_chains > 16, "some took the places of others"
    spent = sum(polished) + sum(int(n_evaluations.sum()) for n_evaluations in visited.values())
    assert score.evaluations_per_hit == spent / score.n_hits


def test_what_cannot_be_hit_costs_the_budget_and_no_more():
    target = target_for("X7")._replace(best_known=-100.0)
    score = measure(target, "multistart", SearchPlan(), EvaluationSettings(evaluations=2000, chains=16))
    assert (score.n_hits, score.evaluations_per_hit, score.ended_by) == (0, float("inf"), "evaluations")
    assert 2000 <= score.n_evaluations < 2000 + 16 * 200
    assert score.median_gap == pytest.approx(100 - 16.505384, abs=1.0)


def test_few_hits_cost_as_much_each_as_many():
    def score(hits: int, seed: int) -> Score:
        settings = EvaluationSettings(hits=hits, chains=32, seed=seed)
        return measure(target_for("X7"), BASIN_HOPPING, baselines()[BASIN_HOPPING], settings)

    few = [score(4, seed) for seed in range(8)]
    assert all((s.n_cut, s.ended_by) == (0, "hits") and s.n_chains == s.n_hits >= 32 for s in few)
    many = score(600, 8)
    # a tenth of scatter; chains that are cut off at the fourth hit would more than double it
    pooled = sum(s.n_evaluations for s in few) / sum(s.n_hits for s in few)
    assert pooled == pytest.approx(many.evaluations_per_hit, rel=0.2)
    again = score(4, 0)
    assert again[:7] == few[0][:7], "all but seconds follows from the seed"


def test_rivals_begin_together(monkeypatch):
    def watched(structures, keys, potential, plan, rivals, numbers):
        begun.append(np.unique(rivals, return_counts=True)[1].tolist())
        np.testing.assert_array_equal(numbers % 16, np.arange(len(numbers)) % 16)
        return begin(structures, keys, potential, plan, rivals, numbers)

    begin, begun = walk.begin, []
    monkeypatch.setattr(walk, "begin", watched)
    plan = SearchPlan(hopping=0.5, hops=3)
    score = measure(target_for("X7"), "m", plan, EvaluationSettings(hits=40, chains=64))
    assert len(begun) > 2
    assert {size for sizes in begun for size in sizes} == {16}
    assert score.n_chains == 16 * sum(map(len, begun[1:])), "the first are for compilation"


def test_the_interval_of_a_hit_rate_is_wilsons():
    score = Score("X7", "m", "", 10, 0, 3, 100, 1.0, 0.0)
    np.testing.assert_allclose(score.interval, (0.1078, 0.6032), atol=1e-4)  # published tables: 0.108 to 0.603
    assert Score("X7", "m", "", 0, 0, 0, 100, 1.0, 0.0).interval == (0.0, 1.0)
    low, high = Score("X7", "m", "", 20, 0, 20, 100, 1.0, 0.0).interval
    assert low > 0.8
    assert high == pytest.approx(1)


def test_impossible_evaluations_are_refused():
    for wrong in ({"hits": 0}, {"chains": 0}, {"evaluations": 0.0}, {"seconds": float("nan")}, {"seed": -1}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            EvaluationSettings(**wrong)
    for formula, word in (
        ("Xx1", "not a chemical formula"),
        ("Fe13", "no default potential"),
        ("X4001", "no best-known"),
    ):
        with pytest.raises(UsageError, match=word):
            target_for(formula)


def kind(*symbols: str) -> tuple[list[str], Potential]:
    """A cluster with the potential of its elements, as cards are asked about it."""
    elements = tuple(sorted(set(symbols)))
    return list(symbols), sets.default(elements).potential(elements)


def test_a_card_may_name_tasks_that_are_not_compositions():
    other = FRESH._replace(card={"tasks": ["rastrigin", "X7"]})
    assert cards.trained_on(other) == "X7; rastrigin"
    assert cards.seen(other, *kind(*["X"] * 7)) == "trained"


def test_the_answer_is_the_lowest_of_all_minima_that_were_polished():
    plain, end, visited = (
        Minimum(Status.CONVERGED, np.zeros((2, 3)), 0.0, energy, np.zeros(2), np.zeros((2, 3)), 0.0, 1)
        for energy in (-1.0, -2.0, -2.005)
    )
    found = answer(plain, [end], [visited], 5, 1e-6)
    assert (found.energy, found.minima[0].energy, found.won) == (-2.005, -2.005, "learned")


def test_the_chains_that_came_to_the_answer_are_counted_by_their_energies():
    def one(energy, status=Status.CONVERGED):
        return Minimum(status, np.zeros((2, 3)), 0.0, energy, np.zeros(2), np.zeros((2, 3)), 0.0, 1)

    ends = [one(-2.0), one(-2.0 + 5e-7), one(-1.9), one(-2.0, Status.NOT_CONVERGED), one(-2.0 + 2e-6)]
    found = answer(one(-1.0), ends, [], 5, 1e-6)
    assert (found.n_reached, found.n_chains) == (2, 5)
    assert answer(one(-3.0), ends, [], 5, 1e-6).n_reached == 0


def test_the_help_tells_the_numbers_of_the_policy():
    for kind in (SearchSettings, EvaluationSettings):
        told = {each.name: about.usual for each, _, about in options(kind)}
        for policy in POLICIES:
            assert told["steps"] == f"{policy.steps_per_atom:g} for each atom, up to {policy.most_steps}"
            assert told["hops"] == str(policy.hops)


def test_cards_tell_what_was_in_training():
    assert cards.seen(FRESH, *kind(*["X"] * 7)) == "trained"
    assert cards.seen(FRESH, *kind(*["X"] * 8)) == "size unseen"
    assert cards.seen(FRESH, *kind(*["Cu"] * 7)) == "element unseen"
    assert not cards.doubt(FRESH, *kind(*["X"] * 8))
    assert "7 to 9 atoms of X, not 30" in cards.doubt(FRESH, *kind(*["X"] * 30))
    assert "not been trained on Ag-Cu" in cards.doubt(FRESH, *kind("Cu", "Ag"))
    assert cards.trained_on(FRESH) == "X7, X9; Ag13"
    assert cards.trained_on(FRESH._replace(card={})) == "unknown"


@pytest.mark.parametrize("element", ["Ne", "Ar", "Kr", "Xe"])
def test_a_lennard_jones_cluster_counts_as_one_of_x_in_either_direction(element):
    assert cards.seen(FRESH, *kind(*[element] * 7)) == "trained"
    assert cards.seen(FRESH, *kind(*[element] * 8)) == "size unseen"
    assert not cards.doubt(FRESH, *kind(*[element] * 8))
    assert "on 7 to 9 Lennard-Jones atoms, not 30" in cards.doubt(FRESH, *kind(*[element] * 30))
    on_element = FRESH._replace(card={"tasks": [f"{element}7", f"hop:{element}9"]})
    assert cards.seen(on_element, *kind(*["X"] * 7)) == "trained"
    assert not cards.doubt(on_element, *kind(*["X"] * 8))
    assert cards.seen(FRESH, *kind("Ar", *["Kr"] * 6)) == "element unseen"


def test_argon_is_no_test_of_what_was_trained_on_x(folder):
    done = run(folder, "evaluate", "mine.h5", "--tasks", "Ar7,Ar8", "--test")
    assert done.code == 2
    assert "Ar7: was in the training of mine.h5, which --test refuses" in done.err


def test_doubts_about_many_clusters_are_one_sentence():
    def doubts(*symbols: list[str]) -> str:
        return cards.doubts(FRESH, [(f"a.xyz:{i}", *kind(*own)) for i, own in enumerate(symbols)])

    assert doubts() == doubts(["X"] * 7, ["Ar"] * 8) == ""
    assert "(1 more is outside" in doubts(["Cu"] * 5, ["Cu"] * 6)
    assert doubts(["X"] * 7, ["Cu"] * 5) == "a.xyz:1: the learned optimizer has not been trained on Cu"
    assert "on Cu (2 more are outside" in doubts(["X"] * 7, ["Cu"] * 5, ["Cu"] * 6, ["X"] * 30)


@pytest.fixture
def folder(tmp_path):
    weights.save(tmp_path / "mine.h5", FRESH)
    return tmp_path


def test_evaluate_at_the_shell(folder):
    options = ["--hits", "3", "--chains", "8", "--hops", "2", "--steps", "10", "--evaluations", "3e4"]
    done = run(folder, "evaluate", "mine.h5", "--tasks", "X7,X8", *options, "--json", "--plot", "p.png")
    assert done.code == 0
    rows = done.records
    assert [r["method"] for r in rows] == ["learned", "search", "multistart", "basin hopping"] * 2
    assert [r["seen"] for r in rows if r["method"] == "learned"] == ["trained", "size unseen"]
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")
    table = run(folder, "evaluate", "mine.h5", "--tasks", "X8", *options, "--alone", "--quiet")
    assert (table.code, table.err) == (0, "")
    assert "size unseen" in table.out
    assert "basin hopping" not in table.out
    for arguments, word in (
        (["--tasks", "X7", "--test"], "X7: was in the training of mine.h5, which --test refuses"),
        (["--tasks", "Q7"], "not a chemical formula"),
        (["--tasks", ","], "at least one formula"),
        (["--plot", "p.jpg"], "PNG"),
        (["--plot", "p.png"], "exists already"),
        (["--hits", "0"], "hits"),
    ):
        refused = run(folder, "evaluate", "mine.h5", *arguments)
        assert (refused.code, word in refused.err) == (2, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGHUP, 75)])
def test_a_signal_keeps_the_scores_that_are_there(folder, monkeypatch, number, code):
    measure, seen = measuring.measure, []

    def once(*arguments):
        if seen:
            signal.raise_signal(number)
        seen.append(arguments)
        return measure(*arguments)

    monkeypatch.setattr(measuring, "measure", once)
    options = ["--hits", "3", "--chains", "8", "--hops", "2", "--steps", "10", "--evaluations", "3e4", "--alone"]
    done = run(folder, "evaluate", "mine.h5", "--tasks", "X7,X8", *options, "--json", "--save-scores")
    assert (done.code, [r["method"] for r in done.records]) == (code, ["learned"])
    assert done.complaints[-1].endswith(": 1 measurement finished and shown")
    assert len(weights.load(folder / "mine.h5").card["scores"]) == 1


def test_a_picture_that_fails_costs_no_score(folder, monkeypatch):
    from clusteropt.report import results as report

    def fails(*_):
        raise ClusterOptError("no picture")

    monkeypatch.setattr(report, "scores_picture", fails)
    options = ["--hits", "1", "--chains", "8", "--hops", "2", "--steps", "10", "--alone"]
    done = run(folder, "evaluate", "mine.h5", "--tasks", "X7", *options, "--json", "--plot", "p.png", "--save-scores")
    assert (done.code, len(done.records)) == (1, 1)
    assert len(weights.load(folder / "mine.h5").card["scores"]) == 1


def test_several_optimizers_share_the_baselines_at_the_shell_and_from_python(folder, monkeypatch):
    monkeypatch.chdir(folder)
    weights.save(folder / "other.h5", FRESH._replace(theta=FRESH.theta * 0.5))
    options = ["--hits", "3", "--chains", "8", "--hops", "2", "--steps", "10", "--evaluations", "3e4"]
    done = run(folder, "evaluate", "mine.h5", "other.h5", "--tasks", "X7,X8", *options, "--json")
    assert done.code == 0
    names = ["mine.h5", "other.h5", None, None, None]
    assert [r["optimizer"] for r in done.records] == names * 2
    scores = clusteropt.benchmark(
        ["mine.h5", "other.h5"], ["X7", "X8"], hits=3, chains=8, hops=2, steps=10, evaluations=3e4
    )
    assert [s.n_evaluations for s in scores] == [r["evaluations"] for r in done.records]
    (alone,) = clusteropt.benchmark(FRESH, ["X7"], hits=3, chains=8, hops=2, steps=10, evaluations=3e4, alone=True)
    assert alone.n_evaluations == scores[0].n_evaluations
    table = run(folder, "evaluate", "mine.h5", "other.h5", "--tasks", "X7", *options, "--save-scores")
    assert all(name in table.out for name in ("mine.h5", "other.h5", "basin hopping"))
    kept = [weights.load(folder / name).card["scores"][0]["optimizer"] for name in names[:2]]
    assert kept == names[:2]


def test_what_ended_a_measurement_is_said(folder):
    options = ["--tasks", "X8", "--hits", "100000", "--chains", "8", "--hops", "2", "--steps", "10", "--alone"]
    done = run(folder, "evaluate", "mine.h5", *options, "--evaluations", "2000", "--json")
    assert done.records[0]["ended_by"] == "evaluations"
    assert "the limit of --evaluations" in done.err
    done = run(folder, "evaluate", "mine.h5", *options, "--seconds", "0.01", "--json")
    assert done.records[0]["ended_by"] == "seconds"
    assert "the limit of --seconds: the count depends on the speed of the machine" in done.err


def test_scores_are_kept_in_the_file(folder):
    options = ["--hits", "3", "--chains", "8", "--hops", "2", "--steps", "10", "--evaluations", "3e4", "--alone"]
    for task in ("X7", "X8", "X7"):
        assert run(folder, "evaluate", "mine.h5", "--tasks", task, *options, "--save-scores").code == 0
    scores = weights.load(folder / "mine.h5").card["scores"]
    assert [score["formula"] for score in scores] == ["X8", "X7"]
    assert "X8 (size unseen): " in run(folder, "optimizers", "show", "mine.h5").out
    assert run(folder, "evaluate", "learned", "--tasks", "X7", "--save-scores").code == 2


def test_optimizers_are_listed_and_shown(folder):
    (folder / "bad.h5").write_bytes(b"nothing")
    listed = run(folder, "optimizers", "list")
    assert listed.code == 0
    assert "bad.h5: not a readable HDF5 file" in listed.err
    assert any(line.startswith("mine.h5") and "X7, X9; Ag13" in line for line in listed.out.splitlines())
    assert any(line.startswith("learned") for line in listed.out.splitlines())
    shown = run(folder, "optimizers", "show", "learned")
    assert "trained on: X13, X19" in shown.out
    record = json.loads(run(folder, "optimizers", "show", "mine.h5", "--json").out)
    assert record["network"]["widths"] == [8]
    assert run(folder, "optimizers", "show", "none.h5").code == 2
    nowhere = run(folder, "optimizers", "list", "nowhere")
    assert (nowhere.code, nowhere.out, "nowhere: no such folder" in nowhere.err) == (2, "", True)


def test_minimize_warns_outside_the_training_and_writes_all_minima(folder):
    save(folder / "a.xyz", random_starts("X6", 1, 0, 0.7))
    options = ["--optimizer", "mine.h5", "--trajectories", "8", "--steps", "10", "--hops", "2", "--all-minima"]
    done = run(folder, "minimize", "a.xyz", *options, "--json")
    assert done.code == 0
    assert "7 to 9 atoms of X, not 6" in done.err
    from ase.io import read

    minima = read(folder / "a.minima.xyz", index=":")
    energies = [atoms.get_potential_energy() for atoms in minima]
    assert energies == sorted(energies)
    assert len(minima) > 1
    assert (np.diff(energies) > 1e-6).all()
    assert energies[0] == pytest.approx(done.records[0]["energy"], abs=1e-6)


def test_what_cannot_be_searched_is_left_to_the_plain_way(folder):
    for positions in ([[0, 0, 0]], [[0, 0, 0], [1.2, 0, 0]]):
        result = clusteropt.minimize(clusteropt_atoms(np.array(positions, float)), optimizer=str(folder / "mine.h5"))
        assert (result.won, result.status) == ("fallback", "converged")
        assert result.n_evaluations < 60
    save(folder / "a.xyz", random_starts("X5", 1, 0, 0.7))
    for option in (["--hops", "3"], ["--start", "random"], ["--all-minima"]):
        refused = run(folder, "minimize", "a.xyz", "--optimizer", "lbfgs", *option)
        assert (refused.code, "needs a learned optimizer" in refused.err) == (2, True)
    unknown = run(folder, "optimizers", "show", "lerned")
    assert (unknown.code, "did you mean 'learned'?" in unknown.err) == (2, True)


def test_given_starts_are_the_structure_others_near_it_and_others_anywhere():
    from clusteropt.search.chain_starts import chain_starts
    from clusteropt.settings.method import SearchSettings

    structure, chosen = starts(1)[0][0], SearchSettings(chains=6)
    made = [start.positions for start in chain_starts([structure], LJ, chosen)[0]]
    np.testing.assert_array_equal(made[0], structure.positions)
    far = [np.linalg.norm(x - structure.positions, axis=1).max() / LJ.length for x in made]
    assert all(0 < far[k] <= 0.4 for k in (1, 3, 5))
    assert all(far[k] > 0.4 for k in (2, 4))
    fixed = structure._replace(free=np.arange(N) > 0)
    for name in ("given", "perturbed", "random"):
        some, keys = chain_starts([structure, fixed], LJ, dataclasses.replace(chosen, start=name))
        assert all((start.positions[0] == fixed.positions[0]).all() for start in some[6:])
        alone, own = chain_starts([fixed], LJ, dataclasses.replace(chosen, start=name))
        np.testing.assert_array_equal(own, keys[6:])
        np.testing.assert_array_equal([x.positions for x in alone], [x.positions for x in some[6:]])
