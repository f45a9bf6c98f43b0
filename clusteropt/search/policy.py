"""The policy of searches: how long learned trajectories are, which chains hop, how long, and in which styles.

The numbers that depend on the kind of cluster are in `POLICIES`, with the reasons beside them; those that do not are the
defaults of `SearchPlan` and the table of styles. They were chosen on the sizes of docs/training.md.
"""

import math
from typing import NamedTuple

from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials.base import Potential
from clusteropt.search.styles import ENDLESS, STYLES, Style


class SearchPlan(NamedTuple):
    """The numbers by which the chains of one search go on; the defaults are those of multistart."""

    optimizer: LearnedOptimizer | None = None
    steps: int = 0  # of the learned optimizer from a start
    end: float = 1.0  # fraction of a full learned trajectory to run from a start; a quench finishes the rest sooner
    hopping: float = 1.0  # fraction of rivals that hop: the ones with the lowest first minima
    hops: int = 0  # at most
    styles: tuple[Style, ...] = ENDLESS  # of the chains
    hop_steps: int = 0  # of the learned optimizer after a displacement
    hop_begin: float = 0.7  # fraction of a full learned trajectory at which the learned steps of a hop begin
    displacement: float = 0.36  # of every coordinate in a displacement of all atoms, at most, in lengths


class Policy(NamedTuple):
    """The search of clusters of one kind, in numbers that hold for a range of sizes."""

    bonds: str  # the kind, see `bonds_of`
    up_to: float  # atoms
    hopping: float
    shares: dict[str, int]  # of the styles among the chains; a style without a share is left out
    patience: dict[str, int]  # of some styles, instead of their own
    patience_per_pair: float = 1 / 300  # times the squared number of atoms, where that is more than a style's patience
    steps_per_atom: float = 7.5  # steps of a start's trajectory
    most_steps: int = 1000
    end: float = 0.75
    hops: int = 200

    def plan(self, optimizer: LearnedOptimizer, n_atoms: int) -> SearchPlan:
        """The plan for one size."""
        steps = min(self.most_steps, int(self.steps_per_atom * n_atoms))
        styles = tuple(self._style(style, n_atoms) for style in STYLES)
        return SearchPlan(optimizer, steps, self.end, self.hopping, self.hops, styles)

    def _style(self, style: Style, n_atoms: int) -> Style:
        patience = max(self.patience.get(style.name, style.patience), int(n_atoms**2 * self.patience_per_pair))
        return style._replace(share=self.shares.get(style.name, 0), patience=patience)


# Hops over the surface and rebuilt surfaces find the places of close packing, which the sums over pairs ask for. Displacements
# bring nothing more there, and would cost a third of all evaluations. The best minima of many metals are disordered: platinum
# is found by displacements, gold by both.
_PAIRS, _METALS = {"surface": 5, "exchange": 20}, {"surface": 5, "displacement": 2, "exchange": 20}
_ORDERS = {"exchange": 32}  # a search for the best order of an alloy goes on for long on the same places
POLICIES = (
    # Up to 34 atoms all chains hop: the lowest first minima often lie beside the best funnel there.
    Policy("pairs", 34, 1.0, _PAIRS, _ORDERS),
    Policy("many-body", 34, 1.0, _METALS, _ORDERS),
    # Larger clusters have many funnels: the better half of the starts gets the hops, and more patience with size.
    Policy("pairs", math.inf, 0.5, _PAIRS, _ORDERS),
    Policy("many-body", math.inf, 0.5, _METALS, _ORDERS),
    # Surface moves find the places of close packing, which the network was trained on too: silicon hops without either.
    Policy("directional", math.inf, 1.0, {"displacement": 2, "exchange": 1}, {"displacement": 200, "exchange": 200}),
)


def bonds_of(potential: Potential) -> str:
    """The kind of bonds: 'directional' as in silicon, 'many-body' as in metals, or 'pairs' as in noble gases."""
    if potential.directional:
        return "directional"
    return "many-body" if potential.many_body else "pairs"


def plan_for(
    optimizer: LearnedOptimizer,
    n_atoms: int,
    potential: Potential,
    steps: int | None = None,
    hops: int | None = None,
    hop_steps: int | None = None,
) -> SearchPlan:
    """The policy's plan for clusters of that size and kind; values that are given replace its own."""
    policy = next(p for p in POLICIES if p.bonds == bonds_of(potential) and n_atoms <= p.up_to)
    changes = {"steps": steps, "hops": hops, "hop_steps": hop_steps}
    given = {name: value for name, value in changes.items() if value is not None}
    return policy.plan(optimizer, n_atoms)._replace(**given)
