"""The estimated fraction of a search that is done, from the evaluations it has made and those that its chains may still make."""

import numpy as np

from clusteropt.runtime import devices
from clusteropt.runtime.backend import n_lanes
from clusteropt.search.chains import Chains
from clusteropt.search.policy import SearchPlan
from clusteropt.search.styles import START
from clusteropt.search.walk import Visits, ended, patience

_A_HOP = 100.0  # evaluations of a hop, as long as none was made
_MORE = 2.0  # a chain makes about twice the hops that its patience allows, because many chains find a lower minimum


class Pace:
    """The estimate for one search. A round of hops costs all lanes, even where some are empty."""

    def __init__(self, begun: Chains, plan: SearchPlan) -> None:
        self._plan = plan
        self._lanes = n_lanes(begun.clusters.mask.shape[0]) * devices.n_devices()
        self._begun = begun.n_evaluations
        self._spent = self._cost(len(begun.keys)) * float(begun.n_evaluations.mean())
        self._hops = self._lane_hops = 0.0

    def _cost(self, n_chains: int | np.ndarray) -> float:
        return float(np.maximum(self._lanes, n_chains).sum())

    def visited(self, visits: Visits) -> None:
        """Counts a round of visits; starts are not hops."""
        if visits.moves[0] != START:
            self._hops += len(visits.columns)
            self._lane_hops += self._cost(len(visits.columns))

    def share(self, alive: Chains) -> float:
        """The fraction that is done, from 0 to 1."""
        a_hop = float((alive.n_evaluations - self._begun).sum()) / self._hops if self._hops else _A_HOP
        wanted = np.minimum(
            self._plan.hops - alive.n_hops, np.ceil(_MORE * (patience(alive, self._plan) - alive.n_idle))
        )
        left = np.sort(np.where(ended(alive, self._plan), 0, wanted))
        busy = len(left) - np.searchsorted(left, np.arange(int(left[-1])), side="right")  # at each hop to come
        spent = self._spent + a_hop * self._lane_hops
        return spent / (spent + a_hop * self._cost(busy))
