"""The rounds of a search: free seats get new chains, all chains move and are quenched together, and what they brought is noted.

What a round does follows from the seed and the rounds before it. A limit only cuts the sequence short.
"""

from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine.batches import at, take
from clusteropt.exploration import choice, cost, records, seats
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import MOVES, STARTS
from clusteropt.exploration.records import EDGES, Marks
from clusteropt.exploration.seats import BLOCK, N_SEATS
from clusteropt.exploration.splice import spliced
from clusteropt.potentials.form import form_of
from clusteropt.search import hops
from clusteropt.search.descents import by_learned
from clusteropt.search.draws import uniforms
from clusteropt.search.policy import SearchPlan, plan_for
from clusteropt.search.starts import start_positions
from clusteropt.search.surface import N_DRAWS, moved_over_surface
from clusteropt.search.walk import Visits, columns_of, landed, with_columns

_TEMPERATURE = 0.7  # of Metropolis, in energy scales
_FLOOR = 0.05  # of all cost, that every kind of start gets at least
_FLOOR_OF_MOVES = 0.04
_FADING = 0.97  # of what is known about moves, from round to round
_PATIENT, _MORE, _LONGEST = 8, 4, 1024  # one seat in 8 has four times the patience, so that more is known; hops at most
_SAME = 0.02  # energy scales


class Round(NamedTuple):
    """What the seats came to in a round; arrays (n_visits,) but for the positions."""

    seats: np.ndarray
    serials: np.ndarray  # the numbers of the chains
    origins: list[str]
    positions: np.ndarray  # (3, n_atoms, n_visits)
    energy: np.ndarray  # about 0.01 energy scales above the minimum; infinite where the atoms do not hang together
    alone: np.ndarray  # bool, True for chains that have taken nothing from others


class Exploration:
    """An endless search of a composition, a round at a time."""

    def __init__(self, kit: Kit, n_seats: int = N_SEATS) -> None:
        self.kit, self.n_seats = kit, n_seats
        self.chains, self.lives = seats.empty(kit.composition, n_seats)
        self.marks, self.records = Marks(n_seats), records.none()
        self.n_begun = self.n_rounds = 0
        self.n_evaluations, self.cost = 0, 0.0
        self.best = np.inf  # quenched energy of the lowest minimum; a chain that comes within _SAME of it ends
        self.draining = False  # no chain begins
        self.first = np.zeros(0)  # energies of the last first minima
        self.spent = np.zeros(len(STARTS))
        self.of_moves = np.zeros((3, len(MOVES)))  # successes, costs, and all that was spent
        self.rule = choice.rule(self.records, len(STARTS), np.inf)
        self._plan = None if kit.optimizer is None else plan_for(
            kit.optimizer, kit.composition.n_atoms, kit.composition.potential
        )
        self._step = 1.0
        if kit.optimizer is not None:
            self._step = cost.learned_step(
                kit.composition.n_atoms, form_of(kit.composition.potential.form).cost, kit.optimizer.theta.size
            )

    def __iter__(self) -> "Exploration":
        return self

    def __next__(self) -> Round:
        rng = np.random.default_rng([self.kit.seed, 1, self.n_rounds])
        fresh, kinds = self._fresh(rng)
        hopping = np.flatnonzero(~self.lives.vacant)
        if not (fresh.size or hopping.size):
            raise StopIteration
        moves = self._moves(rng, hopping)
        active = np.concatenate([fresh, hopping]).astype(int)
        positions, used, costs = self._proposed(rng, fresh, kinds, hopping, moves)
        luck = np.concatenate([np.zeros(len(fresh)), uniforms(self.chains.keys[hopping], self._counters(hopping), 1)[0]])
        origins = np.zeros(len(active), np.int32)
        before = self.chains.lowest_energy[active]
        proposal = hops.Proposal(positions, origins, used, luck)
        after, visits = landed(columns_of(self.chains, active), proposal, self.kit.composition.problem, _TEMPERATURE)
        self.chains = with_columns(self.chains, active, after)
        costs = costs + (visits.n_evaluations - used)
        self.n_evaluations += int(visits.n_evaluations.sum())
        self.n_rounds += 1
        words = [STARTS[k].words for k in kinds] + [MOVES[m].words for m in moves]
        self._note(active, len(fresh), kinds, moves, costs, before)
        out = Round(active, self.lives.serials[active], words, visits.positions, visits.energy, self.lives.alone[active])
        self._end(active)
        return out

    def _counters(self, columns: np.ndarray) -> np.ndarray:
        return (2 * self.chains.n_hops[columns] + 1).astype(np.uint64)

    # --- starts

    def _fresh(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Seats where chains begin, and the kinds of their starts."""
        vacant = np.flatnonzero(self.lives.vacant)
        if self.draining or len(vacant) < min(2 * BLOCK, self.n_seats):
            return vacant[:0], vacant[:0]
        vacant = vacant[: len(vacant) // BLOCK * BLOCK]
        usable = np.array([self._can_start(s) for s in STARTS])
        n_blocks = len(vacant) // BLOCK
        if not self.n_rounds:
            first = [k for k, s in enumerate(STARTS) for _ in range(s.prior) if usable[k]]
            kinds = [first[b * len(first) // n_blocks] for b in range(n_blocks)]
        else:
            own = np.flatnonzero(usable)
            kinds = []
            spent = self.spent.copy()
            for _ in range(n_blocks):
                k = own[choice.drawn(rng, self.rule.successes[own], self.rule.costs[own], spent[own], _FLOOR)]
                spent[k] += max(spent.sum() / 20, 1)  # so that one round does not choose one starved kind only
                kinds.append(k)
        return vacant, np.repeat(kinds, BLOCK)

    def _can_start(self, start) -> bool:
        if start.learned and self.kit.optimizer is None:
            return False
        return start.alone or np.isfinite(self.chains.lowest_energy).sum() > 1 and self.kit.composition.n_atoms > 2

    def _start_positions(self, rng: np.random.Generator, columns: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        comp = self.kit.composition
        n, length = comp.n_atoms, comp.potential.length
        out = np.zeros((3, self.chains.clusters.mask.shape[0], len(columns)))
        parents = self._parents()
        for j, (serial, kind) in enumerate(zip(range(self.n_begun, self.n_begun + len(columns)), kinds, strict=True)):
            own = np.random.default_rng([self.kit.seed, 0, serial])
            if STARTS[kind].alone:
                places = start_positions(own, n, length, STARTS[kind].symmetric)
                places = places - places.mean(0)
            else:
                a, b = parents[own.choice(len(parents), 2, replace=False)]
                low = self.chains.lowest[:, :n]
                places = spliced(own, low[..., a].T, low[..., b].T, comp.species)
            out[:, :n, j] = places.T
        return out

    def _parents(self) -> np.ndarray:
        """Seats with the lower half of the lowest minima."""
        order = np.argsort(self.chains.lowest_energy, kind="stable")
        whole = int(np.isfinite(self.chains.lowest_energy).sum())
        return order[: max(2, whole // 2)]

    # --- moves

    def _moves(self, rng: np.random.Generator, hopping: np.ndarray) -> np.ndarray:
        usable = np.array([self._can_move(m.name) for m in MOVES])
        own = np.flatnonzero(usable)
        s, c, spent = self.of_moves[:, own]
        spent = spent.copy()
        chosen = []
        for _ in range(-(-len(hopping) // BLOCK)):
            k = choice.drawn(rng, s, c, spent, _FLOOR_OF_MOVES)
            spent[k] += max(spent.sum() / 25, 1)
            chosen.append(own[k])
        return np.repeat(np.array(chosen, int), BLOCK)[: len(hopping)]

    def _can_move(self, name: str) -> bool:
        if name == "learned":
            return self._plan is not None and self._plan.hop_steps > 0
        if name == "splice":
            return np.isfinite(self.chains.lowest_energy).sum() > 1 and self.kit.composition.n_atoms > 3
        return True

    def _proposed(self, rng, fresh, kinds, hopping, moves):
        size = self.chains.clusters.mask.shape[0]
        n_fresh, n = len(fresh), len(fresh) + len(hopping)
        positions, used = np.zeros((3, size, n)), np.zeros(n, np.int64)
        costs = np.zeros(n)
        problem = self.kit.composition.problem
        if n_fresh:
            keys = np.array([np.random.default_rng([self.kit.seed, 2, self.n_begun + j]).integers(2**64, dtype=np.uint64) for j in range(n_fresh)])
            starts = self._start_positions(rng, fresh, kinds)
            learned = np.flatnonzero([STARTS[k].learned for k in kinds])
            if learned.size:
                batch = at(take(self.chains.clusters, fresh[learned]), starts[..., learned])
                moved, n_learned = by_learned(batch, problem, self.kit.optimizer, self._plan.steps, (0, self._plan.end))
                starts[..., learned] = moved.positions
                used[learned] = n_learned
                costs[learned] = n_learned * self._step
            positions[..., :n_fresh] = starts
            self.chains = seats.begun(self.chains, fresh, starts, keys)
            lives = self.lives
            for array, value in ((lives.kinds, kinds), (lives.costs, 0.0), (lives.vacant, False), (lives.alone, [STARTS[k].alone for k in kinds]), (lives.serials, self.n_begun + np.arange(n_fresh))):
                array[fresh] = value
            self.marks.begin(fresh)
            self.n_begun += n_fresh
        for m in np.unique(moves):
            own = np.flatnonzero(moves == m)
            columns = hopping[own]
            places, n_eval, price = self._moved(rng, MOVES[m].name, columns)
            positions[..., n_fresh + own] = places
            used[n_fresh + own] = n_eval
            costs[n_fresh + own] = price
            if not MOVES[m].alone:
                self.lives.alone[columns] = False
        return positions, used, costs

    def _moved(self, rng, name, columns):
        chains = columns_of(self.chains, columns)
        problem = self.kit.composition.problem
        keys, n_hops = chains.keys, chains.n_hops
        nothing = np.zeros(len(columns), np.int64)
        if name == "surface":
            counters = (2 * n_hops).astype(np.uint64)
            draws = uniforms(keys, counters + np.uint64(1), 2 + N_DRAWS)
            looseness = uniforms(keys, counters, chains.clusters.mask.shape[0])
            places, n = moved_over_surface(chains.clusters, chains.energies, draws[2:], looseness, problem.potential)
            return places, n, n.astype(float)
        if name == "splice":
            parents, n = self._parents(), self.kit.composition.n_atoms
            places = np.array(chains.clusters.positions)
            for j, key in enumerate(keys):
                own = np.random.default_rng([int(key), int(n_hops[j])])
                other = self.chains.lowest[:, :n, own.choice(parents)].T
                places[:, :n, j] = spliced(own, chains.clusters.positions[:, :n, j].T, other, self.kit.composition.species).T
            return places, nothing, nothing.astype(float)
        plan = self._plan or SearchPlan()
        shaken = hops.displaced(chains.clusters, keys, n_hops, problem, plan)
        if name == "learned":
            shaken, n = by_learned(shaken, problem, plan.optimizer, plan.hop_steps, (plan.hop_begin, 1))
            return shaken.positions, n, n * self._step
        return shaken.positions, nothing, nothing.astype(float)

    # --- what it brought

    def _note(self, active, n_fresh, kinds, moves, costs, before) -> None:
        chains, lives, scale = self.chains, self.lives, self.kit.composition.potential.energy
        lives.costs[active] += costs
        self.cost += float(costs.sum())
        np.add.at(self.spent, lives.kinds[active], costs)
        fresh = active[:n_fresh]
        if n_fresh:
            low = chains.lowest_energy[fresh]
            self.first = np.sort(np.concatenate([self.first, low[np.isfinite(low)]])[-4096:])
            part = np.searchsorted(self.first, low) / max(len(self.first), 1)
            lives.ranks[fresh] = np.searchsorted(EDGES, part, side="right")
        self.marks.note(active, chains.n_idle[active], chains.lowest_energy[active], lives.costs[active])
        lows = np.concatenate([self.records.ends, chains.lowest_energy[~lives.vacant]])
        lows = lows[np.isfinite(lows)]
        self.top = choice.threshold(lows) + _SAME * scale
        hop_top = np.quantile(lows, 0.1) if len(lows) else np.inf
        hopped = active[n_fresh:]
        low = chains.lowest_energy[hopped]
        success = (low < before[n_fresh:] - _SAME * scale) & (low <= hop_top)
        self.of_moves *= _FADING
        np.add.at(self.of_moves[0], moves, success)
        np.add.at(self.of_moves[1], moves, costs[n_fresh:])
        np.add.at(self.of_moves[2], moves, costs[n_fresh:])
        self.best = min(self.best, float(chains.lowest_energy.min()))

    def _end(self, active) -> None:
        chains, lives, scale = self.chains, self.lives, self.kit.composition.potential.energy
        self.rule = choice.rule(self.records, len(STARTS), self.top)
        own = np.flatnonzero(~lives.vacant)
        limit = self.rule.patience[lives.kinds[own], lives.ranks[own]]
        patient = own % _PATIENT == 0
        limit = np.where(patient, np.clip(_MORE * limit, 16, _LONGEST), limit)
        hit = chains.lowest_energy[own] <= self.best + _SAME * scale
        lost = ~np.isfinite(chains.lowest_energy[own])
        over = hit | lost | (chains.n_idle[own] >= limit)
        if not over.any():
            return
        ended = own[over]
        self.marks.ended(ended, np.where(hit, limit, -1)[over], chains.lowest_energy[ended], lives.costs[ended])
        new = records.Records(lives.kinds[ended].copy(), lives.ranks[ended].copy(), self.marks.lowest[:, ended], self.marks.costs[:, ended])
        self.records = records.joined(self.records, new)
        lives.vacant[ended] = True
