"""The observer of a computation, which tells it the progress on the host, between two programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from clusteropt.potentials.base import Potential

_FEW = 20  # atoms, below which overheads count as much as the pairs


class SearchProgress(NamedTuple):
    """The progress of a search from some structures, which are searched side by side."""

    indices: Sequence[int]  # of the structures
    n_chains: int
    n_ended: int  # chains that have ended
    lowest: float  # energy of the lowest minimum that these structures have so far, in the potential's unit
    share: float  # estimated fraction of the work that is done, 0 to 1


class Observer(Protocol):
    """An observer. It cannot change the results."""

    def begins(self, potential: "Potential", indices: Sequence[int]) -> None:
        """These structures, which share a potential, come next."""

    def compiles(self, n_atoms: Sequence[int]) -> None:
        """Programs that the cache does not have are being compiled, for clusters of up to `n_atoms` atoms."""

    def searches(self, progress: SearchProgress) -> None:
        """A search has begun or got further."""


class Silent:
    """An observer that ignores everything."""

    def begins(self, potential: "Potential", indices: Sequence[int]) -> None: ...

    def compiles(self, n_atoms: Sequence[int]) -> None: ...

    def searches(self, progress: SearchProgress) -> None: ...


SILENT = Silent()


class Renumbered:
    """An observer of some structures, which tells the observer of a larger list their `indices` there."""

    def __init__(self, observer: Observer, indices: Sequence[int]) -> None:
        self._observer, self._indices = observer, indices

    def begins(self, potential: "Potential", indices: Sequence[int]) -> None:
        self._observer.begins(potential, [self._indices[i] for i in indices])

    def compiles(self, n_atoms: Sequence[int]) -> None:
        self._observer.compiles(n_atoms)

    def searches(self, progress: SearchProgress) -> None:
        self._observer.searches(progress._replace(indices=[self._indices[i] for i in progress.indices]))


def cost(n_atoms: int) -> float:
    """A rough measure of a structure's computing time, without a unit: pairs, times steps that grow with the size."""
    return float((n_atoms + _FEW) ** 3)
