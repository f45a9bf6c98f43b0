"""The laws of the adaptive search's parts: choices, records, splices, the pool, the chance of a missed minimum."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minima import SYMBOLS, found, turned

from clusteropt.engine.step import Status
from clusteropt.exploration import choice, records, splice
from clusteropt.exploration.choice import Gain
from clusteropt.exploration.composition import Composition
from clusteropt.exploration.confidence import LOWEST, missed
from clusteropt.exploration.pool import Pool, Sighting
from clusteropt.exploration.records import N_RANKS, PATIENCES, Marks, Records
from clusteropt.potentials import sets
from clusteropt.search.styles import STYLES

LJ7 = Composition(SYMBOLS, sets.load("lj").potential(("X",)))
seeds = st.integers(0, 2**32 - 1)


def shares_drawn(gain: Gain, floors: np.ndarray, ceilings: np.ndarray, n: int = 300) -> np.ndarray:
    """How often each kind was drawn, where every draw costs the same."""
    rng, spent = np.random.default_rng(0), np.zeros(len(floors))
    for _ in range(n):
        spent[choice.drawn(rng, gain, spent, floors, ceilings)] += 1
    return spent / n


@given(seeds, st.integers(2, 6))
def test_no_kind_gets_less_than_its_floor_or_more_than_its_ceiling(seed, n_kinds):
    rng = np.random.default_rng(seed)
    gain = Gain(rng.integers(0, 50, n_kinds).astype(float), rng.uniform(1, 1e4, n_kinds))
    floors = rng.dirichlet(np.ones(n_kinds)) * rng.uniform(0, 0.9)
    ceilings = np.where(np.arange(n_kinds) == rng.integers(n_kinds), 1, floors + rng.uniform(0.05, 0.5, n_kinds))
    shares = shares_drawn(gain, floors, ceilings)
    assert (shares >= floors - n_kinds / 300).all()
    assert (shares <= ceilings + 1 / 300).all()


@given(st.integers(0, 3), st.floats(1, 1e6))
def test_the_kind_that_brings_more_for_its_cost_is_preferred_in_any_unit_of_cost(better, unit):
    successes, costs = np.full(4, 3.0), np.full(4, 1000 * unit)
    successes[better] = 40
    assert shares_drawn(Gain(successes, costs), np.zeros(4), np.ones(4))[better] > 0.95
    dear = costs * np.where(np.arange(4) == better, 1, 20)
    assert shares_drawn(Gain(np.full(4, 40.0), dear), np.zeros(4), np.ones(4))[better] > 0.95


def test_what_is_not_known_is_tried():
    gain = Gain(np.array([5.0, 0.0]), np.array([1000.0, 0.0]))
    assert 0.1 < shares_drawn(gain, np.zeros(2), np.ones(2))[1] < 0.9


def followed(seed: int, n: int, gain: float, until: int = 16) -> Records:
    """Chains that start at random energies in [0, 1], of which hops lower some by 1; followed to a patience `until`.

    The part `gain` of them comes lower in the portion of each patience. A minimum costs 30, a hop 10.
    """
    rng = np.random.default_rng(seed)
    energies = rng.uniform(size=n) - (rng.uniform(size=(len(PATIENCES), n)) < gain).cumsum(0)
    costs = np.where(until < PATIENCES, np.nan, 30.0 + 10 * PATIENCES)[:, None] + np.zeros(n)
    lowest = np.where(np.isnan(costs), np.nan, np.where(PATIENCES[:, None] > 0, energies, energies[:1] % 1))
    last = int(np.flatnonzero(until == PATIENCES)[0])
    kinds, styles, ranks = np.zeros(n, int), rng.integers(len(STYLES), size=n), rng.integers(N_RANKS, size=n)
    return Records(kinds, styles, ranks, lowest[last], costs[last], lowest, costs)


def patiences(seed: int, known: Records, ceiling: float, n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    own = rng.integers(len(STYLES), size=n), rng.integers(N_RANKS, size=n)
    return choice.patience(rng, choice.rule(known, ceiling), *own)


@given(seeds)
def test_chains_end_at_once_where_hops_bring_nothing_and_go_on_where_they_do(seed):
    vain, useful = followed(seed, 800, gain=0.0), followed(seed, 800, gain=0.2)
    assert (patiences(seed, vain, ceiling=0.05) == 0).mean() > 0.6
    assert (patiences(seed, useful, ceiling=0.0) == 0).mean() < 0.2


@given(seeds, st.sampled_from([1, 4, 16, 64]), st.floats(0, 0.3))
def test_no_patience_is_bought_that_no_chain_was_followed_through(seed, until, gain):
    assert patiences(seed, followed(seed, 300, gain, until), ceiling=0.05).max() <= until


@given(seeds, st.floats(0, 0.3), st.floats(0.01, 1e4))
def test_patience_does_not_depend_on_the_unit_of_cost(seed, gain, unit):
    known = followed(seed, 300, gain)
    scaled = known._replace(spent=known.spent * unit, costs=known.costs * unit)
    same = patiences(seed, known, 0.05) == patiences(seed, scaled, 0.05)
    assert same.mean() > 0.98  # but for rounding


def test_without_records_chains_have_the_patience_of_their_style():
    styles = np.arange(len(STYLES))
    known = choice.rule(records.none(), np.inf)
    assert choice.patience(np.random.default_rng(0), known, styles, 0 * styles).tolist() == [s.patience for s in STYLES]


@given(st.lists(st.floats(-50, 0), max_size=400))
def test_the_threshold_is_the_energy_of_one_chain_in_a_hundred_but_of_four_to_twelve(energies):
    own = np.array(energies)
    limit = choice.threshold(own)
    assert (
        limit == choice.threshold(own[::-1]) == (np.inf if len(own) < 4 else np.sort(own)[max(4, len(own) // 100) - 1])
    )
    assert len(own) < 4 or choice.threshold(np.tile(own, 1000)) == np.sort(np.tile(own, 1000))[11]


def lived(steps: Sequence[bool], limit: int) -> tuple[Marks, float, int]:
    """The marks of a chain that finds lower minima at the steps, its lowest energy, and the cost at which `limit` ends it."""
    marks, seat = Marks(3), np.array([1])
    marks.begin(seat)
    energy, idle, cost = 0.0, -1, 0
    for lower in [True, *steps]:
        energy, idle, cost = (energy - 1, 0, cost + 7) if lower else (energy, idle + 1, cost + 10)
        marks.note(seat, np.array([idle]), np.array([energy]), np.array([float(cost)]))
        if idle >= limit:
            break
    return marks, energy, cost


@given(st.lists(st.booleans(), max_size=60), st.sampled_from([0, 1, 2, 4, 8]))
def test_a_chain_that_was_followed_longer_tells_what_one_that_was_ended_would_have_told(steps, limit):
    steps = steps + [False] * 32
    long, _, _ = lived(steps, 32)
    short, energy, cost = lived(steps, limit)
    rows = limit >= PATIENCES
    assert np.array_equal(long.costs[rows], short.costs[rows], equal_nan=True)
    assert np.array_equal(long.lowest[rows], short.lowest[rows], equal_nan=True)
    own = np.flatnonzero(limit == PATIENCES)[0]
    assert (long.lowest[own, 1], long.costs[own, 1]) == (energy, cost)
    assert np.isnan(short.costs[~rows]).all()
    assert np.isnan(long.costs[:, [0, 2]]).all()


@given(st.lists(st.booleans(), max_size=20), st.sampled_from([4, 16, 64]))
def test_a_chain_at_the_lowest_minimum_tells_of_patiences_up_to_its_limit(steps, limit):
    marks, energy, cost = lived([*steps, True], 128)
    before = marks.costs[:, 1].copy()
    marks.ended(np.array([1]), np.array([limit]), np.array([energy]), np.array([float(cost)]))
    after, known = marks.costs[:, 1], ~np.isnan(before)
    assert np.array_equal(after[known], before[known])
    assert (after[~known & (limit >= PATIENCES)] == cost).all()
    assert np.isnan(after[~known & (limit < PATIENCES)]).all()
    assert np.array_equal(np.isnan(marks.lowest), np.isnan(marks.costs))


def test_a_chain_that_begins_forgets_the_one_before():
    marks, _, _ = lived([False] * 4, 4)
    marks.begin(np.array([1]))
    assert np.isnan(marks.costs).all()
    assert np.isnan(marks.lowest).all()


def test_the_last_records_are_kept():
    some = followed(0, 3000, 0.1)
    whole = records.joined(records.joined(records.none(), some), followed(1, 3000, 0.1))
    assert len(whole.ends) == whole.costs.shape[1] == 4096
    assert np.array_equal(whole.ends[:1096], some.ends[-1096:])


def spliced_one(rng: np.random.Generator, one: np.ndarray, other: np.ndarray, species: np.ndarray) -> np.ndarray:
    """The second of two splices that are made together; both are as if each were made alone."""
    draws = rng.uniform(size=(splice.N_DRAWS, 2))
    above, below = (np.stack([a[::-1], a]).transpose(2, 1, 0) for a in (one, other))
    both = splice.spliced(draws, above, below, species)
    alone = splice.spliced(draws[:, 1:], above[..., 1:], below[..., 1:], species)
    np.testing.assert_array_equal(alone[..., 0], both[..., 1])
    return both[..., 1].T


def test_splices_turn_clusters_by_all_rotations_alike():
    n = 20_000
    draws, axes = np.random.default_rng(0).uniform(size=(3, n)), np.repeat(np.eye(3)[..., None], n, -1)
    balanced = np.concatenate([axes, -axes], 1)  # the centre stays
    turned_axes = splice._turned(draws, balanced)[:, :3]
    assert np.linalg.det(turned_axes.transpose(2, 0, 1)) == pytest.approx(np.ones(n))
    entries = turned_axes.reshape(9, n)
    np.testing.assert_allclose(entries.mean(1), np.zeros(9), atol=0.02)
    np.testing.assert_allclose(entries @ entries.T / n, np.eye(9) / 3, atol=0.02)  # the moments of Haar's measure


@given(seeds, st.integers(2, 40), st.integers(1, 3))
def test_a_splice_takes_atoms_of_both_once_each_and_keeps_the_composition(seed, n, n_species):
    rng = np.random.default_rng(seed)
    species = rng.integers(n_species, size=n)
    one, other = rng.normal(size=(2, n, 3))
    child = spliced_one(rng, one, other, species)
    radii = [np.linalg.norm(a - a.mean(0), axis=1) for a in (one, other)]
    own = np.abs(
        np.concatenate(radii) - np.linalg.norm(child, axis=1)[:, None]
    )  # turning keeps distances from the centre
    parents = own.argmin(1)
    assert child.shape == (n, 3)
    assert own.min(1).max() < 1e-9
    assert len({*parents.tolist()}) == n
    assert np.array_equal(np.tile(species, 2)[parents], species)
    n_one = int((parents < n).sum())
    assert 0.2 * n - 1 < n_one < 0.8 * n + 1
    assert 0 < n_one < n


@given(seeds, st.integers(4, 30))
def test_the_parts_of_a_splice_are_whole_and_lie_on_two_sides_of_a_plane_in_their_clusters(seed, n):
    rng = np.random.default_rng(seed)
    one, other = (a - a.mean(0) for a in rng.normal(size=(2, n, 3)))
    child = spliced_one(rng, one, other, np.zeros(n, int))
    for parent, rest, up in ((one, other, 1), (other, one, -1)):
        radii = np.linalg.norm(np.concatenate([parent, rest]), axis=1)
        match = np.abs(radii - np.linalg.norm(child, axis=1)[:, None]).argmin(1)
        own = np.flatnonzero(match < n)
        turn = np.linalg.lstsq(parent[match[own]], child[own])[0]
        assert np.allclose(parent[match[own]] @ turn, child[own])
        if len(own) > 2:  # the turn is known, and with it where the atoms were that are left out
            heights = up * (parent @ turn)[:, 2]
            assert np.delete(heights, match[own]).max() < heights[match[own]].min()


def sightings(seed: int, n: int) -> list[Sighting]:
    """Copies of 12 minima, each found by some of 20 chains, some several times by one."""
    rng = np.random.default_rng(seed)
    numbers = [(int(rng.integers(12)), int(rng.integers(20))) for _ in range(n)]
    return [Sighting(turned(found(m), k).minimum, s, s % 2 == 0, "", 10 * k, k) for k, (m, s) in enumerate(numbers)]


def told(pool: Pool) -> list[tuple[float, int, int]]:
    return [(round(one.minimum.energy, 4), one.n_reached, one.n_alone) for one in pool.found]


@given(seeds, st.integers(3, 12))
@settings(max_examples=5)
def test_a_pool_holds_the_lowest_distinct_minima_whatever_the_order_and_counts_each_chain_once(seed, keep):
    seen = sightings(seed, 80)
    chains = {round(e, 2): {s.serial for s in seen if abs(s.minimum.energy - e) < 1e-3} for e in energies_of(seen)}
    lowest = sorted(chains)[:keep]
    for order in (range(80), np.random.default_rng(seed).permutation(80)):
        pool = Pool(LJ7, keep)
        for k in order:
            pool.add(seen[k])
        own = [(e, len(chains[e]), sum(s % 2 == 0 for s in chains[e])) for e in lowest]
        assert [one[0] for one in told(pool)] == lowest
        assert (
            told(pool)[: len(lowest) - 1] == own[:-1]
        )  # copies above the last, by the noise of energies, are not counted
        assert pool.lowest == pool.found[0].minimum.energy
        assert pool.ceiling == (pool.found[-1].minimum.energy if len(lowest) == keep else np.inf)


def energies_of(seen: Sequence[Sighting]) -> list[float]:
    return [one.minimum.energy for one in seen]


def sighted(one, serial: int = 0, **changes) -> Sighting:
    return Sighting(one.minimum._replace(**changes), serial, True, "random start", 500, 0.5)


def test_other_minima_of_the_same_energy_are_apart_and_copies_are_not():
    pool, one, other = Pool(LJ7, 10), found(3), found(4)
    first = pool.add(sighted(one))
    second = pool.add(sighted(other, energy=one.minimum.energy))
    assert first != second
    assert pool.add(sighted(turned(one, 7, mirrored=True), 1)) == first
    assert sorted(one.n_reached for one in pool.found) == [1, 2]


def test_known_minima_are_there_from_the_start_and_take_the_words_of_who_reaches_them():
    known = [found(k, n_reached=0, origin="another search") for k in range(3)]
    pool = Pool(LJ7, 10, known)
    assert told(pool) == [(-20.0 + 0.01 * k, 0, 0) for k in range(3)]
    assert pool.add(sighted(turned(known[1], 5))) == 1
    assert [one.n_reached for one in pool.found] == [0, 1, 0]
    own = pool.found[1]
    assert (own.origin, own.n_evaluations, pool.found[0].origin) == ("random start", 500, "another search")


@pytest.mark.parametrize("status", [each for each in Status if each != Status.CONVERGED])
def test_a_minimum_that_has_not_converged_leaves_no_trace(status):
    pool = Pool(LJ7, 10)
    assert pool.add(sighted(found(0), status=status)) is None
    assert (pool.found, pool.lowest, pool.number) == ([], np.inf, -1)


def test_the_chance_of_a_missed_minimum_is_one_where_nothing_was_found_and_small_after_many_repeats():
    assert missed([]) == 1.0
    assert missed([found(k, n_reached=0) for k in range(3)]) == 1.0
    often = [found(k)._replace(n_alone=n) for k, n in enumerate([50, 30, 20])]
    assert missed(often) == pytest.approx(1 / 102)
    assert all(0 < missed(often[:k]) <= 1 for k in range(1, 4))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=15), st.integers(0, 14))
def test_a_chain_that_comes_again_to_a_minimum_found_twice_makes_a_miss_less_likely(counts, at):
    at = at % len(counts)
    before = [found(k)._replace(n_alone=n) for k, n in enumerate(counts)]
    after = [one._replace(n_alone=max(one.n_alone, 2) + (k == at)) for k, one in enumerate(before)]
    assert missed(after) <= missed(before)


@pytest.mark.parametrize("falls", [0.5, 0.7, 0.85, 1.0])
@pytest.mark.parametrize("n_draws", [6, 20, 60])
def test_the_estimate_is_in_the_mean_near_the_true_chance_and_rather_above(falls, n_draws):
    """Chains end in one of 20 minima; that of number k is `falls` times as likely as the one before, the lowest is anywhere."""
    rng, each = np.random.default_rng(0), []
    for _ in range(300):
        chances = rng.permutation(falls ** np.arange(20))
        chances /= chances.sum()
        counts = rng.multinomial(n_draws, chances)
        seen = np.flatnonzero(counts)[:LOWEST]
        low = np.arange(20) <= seen[-1]
        own = [found(0)._replace(n_alone=int(counts[k])) for k in seen]
        each.append((missed(own), chances[low & (counts == 0)].sum() / chances[low].sum()))
    estimate, truth = np.mean(each, 0)
    assert truth <= estimate <= 2.5 * truth + 3 / (n_draws + 2)
