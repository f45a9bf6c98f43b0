"""The measurement of the adaptive search: what counts as a hit, what is counted, and when it ends."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusteropt.clusters.arrays import Structure
from clusteropt.engine.step import Status
from clusteropt.evaluation import adaptive
from clusteropt.evaluation.adaptive import kit_for, measure
from clusteropt.evaluation.score import Score, median_until
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.evaluation.target import target_for
from clusteropt.exploration.exploring import Exploration, Round
from clusteropt.optimizers.learned import weights
from clusteropt.runtime import host
from clusteropt.search.minimum import Minimum, invalid

TARGET = target_for("X7")
LOWEST, OTHER = TARGET.best_known, TARGET.best_known + 0.57  # two of the four minima
N_SEATS = 64
STILL = Structure(np.zeros((7, 3)), np.zeros(7, np.int32), np.ones(7, bool))
NOWHERE = invalid(STILL, "")._replace(status=Status.CONVERGED)
NOT_TIMES = [name for name in Score._fields if not name.startswith("seconds")]


class Scripted:
    """Explorations whose chains come where the script says: for each round (chain, hits, alone)."""

    def __init__(self, *rounds: list[tuple[int, bool, bool]]) -> None:
        self.rounds, self.seeds, self.drained = rounds, [], []

    def __call__(self, kit, given=(), n_seats=N_SEATS):
        self.seeds.append(kit.seed)
        return _Running(self)


class _Running:
    def __init__(self, script: Scripted) -> None:
        self._script, self.n_evaluations, self.draining = script, 0, False

    def arrived(self, serials, lower):
        assert not lower

    def __iter__(self):
        for visits in self._script.rounds:
            self._script.drained.append(self.draining)
            self.n_evaluations += 100
            serials, hits, alone = (np.array(column) for column in zip(*visits, strict=True))
            low = LOWEST - 1e-8 * self.n_evaluations  # quenches end a little lower or higher each time
            yield Round(serials, ["start"] * len(hits), np.where(hits, 0.0, 1.0), np.where(hits, low, OTHER), alone)


def polished(composition, ends) -> list[Minimum]:
    return [NOWHERE._replace(energy=OTHER if end else LOWEST, n_evaluations=7) for end in ends]


@pytest.fixture
def counted(monkeypatch):
    def count(*rounds, **changes) -> tuple[Score, Scripted]:
        script = Scripted(*rounds)
        monkeypatch.setattr(adaptive, "Exploration", script)
        monkeypatch.setattr(adaptive, "polished", polished)
        monkeypatch.setattr(adaptive, "warm_up", lambda kit: None)
        return measure(TARGET, None, EvaluationSettings(**changes)), script

    return count


def test_a_chain_hits_once_and_a_dependent_one_only_where_it_is_the_first(counted):
    both = [(0, True, True), (1, True, False), (2, False, True)]
    assert counted(both, both, both, hits=1)[0].n_hits == 1, "chain 1 has taken parts of the lowest minimum"
    later = [[(0, False, True), (1, True, False)], [(0, True, True), (1, True, False)], [(2, True, False)]]
    assert counted(*later, hits=2)[0].n_hits == 2, "chain 1, as the first, and chain 0"


def test_chains_go_on_to_their_ends_after_the_hits_and_everything_is_counted(counted):
    score, script = counted([(0, True, True), (1, False, True)], [(1, False, True)], [(1, True, True)], hits=1)
    assert script.drained == [False, True, True]
    assert (score.n_hits, score.n_chains, score.n_cut, score.n_searches) == (2, 2, 0, 1)
    assert score.n_evaluations == 300 + 2 * 7, "two were polished, each once"
    assert (score.ended_by, score.evaluations_to_first, score.median_gap) == ("hits", 107, 0)


def test_searches_with_the_next_seeds_follow_until_there_are_enough_hits(counted):
    score, script = counted([(0, True, True), (1, False, True)], hits=3, seed=5)
    assert script.seeds == [5, 6, 7]
    assert (score.n_hits, score.n_chains, score.n_searches, score.evaluations_to_first) == (3, 6, 3, 107)
    assert score.evaluations_per_hit == 107


def test_a_limit_cuts_chains_off_and_they_are_not_counted_as_ended(counted):
    score, _ = counted([(0, False, True), (1, False, True)], [(1, False, True), (2, False, True)], evaluations=150)
    assert (score.n_hits, score.n_chains, score.n_cut, score.ended_by) == (0, 1, 2, "evaluations")
    assert score.evaluations_per_hit == score.evaluations_to_first == math.inf
    assert score.median_gap == pytest.approx(0.57)


@pytest.fixture(scope="module")
def few_seats():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptive, "N_SEATS", N_SEATS)
        patch.setattr(adaptive, "Exploration", lambda kit, n_seats=N_SEATS: Exploration(kit, n_seats=n_seats))
        yield


def test_a_real_search_repeats_for_a_seed_and_its_counts_add_up(few_seats):
    def score(seed: int) -> Score:
        return measure(TARGET, weights.named("learned"), EvaluationSettings(hits=5, seed=seed))

    one, again, other = score(0), score(0), score(1)
    assert [getattr(one, name) for name in NOT_TIMES] == [getattr(again, name) for name in NOT_TIMES]
    assert one.n_evaluations != other.n_evaluations
    assert 5 <= one.n_hits <= one.n_chains
    assert (one.n_cut, one.ended_by) == (0, "hits")
    assert one.n_chains <= one.evaluations_to_first <= one.n_evaluations
    assert 0 < one.seconds_to_first <= one.seconds


def test_chains_that_ended_and_chains_cut_off_are_all_that_began(few_seats):
    never = TARGET._replace(best_known=-100.0)
    score = measure(never, None, EvaluationSettings(evaluations=20_000, seed=3))
    with host.double_precision():
        rounds, begun = Exploration(kit_for(never, None, 3), n_seats=N_SEATS), set()
        while rounds.n_evaluations < score.n_evaluations:
            begun |= {*next(rounds).serials.tolist()}
    assert rounds.n_evaluations == score.n_evaluations, "nothing is near, and nothing is polished"
    assert score.n_chains + score.n_cut == len(begun)
    assert score.ended_by == "evaluations"
    assert 20_000 <= score.n_evaluations < 20_000 + N_SEATS * 500


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=9))
def test_without_limits_the_median_is_the_usual_one(values):
    assert median_until(values, [True] * len(values)) == pytest.approx(np.median(values))


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=9, unique=True).filter(lambda values: len(values) % 2))
def test_searches_cut_off_above_the_median_do_not_move_it(values):
    middle = float(np.median(values))
    assert median_until(values, [value <= middle for value in values]) == middle
    assert median_until(values, [value < middle for value in values]) == math.inf


def test_a_search_that_was_cut_off_early_counts_as_unknown():
    assert median_until([10, 20, 30, 1], [True, True, True, False]) == 20
