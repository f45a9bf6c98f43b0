"""The scales of a calculator for some elements: found from free atoms and from an icosahedron of 13 atoms that breathes.

Where the electrons of the icosahedron do not settle, as those of gold by GFN2-xTB, a tetrahedron takes its place.
"""

from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from clusteropt.errors import CalculatorFailed, ClusterOptError, UsageError
from clusteropt.potentials.calculators.memory import Answer, Question
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.calculators.recipe import file_of

_STEP = 1.05  # between two lengths
_FACTORS = 0.8 * _STEP ** np.arange(22)  # of the sum of the covalent radii
_JUMP = 0.1  # of the range of energies, by which a difference may be another than the forces tell
_MOST = 25.0  # eV, by which an atom may be bound; no solid binds one by 9
_LEAST = (
    1e-5  # eV of an atom, of which two of helium have a hundred times as much; less is the rounding of a calculator
)
_SHAKE = 1e-3  # angstrom, by which atoms are displaced where the calculator has failed; it hardly changes an energy
_SAME = 1e-3  # energy scales by which two values for the same positions may differ
_TRIES = 3  # for a second evaluation of the same positions, where the calculator fails now and then
_GOLDEN = (1 + 5**0.5) / 2
_TWELVE = np.array([np.roll([0, a, b * _GOLDEN], k) for k in range(3) for a in (-1, 1) for b in (-1, 1)])
_THIRTEEN = np.concatenate([np.zeros((1, 3)), _TWELVE / np.linalg.norm(_TWELVE[0])])  # its shortest distance is 1


class Shape(NamedTuple):
    """A cluster that tells of the scales."""

    name: str
    places: np.ndarray  # (n_atoms, 3), the shortest distance is 1
    stretch: float  # the scale of lengths, in the shortest distance at the lowest energy
    binding: float  # the energy by which an atom is bound, in the scale of energies


# The scale of lengths is the mean length of the icosahedron's 42 bonds, of which 30 are on its surface. An icosahedron has 3.4
# energies an atom by Lennard-Jones, 5 to 6 by potentials of metals. Against its scales, tetrahedra of nine elements by effective
# medium theory, GFN1-xTB and GFN2-xTB had 0.98 to 1.22 lengths and 2.7 to 4.9 energies.
_ICOSAHEDRON = Shape("an icosahedron", _THIRTEEN, (12 + 30 / np.sin(2 * np.pi / 5)) / 42, 5.0)
_TETRAHEDRON = Shape("a tetrahedron", np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8**0.5, 1.06, 4.0)


class Found(NamedTuple):
    """The scales of a calculator for some elements."""

    length: float  # angstrom
    energy: float  # eV, of a bond
    free_atoms: tuple[float, ...]  # eV, the energy of an atom of each element alone
    missing: str = ""  # what the calculator failed for that these numbers would have followed from, in words


def scales_of(pool: Pool, elements: tuple[str, ...], given: tuple[float, float] | None = None) -> Found:
    """The scales for clusters of the elements; `given` are length (angstrom) and energy (eV) that a user knows better.

    Raises CalculatorFailed where the calculator cannot compute the elements, UsageError where it binds them too little or too
    much, ClusterOptError where it gives two energies for the same positions.
    """
    numbers = np.array([atomic_numbers[element] for element in elements], np.int32)
    of_atoms = [Question(numbers[k : k + 1], np.zeros((1, 3))) for k in range(len(numbers))]
    alone = pool.all_answers(of_atoms, tolerant=True)
    atoms = np.array([_energy(one) for one in alone])
    if given is None and not np.isfinite(atoms).any():
        near = _near_contact(pool, numbers)
        if not any(isinstance(answer, Answer) for answer in near):  # each of the other questions might time out
            raise CalculatorFailed(_refusal(pool, elements, [*alone, *near]))
    _, alone = _once_more(pool, of_atoms, alone, [k for k, one in enumerate(alone) if isinstance(one, str)])
    atoms = np.array([_energy(one) for one in alone])
    best = _breathed(pool, numbers, atoms, _ICOSAHEDRON, given)
    if best.is_unsettled(given) and len(numbers) <= len(_TETRAHEDRON.places):
        other = _breathed(pool, numbers, atoms, _TETRAHEDRON, given)
        if not other.is_unsettled(given) or not np.isfinite(best.energy):
            before = best.faults if np.isfinite(best.energy) else ()
            best = other._replace(faults=before + other.faults)
    if not np.isfinite(best.energy):
        raise CalculatorFailed(_refusal(pool, elements, [*alone, *(why for _, why in best.faults)]))
    if given is None and not _LEAST < best.atomization < _MOST:
        raise UsageError(_no_scales(pool, elements, best))
    length, energy = (best.length, best.atomization / best.shape.binding) if given is None else given
    _check_repeats(pool, best.question, best.energy, energy)
    missing = _missing(elements, alone, best) if given is None else ""
    return Found(float(length), float(energy), tuple(best.free.tolist()), missing)


def _missing(elements: tuple[str, ...], alone: list[Answer | str], best: "_Breath") -> str:
    """The atoms alone, and the cluster that tells of the scales, that could not be computed, in words; empty for none."""
    failed = [
        (f"an atom of {one} alone", why) for one, why in zip(elements, alone, strict=True) if isinstance(why, str)
    ]
    failed += best.faults
    return f"{' and '.join(what for what, _ in failed)} ({failed[-1][1]})" if failed else ""


def _once_more(
    pool: Pool, asked: list[Question], answers: list[Answer | str], which: list[int]
) -> tuple[list[Question], list[Answer | str]]:
    """Questions and answers, those at the indices `which` replaced by others about atoms that were displaced a little."""
    shifts = np.random.default_rng(0)
    asked = list(asked)
    for k in which:
        asked[k] = asked[k]._replace(positions=asked[k].positions + shifts.normal(0, _SHAKE, asked[k].positions.shape))
    again = dict(zip(which, pool.all_answers([asked[k] for k in which], tolerant=True), strict=True))
    return asked, [again.get(k, answer) for k, answer in enumerate(answers)]


def _holes(answers: list[Answer | str]) -> list[int]:
    """The indices of failures that may hide the lowest energy: before a length that was computed, and next to the lowest energy.

    Other stretched clusters may fail for good.
    """
    fine = {k: answer.energy for k, answer in enumerate(answers) if isinstance(answer, Answer)}
    until = max(*fine, min(fine, key=fine.__getitem__) + 2) if fine else 0
    return [k for k in range(min(until, len(answers))) if k not in fine]


def rough(elements: tuple[str, ...], given: tuple[float, float] | None = None) -> Found:
    """Scales of the right order, by covalent radii, or those that a user gives, where nothing follows from free atoms."""
    contact = _contact(np.array([atomic_numbers[element] for element in elements]))
    return Found(*(given or (contact, 1.0)), (0.0,) * len(elements))


def _near_contact(pool: Pool, numbers: np.ndarray) -> list[Answer | str]:
    """The answers for the shapes, near their usual size."""
    shapes = (_ICOSAHEDRON, _TETRAHEDRON)
    asked = [Question(np.resize(numbers, len(one.places)), _contact(numbers) * one.places) for one in shapes]
    return pool.all_answers(asked, tolerant=True)


class _Breath(NamedTuple):
    """A cluster that was computed at several lengths, or at a given one."""

    shape: Shape
    question: Question  # of the lowest energy that can be believed
    energy: float  # eV, there; NaN where the calculator gives none at all
    atomization: float  # eV, by which an atom is bound there
    length: float  # angstrom, the scale
    free: np.ndarray  # (n_elements,) eV, the energies of atoms alone
    is_bottom: bool  # higher energies are on both sides, as the forces tell
    faults: tuple[tuple[str, str], ...] = ()  # where a lower energy may be, but the calculator has failed, and why

    def is_unsettled(self, given: tuple[float, float] | None) -> bool:
        """True where the energy cannot be believed; False where the atoms are just not bound. At a length `given` any will do."""
        if given is not None or not np.isfinite(self.energy):
            return not np.isfinite(self.energy)
        return self.atomization >= _MOST or (self.atomization > _LEAST and not self.is_bottom)


def _breathed(
    pool: Pool, numbers: np.ndarray, atoms: np.ndarray, shape: Shape, given: tuple[float, float] | None
) -> _Breath:
    """Computes a cluster of the elements `numbers`, whose `atoms` alone have these energies (n_elements,) or NaN."""
    n = len(shape.places)
    many = np.resize(numbers, n)
    lengths = _contact(numbers) * _FACTORS if given is None else np.array([given[0]])
    asked = [Question(many, length * shape.places) for length in lengths]
    answers = pool.all_answers(asked, tolerant=True)
    failed = [k for k, answer in enumerate(answers) if isinstance(answer, str)]
    asked, answers = _once_more(pool, asked, answers, _holes(answers) if given is None else failed)
    energies = np.array([_energy(answer) for answer in answers])
    if not np.isfinite(energies).any():
        faults = ((shape.name, str(answers[-1])),)
        return _Breath(shape, asked[0], np.nan, np.nan, np.nan, atoms, False, faults)
    best, is_bottom = _bottom(energies, np.array([_slope(*pair) for pair in zip(asked, answers, strict=True)]))
    apart = energies[np.isfinite(energies)][-1] / n  # the largest cluster, where one atom alone cannot be computed
    free = np.where(np.isfinite(atoms), atoms, apart)
    atomization = float(free[np.resize(np.arange(len(numbers)), n)].sum() - energies[best]) / n
    length = shape.stretch * lowest(lengths, energies, best)
    faults = () if is_bottom else tuple((shape.name, str(answers[k])) for k in _holes(answers)[:1])
    return _Breath(shape, asked[best], float(energies[best]), atomization, length, free, is_bottom, faults)


def _contact(numbers: np.ndarray) -> float:
    """The sum of the covalent radii of two atoms (angstrom), the mean over these elements as a cluster of 13 has them."""
    return 2 * float(np.mean(covalent_radii[np.resize(numbers, len(_THIRTEEN))]))


def _no_scales(pool: Pool, elements: tuple[str, ...], told: _Breath) -> str:
    """The sentence about a calculator that binds a cluster too little or too much."""
    own, name = f"calculator {pool.recipe.name}", "-".join(elements)
    give = "give the length of a bond in angstrom and its energy in eV, as --calculator-scales"
    contact = _contact(np.array([atomic_numbers[element] for element in elements]))
    if told.atomization > _MOST:
        why = f"by {told.atomization:,.0f} eV an atom: its electrons do not settle: change its options, or"
        return f"{own} binds {told.shape.name} of {name} {why} {give} {contact:.2g},1"
    return f"{own} does not bind {told.shape.name} of {name}, as of molecules: {give} {contact:.2g},4"


def _bottom(energies: np.ndarray, slopes: np.ndarray) -> tuple[int, bool]:
    """The index of the lowest energy (n,) with higher neighbours, by differences that agree with the forces, and if there is one.

    Where there is none, the index is that of the lowest energy.

    Where electrons do not settle, as in stretched clusters, a method may give an energy that is far too low. `slopes` (n,):
    derivatives of the energy with respect to the logarithm of the length.
    """
    rises, told = np.diff(energies), np.log(_STEP) * (slopes[:-1] + slopes[1:]) / 2
    fine = np.abs(rises - told) <= _JUMP * (np.nanmax(energies) - np.minimum(energies[:-1], energies[1:]))
    bottom = fine[:-1] & fine[1:] & (rises[:-1] <= 0) & (rises[1:] >= 0)
    sound = np.concatenate([[False], bottom, [False]]) if bottom.any() else np.isfinite(energies)
    return int(np.where(sound, energies, np.inf).argmin()), bool(bottom.any())


def _slope(question: Question, answer: Answer | str) -> float:
    """The derivative (eV) of the energy of a cluster that swells, with respect to the logarithm of its size."""
    return -float((answer.forces * question.positions).sum()) if isinstance(answer, Answer) else np.nan


def lowest(lengths: np.ndarray, energies: np.ndarray, k: int) -> float:
    """The length at the energy of index `k`, the lowest nearby, by a parabola through it and its neighbours."""
    near = slice(max(k - 1, 0), k + 2)
    x, y = np.log(lengths[near] / lengths[k]), energies[near] - energies[k]
    if len(x) < 3 or not np.isfinite(y).all():
        return float(lengths[k])
    a, b, _ = np.polyfit(x, y, 2)
    return float(lengths[k] * np.exp(np.clip(-b / (2 * a), x[0], x[-1]))) if a > 0 else float(lengths[k])


def _energy(answer: Answer | str) -> float:
    return answer.energy if isinstance(answer, Answer) else np.nan


def _refusal(pool: Pool, elements: tuple[str, ...], answers: list[Answer | str]) -> str:
    """The sentence about a calculator that cannot do the elements, with the first and the last of the faults in `answers`."""
    faults = [answer for answer in answers if isinstance(answer, str)]
    why = f" ({'; '.join(dict.fromkeys([faults[0], faults[-1]]))})" if faults else ""
    file, name = file_of(pool.recipe), "-".join(elements)
    cure = "" if file is None else f"correct {file} or --calculator-options, or "
    return f"calculator {pool.recipe.name} gives no energies and forces of {name}{why}: {cure}name another calculator"


def _check_repeats(pool: Pool, question: Question, energy: float, scale: float) -> None:
    """Raises ClusterOptError where a second evaluation gives another energy."""
    answer: Answer | str = ""
    for _ in range(_TRIES):
        if not isinstance(answer, Answer):
            answer = pool.all_answers([question], afresh=True, tolerant=True)[0]
    if isinstance(answer, str):
        raise ClusterOptError(
            f"calculator {pool.recipe.name} failed {_TRIES} times for positions that it has computed before, at last: {answer}: "
            "make it repeatable, by its options or another calculator"
        )
    again = answer.energy
    if not abs(again - energy) <= _SAME * scale:
        raise ClusterOptError(
            f"calculator {pool.recipe.name} gives different energies, {energy:.6f} and {again:.6f} eV, for the same positions: "
            "make it repeatable, by its options or another calculator"
        )
