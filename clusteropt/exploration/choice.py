"""The choice of starts, styles and patience by what they bring for their cost.

A chain succeeds when its lowest minimum is among the lowest of all chains. The rate of a kind of start, or of a style, is its
successes over its cost. Patience is bought in portions, each of as many hops in vain as all before it. A chain gets as many
portions as are worth their cost, at the price of the successes that all chains together bring (fractional programming:
W. Dinkelbach, Manage. Sci. 13, 492 (1967), doi:10.1287/mnsc.13.7.492). Every decision takes draws from the distributions of the
rates, so that what is little known is tried (W. R. Thompson, Biometrika 25, 285 (1933), doi:10.1093/biomet/25.3-4.285).
"""

from typing import NamedTuple

import numpy as np

from clusteropt.exploration.kinds import STARTS
from clusteropt.exploration.records import N_RANKS, PATIENCES, Records
from clusteropt.search.styles import STYLES

_FEW = 64  # ended chains, below which nothing is known
_TOP, _LEAST, _MOST = 0.01, 4, 12  # chains that succeed: a fraction of all, at least, at most
_STRENGTH = 2.0  # successes, by which the rate of all ranks counts for one rank
_USUAL = np.array([style.patience for style in STYLES])


class Gain(NamedTuple):
    """The successes and costs of some kinds."""

    successes: np.ndarray  # (n_kinds,)
    costs: np.ndarray  # (n_kinds,)


class Rule(NamedTuple):
    """The gains of starts and styles, and of portions of patience; arrays of portions (n_styles, n_ranks, n_portions)."""

    starts: Gain
    styles: Gain
    price: float  # successes for a unit of cost that all chains bring; 0 where nothing is known
    successes: np.ndarray
    costs: np.ndarray
    each: np.ndarray  # cost of a portion for one chain


def threshold(energies: np.ndarray) -> float:
    """The energy at or below which a chain succeeds, of the lowest `energies` (n_chains,) of all chains."""
    n = int(np.clip(_TOP * len(energies), _LEAST, _MOST))
    return float(np.partition(energies, n - 1)[n - 1]) if len(energies) >= n else np.inf


def rule(records: Records, ceiling: float) -> Rule:
    """The rule that the records speak for; chains that end at or below `ceiling` have succeeded."""
    success = records.ends <= ceiling
    starts = Gain(*(np.bincount(records.kinds, values, len(STARTS)) for values in (success, records.spent)))
    styles = Gain(*(np.bincount(records.styles, values, len(STYLES)) for values in (success, records.spent)))
    price = 0.0 if len(success) < _FEW else float((success.sum() + 1) / records.spent.sum())
    reached = records.lowest <= ceiling
    both = np.isfinite(records.costs[1:])  # followed through the portion
    won = both & reached[1:] & ~reached[:-1]
    paid = np.where(both, records.costs[1:] - np.where(both, records.costs[:-1], 0), 0)
    successes, costs, n = (_sums(records, values) for values in (won, paid, both))
    each = (costs + costs.sum((0, 1))) / np.maximum(n + n.sum((0, 1)), 1)
    return Rule(starts, styles, price, successes, costs, each)


def _sums(records: Records, values: np.ndarray) -> np.ndarray:
    """(n_styles, n_ranks, n_portions), the sums of values (n_portions, n) over the chains of a style and rank."""
    n_cells = len(STYLES) * N_RANKS
    cells = records.styles * N_RANKS + records.ranks
    sums = [np.bincount(cells, own, n_cells) for own in values]
    return np.array(sums).T.reshape(len(STYLES), N_RANKS, -1)


def patience(rng: np.random.Generator, known: Rule, styles: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """(n_chains,) hops in vain after which chains of these styles and ranks (n_chains,) end."""
    if not known.price:
        return _USUAL[styles]
    price = known.price
    whole = (known.successes.sum(1) + 1) / (
        known.costs.sum(1) + 1 / price
    )  # rates over all ranks, (n_styles, n_portions)
    own, paid, mean = known.successes[styles, ranks], known.costs[styles, ranks], whole[styles]
    rates = rng.gamma(own + _STRENGTH) / (paid + _STRENGTH / mean)
    each = known.each[styles, ranks]
    blind = each == 0  # nobody went so far
    each = np.where(blind, np.inf, each)
    worth = np.cumsum(np.where(blind, -np.inf, (rates - price) * np.where(blind, 0, each)), 1)
    best = np.concatenate([np.zeros((len(styles), 1)), worth], 1).argmax(1)
    return PATIENCES[best]


def drawn(rng: np.random.Generator, gain: Gain, spent: np.ndarray, floors: np.ndarray, ceilings: np.ndarray) -> int:
    """One of some kinds by their gain.

    floors and ceilings (n_kinds,) bound the parts of what was `spent`: the kind farthest below its floor comes first, and kinds
    above their ceilings do not come.
    """
    shares = spent / max(spent.sum(), 1e-300)
    if (shares < floors).any():
        return int((shares - floors).argmin())
    usual = (gain.costs.sum() + 1) / (gain.successes.sum() + 1)
    rates = rng.gamma(gain.successes + 1) / (gain.costs + usual)
    return int(np.where(shares > ceilings, -1, rates).argmax())
