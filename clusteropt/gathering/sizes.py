"""Compositions side by side: a series of sizes of one element, alloys of two elements with equal numbers of atoms."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ase.formula import Formula

from clusteropt.finding.series import magic_numbers, second_differences
from clusteropt.records.minima import Composition, Mixed, Mixture, Size

_FEWEST = 3  # compositions in a series or a mixture


def in_order(compositions: Iterable[Composition]) -> list[Composition]:
    """The compositions by their numbers of atoms, and then by their formulas."""
    return sorted(compositions, key=lambda one: (sum(Formula(one.formula).count().values()), one.formula))


def sizes_of(compositions: Sequence[Composition]) -> tuple[Size, ...]:
    """The series of the element of which there are most sizes; empty where there are fewer than three."""
    by_element: dict[str, dict[int, float]] = defaultdict(dict)
    for one in compositions:
        counts = Formula(one.formula).count()
        if len(counts) == 1 and one.levels:
            ((element, n),) = counts.items()
            by_element[element][n] = one.levels[0].energy
    energies = max(by_element.values(), key=len, default={})
    return series_of(energies) if len(energies) >= _FEWEST else ()


def series_of(energies: dict[int, float]) -> tuple[Size, ...]:
    """The sizes with their energies, by the number of atoms."""
    differences = second_differences(energies)
    magic = {*magic_numbers(differences)}
    return tuple(Size(n, energies[n], differences.get(n), n in magic) for n in sorted(energies))


def mixtures_of(compositions: Sequence[Composition]) -> tuple[Mixture, ...]:
    """Three or more alloys of the same two elements with equal numbers of atoms, the pure clusters among them."""
    counts = {one.formula: Formula(one.formula).count() for one in compositions if one.levels}
    pairs = Counter((*sorted(own), sum(own.values())) for own in counts.values() if len(own) == 2)
    found = []
    for a, b, n in sorted(pairs):
        members = [
            Mixed(one.formula, counts[one.formula].get(b, 0), one.levels[0].energy)
            for one in compositions
            if one.formula in counts and {*counts[one.formula]} <= {a, b} and sum(counts[one.formula].values()) == n
        ]
        if len(members) >= _FEWEST:
            found.append(Mixture((a, b), n, tuple(sorted(members, key=lambda one: one.n_second))))
    return tuple(found)
