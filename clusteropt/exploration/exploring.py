"""The rounds of a search: free seats get new chains, all chains move and are quenched together, and what they brought is noted.

What a round does follows from the seed and the rounds that had ended when it began. A limit only cuts the sequence short.

With a calculator every chain makes rounds of its own, and many are under way. Then the evaluations of quenches are a clock: all
clocks run alike, and the round that ends next is the one that ends first by its clock. So the sequence depends on no machine, and
hardly any chain waits for another. This is a conservative simulation of discrete events (K. M. Chandy and J. Misra, IEEE Trans.
Softw. Eng. SE-5, 440 (1979), doi:10.1109/TSE.1979.230182).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from clusteropt.engine import hosted
from clusteropt.engine.batches import at, take
from clusteropt.exploration import choice, choosing, moving, records, seats, starting
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import GIVEN, RANDOM, STARTS, SURROGATE
from clusteropt.exploration.records import EDGES, Marks
from clusteropt.exploration.seats import Parents, table_for
from clusteropt.exploration.surrogate.candidates import Candidates
from clusteropt.search import hops
from clusteropt.search.chains import Chains, columns_of, with_columns
from clusteropt.search.descents import Quench
from clusteropt.search.styles import MOVES, STYLES, temperatures
from clusteropt.search.walk import Visits, landed

_PATIENT, _MORE = 8, 4  # one chain in 8 has four times the patience, so that more is known
_PATIENCES = (16, 1024)  # hops in vain that such a chain has, at least and at most
_LOWER = 0.005  # energy scales by which a minimum has to lie lower to count as lower
_NEAR = 0.02  # energy scales, within which quenched energies may be of one minimum
_PAIR = 8  # rounds until which two chains are enough, where each has rounds of its own
_FIRST = 4096  # first minima that are remembered


class Round(NamedTuple):
    """The minima that chains came to in a round; arrays (n_visits,) but for the positions."""

    serials: np.ndarray  # the numbers of the chains
    origins: list[str]
    positions: np.ndarray  # (3, n_atoms, n_visits)
    energy: np.ndarray  # about 0.01 energy scales above the minimum; infinite where the atoms do not hang together
    alone: np.ndarray  # bool, True for chains that have taken nothing from the lowest minimum


class _UnderWay(NamedTuple):
    """A round whose chains are being quenched. Its arrays have as many places as there are seats, the last ones empty."""

    active: np.ndarray  # (n,) the seats of the chains
    n_fresh: int  # the first of them have just begun
    origins: list[str]
    cost: np.ndarray  # (n,) before the quench
    chains: Chains
    proposal: hops.Proposal
    quench: Quench
    began: int  # by the clock


class Exploration:
    """An endless search of a composition, a round at a time. It ends only when it is `draining` and all chains have ended."""

    def __init__(self, kit: Kit, given: Sequence[np.ndarray] = (), n_seats: int | None = None) -> None:
        """`given`: positions (n_atoms, 3) of structures from which the first chains start."""
        self.kit, self._given, self._table = kit, list(given), table_for(kit.composition)
        n_seats = n_seats or self._table.n_seats
        self.chains, self.lives = seats.empty(kit.composition, n_seats)
        self.candidates = Candidates(kit, Exploration) if kit.composition.problem.hosted else None
        self.marks, self.records = Marks(n_seats), records.none()
        self._under_way: list[_UnderWay] = []
        self._n_started = 0  # rounds
        self.clock = 0  # evaluations that a chain had made that never waited
        self.n_begun = self.n_rounds = self.n_evaluations = 0
        self.draining = False
        self.n_best = 0  # chains that have come to the lowest minimum alone
        self.lowest = np.inf  # quenched energy of the lowest minimum
        self.first = np.zeros(0)  # energies of the last first minima, sorted
        self.spent, self.by_style = np.zeros(len(STARTS)), np.zeros(len(STYLES))
        self.top = np.inf
        self.rule = choice.rule(self.records, np.inf)

    @property
    def cost(self) -> float:
        return float(self.spent.sum())

    def __iter__(self) -> "Exploration":
        return self

    def __next__(self) -> Round:
        while self._start():
            pass
        if not self._under_way:
            raise StopIteration
        return self._ended(self._under_way.pop(self._next_to_end))

    def cut(self) -> Iterator[Round]:
        """The rounds under way whose quenches have ended, although others would end before them; the search is over."""
        now = self.clock
        while own := [k for k, one in enumerate(self._under_way) if one.quench.course.ended]:  # type: ignore[union-attr]
            yield self._ended(self._under_way.pop(own[0]))
            self.clock = now

    def drop(self) -> None:
        """Leaves the rounds under way as they are: the search is over."""
        for one in self._under_way:
            one.quench.course.drop()  # type: ignore[union-attr]  of a calculator

    @property
    def n_under_way(self) -> int:
        """Evaluations of the rounds under way, by the clock."""
        return self.n_learned + sum((self.clock - one.began) * len(one.active) for one in self._under_way)

    @property
    def n_learned(self) -> int:
        """Evaluations of the rounds under way before their quenches."""
        return sum(int(one.proposal.n_evaluations[: len(one.active)].sum()) for one in self._under_way)

    def _start(self) -> bool:
        """Starts a round with chains that have none under way. Returns False where there are no more, or no evaluations."""
        fresh, hopping = self._vacant(), np.flatnonzero(self._idle & ~self.lives.vacant)
        if self._table.alone:
            fresh, hopping = (fresh[:0], hopping[:1]) if hopping.size else (fresh[:1], hopping)
        if not (fresh.size or hopping.size) or (self._under_way and not self._may_start):
            return False
        parents = self._parents()
        new = self._begun(fresh, parents)
        old = moving.tried(self.kit, columns_of(self.chains, hopping), parents, self.candidates)
        self.lives.alone[hopping] &= old.alone
        both = moving.Tried(*(np.concatenate(pair, -1) for pair in zip(new, old, strict=True)))
        words = [STARTS[k].words for k in self.lives.kinds[fresh]] + [MOVES[m] for m in old.moves]
        self._under_way.append(self._quenching(np.concatenate([fresh, hopping]), fresh.size, words, both))
        self._n_started += 1
        return True

    def _quenching(self, active: np.ndarray, n_fresh: int, words: list[str], tried: moving.Tried) -> _UnderWay:
        """The round of these chains, whose quench begins."""
        n, n_seats = len(active), len(self.lives.vacant)
        chains = columns_of(self.chains, np.append(active, np.full(n_seats - n, -1)))  # programs are for so many places
        whole = np.minimum(np.arange(n_seats), n - 1)
        proposal = hops.Proposal(
            *(a[..., whole] for a in (tried.positions, tried.moves, tried.n_evaluations, tried.luck))
        )
        quench = Quench(at(chains.clusters, proposal.positions), self.kit.composition.problem)
        cost = tried.cost - tried.n_evaluations
        return _UnderWay(active, n_fresh, words, cost, chains, proposal, quench, self.clock)

    @property
    def _idle(self) -> np.ndarray:
        """(n_seats,) True for seats that no round under way has."""
        idle = np.ones(len(self.lives.vacant), bool)
        idle[[seat for one in self._under_way for seat in one.active]] = False
        return idle

    @property
    def _may_start(self) -> bool:
        """True where another round may start beside those under way, and the calculator has evaluations left for its quench."""
        return self._table.alone and self.kit.composition.problem.pool.allowance.may_begin

    @property
    def _next_to_end(self) -> int:
        """The number of the round under way that ends first."""
        if not self._table.alone:
            return 0
        courses = [one.quench.course for one in self._under_way]
        return hosted.first_to_end(courses, [one.began for one in self._under_way])  # type: ignore[arg-type]  all of calculators

    def _ended(self, one: _UnderWay) -> Round:
        """The round at its end."""
        after, visits = self._landed(one)
        self.chains = with_columns(self.chains, one.active, after)
        self._note(one.active, one.active[: one.n_fresh], one.cost + visits.n_evaluations)
        if self.candidates is not None:
            self.candidates.note(visits.positions, visits.energy)
        self.n_evaluations += int(visits.n_evaluations.sum())
        self.n_rounds += 1
        alone, serials = self.lives.alone[one.active], self.lives.serials[one.active]
        self._end(one.active)
        return Round(serials, one.origins, visits.positions, visits.energy, alone)

    def _landed(self, one: _UnderWay) -> tuple[Chains, Visits]:
        """The chains of a round at the minima below what they have tried."""
        temperature = temperatures(STYLES, one.chains.styles, one.proposal.moves)
        ends, problem, own = one.quench.end(), self.kit.composition.problem, np.arange(len(one.active))
        self.clock = one.began + int(ends.n_evaluations[own].max())
        for other in self._under_way:
            other.quench.course.tell(self.clock - other.began)  # type: ignore[union-attr]  of a calculator
        after, visits = landed(one.chains, one.proposal, problem, temperature, _LOWER, ends)
        return columns_of(after, own), Visits(*(array[..., own] for array in visits))

    def _vacant(self) -> np.ndarray:
        """The seats where chains begin: whole blocks, `least` or more; at first `least`, and no more chains than are due."""
        vacant, block = np.flatnonzero(self.lives.vacant & self._idle), self._table.block
        least = min(self._table.least, len(self.lives.vacant))
        n = len(vacant) // block * block
        if self.n_begun < len(self.lives.vacant):
            n = least if not self._table.alone or self.n_begun < self._n_due else 0
        return vacant[: 0 if self.draining or n < least else n]

    @property
    def _n_due(self) -> int:
        """Chains that are to have begun, where each has its own rounds: two, and later as if two began in every second round."""
        if self.lives.vacant.all():
            return self.n_begun + 1
        return int(1 + np.sqrt(1 + 2 * max(0, self.n_rounds - _PAIR)))

    def _parents(self) -> Parents:
        """The lowest minima of the lower half of the chains."""
        low = self.chains.lowest_energy
        own = np.argsort(low, kind="stable")[: max(2, int(np.isfinite(low).sum()) // 2)]
        above = low[own] > self.lowest + _NEAR * self.kit.composition.potential.energy
        return Parents(self.chains.lowest[..., own], self.lives.alone[own] & above)

    def _begun(self, fresh: np.ndarray, parents: Parents) -> moving.Tried:
        """Begins chains in the seats `fresh`; their starts, not yet quenched."""
        kinds, styles = self.chosen(len(fresh) // self._table.block)
        serials = self.n_begun + np.arange(len(fresh))
        size, n = self.chains.clusters.mask.shape[0], len(fresh)
        own, self._given = self._given[:n], self._given[n:]
        kinds[: len(own)] = GIVEN
        keys, follow = starting.keys_of(self.kit, serials), np.flatnonzero(kinds == SURROGATE)
        found = (
            self.candidates.take(len(follow)) if self.candidates is not None and follow.size else np.zeros((3, 0, 0))
        )
        kinds[follow[found.shape[2] :]] = RANDOM
        places, alone = starting.placed(self.kit, keys, kinds, parents, size)
        places[:, : found.shape[1], follow[: found.shape[2]]] = found
        for j, positions in enumerate(own):
            places[:, : len(positions), j] = (positions - positions.mean(0)).T
        batch = at(take(self.chains.clusters, fresh), places)
        positions, used = starting.moved_by_learned(self.kit, batch, kinds)
        self.chains = seats.begun(self.chains, fresh, positions, keys, styles)
        for array, values in zip(self.lives, (kinds, 0, 0, 0.0, alone, False, serials), strict=True):
            array[fresh] = values
        self.marks.begin(fresh)
        self.n_begun += n
        return moving.Tried(positions, np.zeros(n, int), used, used * self.kit.learned_step, np.zeros(n), alone)

    def chosen(self, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
        """Kinds of start and styles (n_chains,) of the next chains, `n_blocks` of those that choose together."""
        block = self._table.block
        if self.n_begun < len(self.lives.vacant):
            return choosing.first(self.kit, self.n_begun // block, n_blocks, block)
        rng = np.random.default_rng([self.kit.seed, 1, self._n_started])
        n_minima = int(np.isfinite(self.chains.lowest_energy).sum())
        standing = choosing.Standing(self.rule, self.spent, self.by_style, self.n_best, n_minima)
        return choosing.chosen(self.kit, rng, standing, n_blocks, block)

    def _note(self, active: np.ndarray, fresh: np.ndarray, costs: np.ndarray) -> None:
        """Notes what chains have cost and found."""
        chains, lives, scale = self.chains, self.lives, self.kit.composition.potential.energy
        lives.costs[active] += costs
        np.add.at(self.spent, lives.kinds[active], costs)
        np.add.at(self.by_style, chains.styles[active], costs)
        low = chains.lowest_energy[fresh]
        self.first = np.sort(np.concatenate([self.first, low[np.isfinite(low)]])[-_FIRST:])
        lives.ranks[fresh] = np.searchsorted(EDGES, np.searchsorted(self.first, low) / max(len(self.first), 1), "right")
        rng = np.random.default_rng([self.kit.seed, 3, self.n_rounds])
        limits = choice.patience(rng, self.rule, chains.styles[fresh], lives.ranks[fresh])
        patient = lives.serials[fresh] % _PATIENT == 0
        lives.limits[fresh] = np.where(patient, np.clip(_MORE * limits, *_PATIENCES), limits)
        self.marks.note(active, chains.n_idle[active], chains.lowest_energy[active], lives.costs[active])
        lowest = float(chains.lowest_energy.min())
        if lowest < self.lowest - _NEAR * scale:  # no other chain has taken anything from it yet
            lives.alone[:] = ~np.isin(lives.kinds, (SURROGATE, GIVEN))
        self.lowest = min(lowest, self.lowest)
        lows = np.concatenate([self.records.ends, chains.lowest_energy[~lives.vacant]])
        self.top = choice.threshold(lows) + _LOWER * scale

    def _end(self, active: np.ndarray) -> None:
        """Ends those of the chains that have fallen apart or are out of patience."""
        chains, lives = self.chains, self.lives
        self.rule = choice.rule(self.records, self.top)
        own = active[~lives.vacant[active]]
        limits = lives.limits[own]
        low = chains.lowest_energy[own]
        ended = own[~np.isfinite(low) | (chains.n_idle[own] >= limits)]
        self._record(ended)

    def arrived(self, serials: Sequence[int], lower: bool) -> None:
        """Ends the chains of these numbers, which have come to the lowest minimum: nothing is left for them to find.

        `lower`: no chain had come to it before. Then the first of them goes on.
        """
        seats = np.flatnonzero(~self.lives.vacant & np.isin(self.lives.serials, serials))
        self.n_best = (0 if lower else self.n_best) + int(self.lives.alone[seats].sum())
        ended = seats[self.lives.serials[seats] != serials[0]] if lower else seats
        lows, costs = self.chains.lowest_energy[ended], self.lives.costs[ended]
        self.marks.ended(ended, self.lives.limits[ended], lows, costs)
        self._record(ended)

    def _record(self, ended: np.ndarray) -> None:
        """Takes the records of chains that have ended, and makes room for others."""
        chains, lives = self.chains, self.lives
        low, marks = chains.lowest_energy, self.marks
        about = (lives.kinds, chains.styles, lives.ranks, low, lives.costs, marks.lowest, marks.costs)
        self.records = records.joined(self.records, records.Records(*(array[..., ended] for array in about)))
        lives.vacant[ended] = True
