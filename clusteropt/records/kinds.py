"""The kinds of pictures: their names, and what each shows. The module imports nothing."""

from typing import NamedTuple

MINIMA, BATCH, COSTS = "a database of minima or a file of structures", "the folder of a batch", "evaluate --json"


class Kind(NamedTuple):
    """A kind of picture."""

    shows: str  # a sentence, its caption
    title: str
    of: str  # the results that have it
    whole: bool = True  # it shows all results; not those of one formula


KINDS = {
    "ladder": Kind(
        "Energies above the lowest minimum, each with its rank, its point group and how often it was reached.",
        "Energy ladder",
        MINIMA,
        whole=False,
    ),
    "hits": Kind(
        "How often each minimum was reached, and after how many evaluations the first search that found it had come to it.",
        "Times reached",
        MINIMA,
        whole=False,
    ),
    "progress": Kind("The best energy of each search over its evaluations.", "Progress", MINIMA, whole=False),
    "radial": Kind(
        "Radial distribution: neighbours of an atom for each unit of length, over the distance; peaks are smoothed by 3 % of the "
        "nearest-neighbour distance.",
        "Radial distribution",
        MINIMA,
        whole=False,
    ),
    "coordination": Kind(
        "Numbers of neighbours of the atoms, within 1.2 of the median nearest-neighbour distance.",
        "Coordination",
        MINIMA,
        whole=False,
    ),
    "segregation": Kind(
        "Where the elements sit in the lowest minimum. Left: distances of the atoms from the centre, with their means. "
        "Right: the share of each element among all atoms (pale) and among those of the surface, which another atom "
        "could touch from outside.",
        "Composition and segregation",
        MINIMA,
        whole=False,
    ),
    "mixing": Kind(
        "Energies of the lowest minima with the same number of atoms above the mean of the pure clusters; "
        "below zero the elements mix.",
        "Excess energies",
        MINIMA,
    ),
    "series": Kind(
        "Above: energies per atom above a smooth fit by N, N^(2/3), N^(1/3) and 1. Below: second differences of the energy, with "
        "the magic numbers, which are higher than their neighbours.",
        "Sizes",
        MINIMA,
    ),
    "status": Kind("How the structures ended.", "Status", BATCH),
    "energies": Kind(
        "Energies per atom over the numbers of atoms; for structures of one size, how many have which energy.",
        "Energies by size",
        BATCH,
    ),
    "slowest": Kind("The structures that took the most evaluations.", "Slowest structures", BATCH),
    "scores": Kind(
        "Evaluations per hit with 95 % intervals; a hollow triangle is the lower end of the interval where there was no hit.",
        "Evaluations per hit",
        COSTS,
    ),
    "networks": Kind("Training errors of networks with 95 % intervals over the steps.", "Training errors", COSTS),
}
