"""The thetas that a run may ship: the best by its reports, and the last."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from clusteropt.training.trials import Trial, better

_EACH = 2  # candidates kept for their hits, and as many for their energies


class Candidate(NamedTuple):
    """The theta after a step, and its rank in a report."""

    step: int
    theta: np.ndarray  # (n_numbers,) float32
    rank: tuple[float, float]  # see `Trial.rank`


class Validated(NamedTuple):
    """A candidate, and its trial on fresh starts."""

    step: int
    theta: np.ndarray
    trial: Trial


def kept(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The two with the most hits and the two with the lowest energies, in the order of their steps; of equals the later."""
    by_hits = sorted(candidates, key=lambda c: (*c.rank, c.step))[-_EACH:]
    by_energy = sorted(candidates, key=lambda c: (c.rank[1], c.step))[-_EACH:]
    wanted = {c.step for c in (*by_hits, *by_energy)}
    return tuple(c for c in candidates if c.step in wanted)


def validate(
    candidates: Sequence[Candidate], step: int, theta: np.ndarray, trial_of: Callable[[np.ndarray], Trial]
) -> Iterator[Validated]:
    """The candidates on fresh starts, one after the other, and the theta of the last `step` behind them."""
    for c in candidates:
        if c.step != step:
            yield Validated(c.step, c.theta, trial_of(c.theta))
    yield Validated(step, theta, trial_of(theta))


def best(validated: Sequence[Validated]) -> Validated:
    """The last theta, unless an earlier one is better by more than chance."""
    *earlier, winner = validated
    for candidate in sorted(earlier, key=lambda v: (*v.trial.rank, v.step), reverse=True):
        if better(candidate.trial, winner.trial):
            winner = candidate
    return winner
