"""The choice of starts, patience and moves by what they bring for their cost.

A chain succeeds when its lowest minimum is among the lowest of all chains. The rate of a rule is its successes over its cost. For
each kind of start and rank of the first minimum, the patience is the one that makes the rate largest, with the best rate as the
price of cost: fractional programming (W. Dinkelbach, Manage. Sci. 13, 492 (1967), doi:10.1287/mnsc.13.7.492). Among kinds, a draw
from the distribution of each one's rate decides (W. R. Thompson, Biometrika 25, 285 (1933), doi:10.1093/biomet/25.3-4.285), and no
kind falls below a floor of the cost.
"""

from typing import NamedTuple

import numpy as np

from clusteropt.exploration.records import N_RANKS, PATIENCES, Records

USUAL = 8  # hops, the patience before any is known to be better
_FEW = 64  # ended chains, below which nothing is known
_ENOUGH = 6  # chains that tell about a patience
_WEIGHT = 4.0  # chains, by which the average over all kinds counts among those of a kind
_TOP, _LEAST, _MOST = 0.05, 8, 64  # chains that succeed: a fraction of all, at least, at most
_TURNS = 20  # of Dinkelbach's iteration


class Rule(NamedTuple):
    """The patience of each kind and rank, and what each kind brings by it."""

    patience: np.ndarray  # (n_kinds, n_ranks) int
    successes: np.ndarray  # (n_kinds,)
    costs: np.ndarray  # (n_kinds,)


def threshold(energies: np.ndarray) -> float:
    """The energy at or below which a chain succeeds, of the lowest `energies` (n_chains,) of all chains."""
    n = int(np.clip(_TOP * len(energies), _LEAST, _MOST))
    return float(np.partition(energies, n - 1)[n - 1]) if len(energies) >= n else np.inf


def rule(records: Records, n_kinds: int, ceiling: float) -> Rule:
    """The rule that the records speak for; chains that end at or below `ceiling` have succeeded."""
    if len(records.kinds) < _FEW:
        nothing = np.zeros(n_kinds)
        return Rule(np.full((n_kinds, N_RANKS), USUAL), nothing, nothing)
    known = np.isfinite(records.costs)
    success, cost = known & (records.lowest <= ceiling), np.where(known, records.costs, 0)
    n, s, c = (_sums(records, n_kinds, values) for values in (known, success, cost))
    whole = n.sum(0)
    enough = whole >= _ENOUGH
    safe = np.maximum(whole, 1)
    rate_s, rate_c = (s + _WEIGHT * s.sum(0) / safe) / (n + _WEIGHT), (c + _WEIGHT * c.sum(0) / safe) / (n + _WEIGHT)
    weights = n[:, :, 0] + np.array([1 / 16, 3 / 16, 1 / 4, 1 / 2])
    best = max(_price(rate_s[k], rate_c[k], weights[k], enough) for k in range(n_kinds))
    index = _best(rate_s, rate_c, best, enough)
    patience = np.where(enough[:, PATIENCES == USUAL].any(1), PATIENCES[index], USUAL)
    chosen = np.take_along_axis(s, index[..., None], 2)[..., 0], np.take_along_axis(c, index[..., None], 2)[..., 0]
    return Rule(patience, chosen[0].sum(1), chosen[1].sum(1))


def _sums(records: Records, n_kinds: int, values: np.ndarray) -> np.ndarray:
    """(n_kinds, n_ranks, n_patiences), the sums of values (n_patiences, n) over the chains of a kind and rank."""
    out = np.zeros((n_kinds * N_RANKS, len(PATIENCES)))
    np.add.at(out, records.kinds * N_RANKS + records.ranks, values.T)
    return out.reshape(n_kinds, N_RANKS, -1)


def _best(s: np.ndarray, c: np.ndarray, price: float, enough: np.ndarray) -> np.ndarray:
    """(..., n_ranks) the index of the patience with the largest gain at that price of cost."""
    return np.asarray(np.where(enough, s - price * c, -np.inf).argmax(-1))


def _price(s: np.ndarray, c: np.ndarray, weights: np.ndarray, enough: np.ndarray) -> float:
    """The largest ratio of successes to cost that patience by rank can bring; s, c (n_ranks, n_patiences)."""
    price = 0.0
    for _ in range(_TURNS):
        index = _best(s, c, price, enough)[:, None]
        own_s, own_c = np.take_along_axis(s, index, 1)[:, 0], np.take_along_axis(c, index, 1)[:, 0]
        new = float((weights * own_s).sum() / max((weights * own_c).sum(), 1e-300))
        if new <= price:
            break
        price = new
    return price


def drawn(
    rng: np.random.Generator, successes: np.ndarray, costs: np.ndarray, spent: np.ndarray, floor: float
) -> int:
    """One of some kinds, by successes and costs (n_kinds,); a kind whose part of what was `spent` is below the floor comes first."""
    shares = spent / max(spent.sum(), 1e-300)
    if shares.min() < floor:
        return int(shares.argmin())
    usual = (costs.sum() + 1) / (successes.sum() + 1)
    return int((rng.gamma(successes + 1) / (costs + usual)).argmax())
