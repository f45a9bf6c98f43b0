"""The kinds of pictures: their names, titles and captions, and the results that have them."""

from typing import NamedTuple

MINIMA = "a database of minima, or a file of structures"
BATCH, COSTS = "the folder of a batch", "the output of evaluate --json"


class Kind(NamedTuple):
    """A kind of picture."""

    shows: str  # a sentence, its caption
    title: str
    of: str  # the results that have it
    whole: bool = True  # it shows all results; not those of one formula
    needs: str = ""  # what is lacking where such results do not have it


KINDS = {
    "ladder": Kind(
        "Energies above the lowest minimum, each with its rank, its point group and how often it was reached.",
        "Energy ladder",
        MINIMA,
        whole=False,
        needs="minima with energies: `clusteropt energy` computes them",
    ),
    "hits": Kind(
        "How often each minimum was reached, and after how many evaluations the first search that found it had come to it.",
        "Times reached",
        MINIMA,
        whole=False,
        needs="how often minima were reached, which the database of a search tells",
    ),
    "progress": Kind(
        "The best energy of each search over its evaluations.",
        "Progress",
        MINIMA,
        whole=False,
        needs="the course of a search, which its database tells",
    ),
    "radial": Kind(
        "Radial distribution: neighbours of an atom for each unit of length, over the distance; peaks are smoothed by 3 % of the "
        "nearest-neighbour distance.",
        "Radial distribution",
        MINIMA,
        whole=False,
        needs="a structure of two atoms or more at different, finite places",
    ),
    "coordination": Kind(
        "Numbers of neighbours of the atoms, within 1.2 of the median nearest-neighbour distance.",
        "Coordination",
        MINIMA,
        whole=False,
        needs="a structure of two atoms or more at different, finite places",
    ),
    "segregation": Kind(
        "Where the elements sit in the lowest minimum. Left: distances of the atoms from the centre, with their means. "
        "Right: the share of each element among all atoms (pale) and among those of the surface, which another atom "
        "could touch from outside.",
        "Composition and segregation",
        MINIMA,
        whole=False,
        needs="a cluster of two elements or more, whose atoms are at finite places",
    ),
    "mixing": Kind(
        "Energies of the lowest minima with the same number of atoms above the mean of the pure clusters; "
        "below zero the elements mix.",
        "Excess energies",
        MINIMA,
        needs="the energies of both pure clusters, and of a mixed one, with equal numbers of atoms",
    ),
    "series": Kind(
        "Above: energies per atom above a smooth fit by N, N^(2/3), N^(1/3) and 1. Below: second differences of the energy, with "
        "the magic numbers, which are higher than their neighbours.",
        "Sizes",
        MINIMA,
        needs="the energies of three sizes or more of one element",
    ),
    "status": Kind(
        "How the structures ended.",
        "How they ended",
        BATCH,
        needs="a list of structures, which the batch has not made yet",
    ),
    "energies": Kind(
        "Energies per atom over the numbers of atoms; structures of one size with equal energies stand side by side.",
        "Energies by size",
        BATCH,
        needs="a structure with an energy",
    ),
    "slowest": Kind(
        "The structures that took the most evaluations.",
        "Slowest structures",
        BATCH,
        needs="a structure that took evaluations",
    ),
    "scores": Kind(
        "Evaluations per hit with 95 % intervals; a hollow triangle is the lower end of the interval where there was no hit.",
        "Evaluations per hit",
        COSTS,
        needs="scores on clusters: these are of networks",
    ),
    "networks": Kind(
        "Training errors of networks with 95 % intervals over the steps.",
        "Training errors",
        COSTS,
        needs="scores on networks: these are of clusters",
    ),
}
