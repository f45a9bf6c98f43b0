"""A distinct minimum that a search keeps, and how it was reached."""

from typing import NamedTuple

from clusteropt.search.minimum import Minimum


class Found(NamedTuple):
    """A distinct minimum that a search keeps."""

    minimum: Minimum  # polished
    n_reached: int  # chains that have come to it
    origin: str  # how the search first came to it, in words: 'symmetric start', 'surface move', ...
    n_evaluations: int  # of the whole search until then
    seconds: float  # of the search until then
    n_alone: int = 0  # chains that have come to it and have taken nothing from the lowest minimum
