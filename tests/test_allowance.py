"""The evaluations that moves of a search by a calculator share: never more than are left, whatever begins and ends when."""

import math

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clusteropt.potentials.calculators.allowance import FAIR, Allowance

ENOUGH = 60  # evaluations that a move gets, where so many are free
N_LANES = 5
_LANE = st.integers(0, N_LANES - 1)


class Searched(RuleBasedStateMachine):
    """A search with moves under way that begin, make evaluations, end and are dropped, and polishing that takes its own."""

    @initialize(left=st.integers(1, 300) | st.integers(300, 10_000))
    def begin_search(self, left: int) -> None:
        self.limit = self.left = left
        self.allowance = Allowance(left)
        self.under_way: list[tuple[np.ndarray, np.ndarray]] = []  # promised, made
        self.made = self.longest = 0  # of moves that have ended

    @precondition(lambda self: self.allowance.free >= 1)
    @rule(
        used=_LANE.map(lambda k: [k]) | st.lists(_LANE, min_size=1, unique=True).map(sorted),
        limit=st.sampled_from([5000, 5000, 1, 30, 200]),
    )
    def begin(self, used: list[int], limit: int) -> None:
        free, limits = self.allowance.free, np.full(N_LANES, limit)
        most = self.allowance.shares(limits, np.array(used))
        given = np.array([most[k] for k in used])
        assert (most >= 0).all()
        assert (most <= limits).all()
        assert most.sum() == given.sum() <= free, "who is not used gets nothing"
        assert given[0] >= min(free, ENOUGH, limit)
        n = np.count_nonzero(given)
        assert (given[:n] == given[0]).all(), "all get the same, and where there are too few, the first ones get theirs"
        if limit > self.limit:
            rest = free - given.sum()
            assert rest < n or rest >= FAIR, "what is no use to another is not left over"
            most_of_one = max(ENOUGH, free / 8, min(free / 2, 1.5 * self.longest or free / 2))
            assert len(used) > 1 or given[0] <= most_of_one + FAIR
        self.under_way.append((most, np.zeros_like(most)))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def evaluate(self, data: st.DataObject) -> None:
        most, made = data.draw(st.sampled_from(self.under_way))
        made[:] = np.minimum(most, made + data.draw(st.integers(0, 300)))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        most, made = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.allowance.end(most, made)
        self.left -= made.sum()
        self.made, self.longest = self.made + made.sum(), max(self.longest, made.max())

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        most, made = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.allowance.end(most, np.zeros_like(made))

    @rule(part=st.floats(0, 1))
    def polish(self, part: float) -> None:
        self.left -= int(part * self.allowance.free)
        self.allowance.left = self.left

    @invariant()
    def no_more_is_promised_than_is_left(self) -> None:
        promised = sum(most.sum() for most, _ in self.under_way)
        assert (self.allowance.left, self.allowance.held) == (self.left, promised)
        assert 0 <= promised <= self.left
        assert self.made + promised <= self.limit
        assert self.allowance.may_begin == (self.left - promised >= FAIR)

    def teardown(self) -> None:
        while self.under_way:
            self.allowance.end(*self.under_way.pop())
        assert self.allowance.held == 0


TestSearched = Searched.TestCase
TestSearched.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


def test_a_move_may_be_longer_than_the_longest_before_where_few_evaluations_are_left():
    allowance = Allowance(800)
    first = allowance.shares(np.full(1, 2000), np.arange(1))
    assert first[0] == 400, "another one has the other half"
    allowance.end(first, np.array([100]))
    assert allowance.shares(np.full(1, 2000), np.arange(1))[0] == 150


def test_without_a_limit_a_move_gets_all_that_it_may_take():
    allowance, limit = Allowance(), np.array([5, 2000, 7])
    most = allowance.shares(limit, np.array([1]))
    assert np.array_equal(most, limit)
    allowance.end(most, np.array([0, 1500, 0]))
    assert (allowance.left, allowance.held, allowance.may_begin) == (math.inf, 0, True)
