"""Explorations and searches as a whole: repeatable to the bit, all is counted, and the rules end them as they say."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest
from helpers import CASES, structure, values

from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.exploring import Exploration, Round
from clusteropt.exploration.kinds import STARTS
from clusteropt.exploration.limits import Limits, Progress
from clusteropt.exploration.records import PATIENCES
from clusteropt.exploration.searching import Search
from clusteropt.exploration.seats import N_SEATS
from clusteropt.io.best_known import best_known
from clusteropt.optimizers.learned.weights import named
from clusteropt.potentials import sets
from clusteropt.search.styles import MOVES

LJ = sets.load("lj").potential(("X",))
X7 = (-16.505384, -15.935043, -15.593211, -15.533060)
ALLOY = Composition(("Ag",) * 4 + ("Cu",) * 3, CASES["gupta-cutoff"].potential)


def kit(n_atoms: int = 7, seed: int = 0, learned: bool = True) -> Kit:
    return Kit(Composition(("X",) * n_atoms, LJ), named("learned") if learned else None, seed)


def digest(rounds: Iterable[Round]) -> str:
    """A hash of every bit of the rounds."""
    sums = hashlib.sha256()
    for own in rounds:
        sums.update("".join(own.origins).encode())
        for array in (own.serials, own.positions, own.energy, own.alone):
            sums.update(np.ascontiguousarray(array).tobytes())
    return sums.hexdigest()


@cache
def digest_of(seed: int) -> str:
    return digest(islice(Exploration(kit(seed=seed)), 16))


def test_the_seed_decides_every_bit():
    assert digest(islice(Exploration(kit()), 16)) == digest_of(0) != digest_of(1)


def test_the_number_of_devices_does_not_change_a_bit():
    code = (
        "from clusteropt.runtime import host; host.prepare(1); import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_exploration_rounds import digest_of; print(digest_of(0))"
    )
    done = subprocess.run([sys.executable, "-c", code, __file__.rpartition("/")[0]], capture_output=True, text=True)
    assert done.stdout.strip() == digest_of(0), done.stderr


@pytest.mark.parametrize("composition", [kit().composition, ALLOY], ids=["LJ7", "Ag4Cu3"])
def test_every_visit_has_the_energy_of_its_positions_and_the_atoms_of_the_composition(composition):
    run = Exploration(Kit(composition, None, 0))
    for own in islice(run, 10):
        there = np.flatnonzero(np.isfinite(own.energy))
        known = [structure(own.positions[:, :7, k].T, composition.species) for k in there]
        energies = [each.energy for each in values(composition.potential, known)]
        assert np.allclose(own.energy[there], energies, rtol=1e-4, atol=1e-4 * composition.potential.energy)
        assert not own.positions[:, 7:].any()
        assert len({*own.serials.tolist()}) == len(own.serials)
    clusters = run.chains.clusters
    assert (np.asarray(clusters.species)[:7] == composition.species[:, None]).all()
    assert (np.asarray(clusters.mask).sum(0) == 7).all()


@pytest.mark.parametrize("learned", [True, False])
def test_every_evaluation_is_counted_once(learned):
    run = Exploration(kit(learned=learned))
    next(run)
    assert run.n_evaluations == run.chains.n_evaluations.sum()
    for _ in range(15):
        before, chains, serials = run.n_evaluations, run.chains.n_evaluations.copy(), run.lives.serials.copy()
        next(run)
        old = np.where(run.lives.serials == serials, chains, 0)
        assert run.n_evaluations - before == (run.chains.n_evaluations - old).sum()
    own = run.records.spent.sum() + run.lives.costs[~run.lives.vacant].sum()
    assert run.cost == pytest.approx(own)
    assert run.by_style.sum() == pytest.approx(run.cost)
    assert run.cost > run.n_evaluations if learned else run.cost == run.n_evaluations


def test_an_exploration_that_drains_begins_nothing_and_ends():
    run = Exploration(kit(learned=False))
    _ = [*islice(run, 12)]
    run.draining, begun = True, run.n_begun
    last = [*islice(run, 2000)]
    assert run.n_begun == begun > N_SEATS
    assert 0 < len(last) < 2000
    assert run.lives.vacant.all()
    assert len(run.records.ends) == begun
    sizes = [len(own.serials) for own in last]
    assert sizes == sorted(sizes, reverse=True)
    assert not [*run]


def test_chains_end_when_their_patience_is_over():
    run = Exploration(kit(learned=False))
    for _ in islice(run, 40):
        going = ~run.lives.vacant
        assert (run.chains.n_idle[going] < run.lives.limits[going]).all()
    assert (run.records.lowest[0] >= run.records.ends - 1e-9).all()
    spent = np.where(np.isnan(run.records.costs), 0, run.records.costs)
    assert (spent <= run.records.spent + 1e-9).all()
    assert not (run.records.costs[1:] < run.records.costs[:-1]).any()


@pytest.mark.parametrize("lower", [True, False])
def test_chains_that_arrive_end_and_only_the_first_discoverer_goes_on(lower):
    run = Exploration(kit(learned=False))
    own = [*islice(run, 4)][-1]
    arrived, known, alone = own.serials[::50].tolist(), len(run.records.ends), run.lives.alone.copy()
    seats = [int(np.flatnonzero((run.lives.serials == serial) & ~run.lives.vacant)[0]) for serial in arrived]
    ended = sorted(seats[1:] if lower else seats)
    limits = run.lives.limits[ended]
    run.arrived(arrived, lower)
    assert run.n_best == alone[seats].sum()
    assert np.flatnonzero(run.lives.vacant).tolist() == ended
    records = run.records.costs[:, known:]
    assert records.shape[1] == len(ended)
    filled = ~np.isnan(records)
    assert (filled == (PATIENCES[:, None] <= limits)).all(0).all()


@pytest.mark.parametrize(("n_atoms", "energy"), [(2, -1.0), (3, -3.0), (4, -6.0)])
@pytest.mark.parametrize("learned", [True, False])
def test_the_smallest_clusters_are_searched_too(n_atoms, energy, learned):
    search = Search(kit(n_atoms, learned=learned), Limits(confirm=3))
    last = [*islice(search, 50)][-1]
    assert (last.lowest, search.stopped_by) == (pytest.approx(energy, abs=1e-8), "confirmed")


def test_every_round_names_how_its_minima_were_come_to():
    words = {word for own in islice(Exploration(kit()), 12) for word in own.origins}
    assert {"learned symmetric start", "learned random start", "symmetric start", "random start"} <= words
    assert words <= {*MOVES, *(start.words for start in STARTS)}
    assert "exchange" not in words
    alloy = {word for own in islice(Exploration(Kit(ALLOY, None)), 12) for word in own.origins}
    assert "exchange" in alloy
    assert not {word for word in alloy if "learned" in word}


def test_chains_with_parts_of_the_lowest_minimum_are_not_alone():
    spliced, dependent = set(), set()
    for own in islice(Exploration(kit(learned=False)), 30):
        marked = [k for k, word in enumerate(own.origins) if word == "cut and splice"]
        spliced |= {*own.serials[marked].tolist()}
        assert own.alone[~np.isin(own.serials, [*spliced])].all()
        dependent |= {*own.serials[~own.alone].tolist()}
    assert dependent


def test_parents_at_the_lowest_minimum_are_not_alone_and_a_lower_one_frees_all_chains():
    rounds = Exploration(kit(learned=False))
    next(rounds)
    own = rounds._parents()
    low = np.sort(rounds.chains.lowest_energy)[: len(own.alone)]
    assert own.alone.tolist() == (low > rounds.lowest + 0.02).tolist()
    rounds.lives.alone[:] = False
    assert not rounds._parents().alone.any()
    rounds.lowest += 1.0  # as if all minima so far had been higher
    next(rounds)
    assert rounds.lives.alone.any()


def test_given_structures_are_the_first_starts_and_confirm_nothing():
    places = np.random.default_rng(0).normal(size=(3, 7, 3))
    own = next(Exploration(kit(learned=False), given=places))
    assert own.origins[:4] == ["given structure"] * 3 + [own.origins[3]]
    assert own.origins[3] != "given structure"
    assert own.alone.tolist() == [False] * 3 + [True] * (len(own.alone) - 3)


def shown(search: Search) -> list[Progress]:
    """The progress of a search to its end, without times."""
    return [progress._replace(seconds=0) for progress in search]


def test_a_limit_of_evaluations_cuts_the_same_search_short():
    long, short = Search(kit(), Limits(evaluations=150000)), Search(kit(), Limits(evaluations=60000))
    whole, part = shown(long), shown(short)
    assert short.stopped_by == long.stopped_by == "evaluations"
    assert part[:-1] == whole[: len(part) - 1]
    assert part[-1].n_evaluations >= 60000 > part[-2].n_evaluations
    assert shown(Search(kit(), Limits(evaluations=60000))) == part
    assert all(
        one.minimum.energy == pytest.approx(energy, abs=1e-6) for one, energy in zip(long.pool.found, X7, strict=False)
    )


def test_a_target_ends_the_search_in_the_round_that_reaches_it():
    search = Search(kit(), Limits(target=X7[1] + 1e-6))
    told = shown(search)
    assert search.stopped_by == "target"
    assert told[-1].lowest <= X7[1] + 1e-6 < min([one.lowest for one in told[:-1]], default=np.inf)


def test_the_rule_stops_at_the_lowest_minimum_of_thirteen_atoms():
    search = Search(kit(13), Limits(confirm=5))
    last = shown(search)[-1]
    assert search.stopped_by == "confirmed"
    assert last.lowest == pytest.approx(-44.326801, abs=1e-6)
    assert last.n_reached >= 5
    assert last.missed <= 0.1
    assert search.pool.found[0].n_alone == last.n_reached <= search.pool.found[0].n_reached


def test_known_minima_confirm_nothing():
    first = Search(kit(), Limits(evaluations=1))
    _ = shown(first)
    known = [one._replace(n_reached=0, n_alone=0) for one in first.pool.found]
    again = Search(replace(kit(), seed=1), Limits(confirm=5), known=known)
    told = shown(again)
    assert again.stopped_by == "confirmed"
    assert len(known) > 1
    assert again.pool.found[0].minimum.energy == known[0].minimum.energy
    assert told[-1].n_reached >= 5


@pytest.mark.slow
def test_the_rule_stops_at_the_best_known_minimum_of_nearly_all_small_clusters():
    """Of 7 to 30 Lennard-Jones atoms, two seeds each: in 95 of 100 searches at least."""
    right = []
    for seed in range(2):
        for n in range(7, 31):
            search = Search(kit(n, seed), Limits(seconds=120, confirm=5))
            last = [*search][-1]
            right.append(search.stopped_by == "confirmed" and last.lowest < best_known(LJ, ("X",) * n) + 1e-5)
    assert np.mean(right) >= 0.95
