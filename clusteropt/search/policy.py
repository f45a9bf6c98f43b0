"""The policy of searches: how many chains hop, how long they are patient, how they move, and how warm they are.

The numbers that depend on the kind of cluster are in `POLICIES`, with the reasons beside them; those that do not are the
defaults of `SearchPlan`. They were chosen on the sizes of docs/training.md.
"""

import math
from typing import NamedTuple

from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials.base import Potential


class SearchPlan(NamedTuple):
    """The numbers by which the chains of one search go on; the defaults are those of multistart."""

    optimizer: LearnedOptimizer | None = None
    steps: int = 0  # of the learned optimizer from a start
    end: float = 1.0  # fraction of a full learned trajectory to run from a start; a quench finishes the rest sooner
    hopping: float = 1.0  # fraction of rivals that hop: the ones with the lowest first minima
    hops: int = 0  # at most
    patience: int = 10_000  # hops without a lower minimum after which a chain ends
    hop_steps: int = 0  # of the learned optimizer in a hop
    hop_begin: float = 0.7  # fraction of a full learned trajectory at which the learned steps of a hop begin
    surface: float = 0.0  # fraction of hops that move the least bound atoms over the surface, and not all atoms
    displacement: float = 0.36  # of every coordinate in a hop of all atoms, at most, in lengths
    temperature: float = 0.8  # of Metropolis, in energy scales


class Policy(NamedTuple):
    """The search of clusters of one kind, in numbers that hold for a range of sizes."""

    directional: (
        bool  # the kind: the bonds have directions, as in silicon, or they have none, as in metals and noble gases
    )
    up_to: float  # atoms
    hopping: float
    patience: int  # at least
    patience_per_pair: float  # times the squared number of atoms, where that is more than `patience`
    hop_steps: int
    surface: float
    temperature: float
    steps_per_atom: float = 7.5  # steps of a start's trajectory
    most_steps: int = 1000
    end: float = 0.75
    hops: int = 200

    def plan(self, optimizer: LearnedOptimizer, n_atoms: int) -> SearchPlan:
        """The plan for one size."""
        return SearchPlan(
            optimizer,
            steps=min(self.most_steps, int(self.steps_per_atom * n_atoms)),
            end=self.end,
            hopping=self.hopping,
            hops=self.hops,
            patience=max(self.patience, int(n_atoms**2 * self.patience_per_pair)),
            hop_steps=self.hop_steps,
            surface=self.surface,
            temperature=self.temperature,
        )


POLICIES = (
    # Up to 34 atoms all chains hop: the lowest first minima often lie beside the best funnel there.
    Policy(False, 34, 1.0, patience=8, patience_per_pair=0, hop_steps=40, surface=0.7, temperature=0.6),
    # Larger clusters have many funnels: the better half of the starts gets the hops, and more patience with size.
    Policy(False, math.inf, 0.5, patience=5, patience_per_pair=1 / 300, hop_steps=40, surface=0.7, temperature=0.6),
    # Surface moves find the places of close packing, which the network was trained on too: silicon hops without either.
    Policy(True, math.inf, 1.0, patience=200, patience_per_pair=0, hop_steps=0, surface=0.0, temperature=0.8),
)


def plan_for(
    optimizer: LearnedOptimizer,
    n_atoms: int,
    potential: Potential,
    steps: int | None = None,
    hops: int | None = None,
    hop_steps: int | None = None,
) -> SearchPlan:
    """The policy's plan for clusters of that size and kind; values that are given replace its own."""
    policy = next(p for p in POLICIES if p.directional == potential.directional and n_atoms <= p.up_to)
    changes = {"steps": steps, "hops": hops, "hop_steps": hop_steps}
    given = {name: value for name, value in changes.items() if value is not None}
    return policy.plan(optimizer, n_atoms)._replace(**given)
