"""The scales of a calculator for some elements: found from free atoms and from an icosahedron of 13 atoms that breathes."""

from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.potentials.calculators.memory import Answer, Question
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.calculators.recipe import at_fault

_STEP = 1.05  # between two lengths
_FACTORS = 0.8 * _STEP ** np.arange(22)  # of the sum of the covalent radii
_JUMP = 0.1  # of the range of energies, by which a difference may be another than the forces tell
_MOST = 25.0  # eV, by which an atom may be bound; no solid binds one by 9
_BONDS = 5.0  # energy scales of an atom in an icosahedron of 13: 3.4 by Lennard-Jones, 5 to 6 by potentials of metals
_MEAN = (12 + 30 / np.sin(2 * np.pi / 5)) / 42  # the mean length of its bonds, in that of the 12 shortest
_LEAST = (
    1e-5  # eV of an atom, of which two of helium have a hundred times as much; less is the rounding of a calculator
)
_SAME = 1e-3  # energy scales by which two values for the same positions may differ
_GOLDEN = (1 + 5**0.5) / 2
_TWELVE = np.array([np.roll([0, a, b * _GOLDEN], k) for k in range(3) for a in (-1, 1) for b in (-1, 1)])
_ICOSAHEDRON = np.concatenate([np.zeros((1, 3)), _TWELVE / np.linalg.norm(_TWELVE[0])])  # its shortest distance is 1


class Found(NamedTuple):
    """The scales of a calculator for some elements."""

    length: float  # angstrom
    energy: float  # eV, of a bond
    free_atoms: tuple[float, ...]  # eV, the energy of an atom of each element alone


def scales_of(pool: Pool, elements: tuple[str, ...], given: tuple[float, float] | None = None) -> Found:
    """The scales for clusters of the elements; `given` are length (angstrom) and energy (eV) that a user knows better.

    Raises UsageError where the calculator cannot compute the elements, ClusterOptError where it gives two energies for the same
    positions.
    """
    numbers = np.array([atomic_numbers[element] for element in elements], np.int32)
    alone = pool.all_answers(
        [Question(numbers[k : k + 1], np.zeros((1, 3))) for k in range(len(numbers))], tolerant=True
    )
    many = np.resize(numbers, len(_ICOSAHEDRON))
    contact = 2 * float(np.mean(covalent_radii[many]))
    lengths = contact * _FACTORS if given is None else np.array([given[0]])
    asked = [Question(many, length * _ICOSAHEDRON) for length in lengths]
    answers = pool.all_answers(asked, tolerant=True)
    energies = np.array([_energy(answer) for answer in answers])
    if not np.isfinite(energies).any():
        raise UsageError(_refusal(pool, elements, alone))
    best = _bottom(energies, np.array([_slope(*pair) for pair in zip(asked, answers, strict=True)]))
    atoms = np.array([_energy(one) for one in alone])
    spread = energies[np.isfinite(energies)][-1] / len(many)  # the atoms far apart, where one alone cannot be computed
    free = np.where(np.isfinite(atoms), atoms, spread)
    atomization = float(free[np.resize(np.arange(len(numbers)), len(many))].sum() - energies[best]) / len(many)
    if given is None and not atomization > _LEAST:
        raise UsageError(
            f"calculator {pool.recipe.name} binds no icosahedron of {'-'.join(elements)}, as of molecules: give the length of a "
            f"bond in angstrom and its energy in eV, as --calculator-scales {contact:.2g},4"
        )
    if given is None and atomization > _MOST:
        raise UsageError(
            f"calculator {pool.recipe.name} binds an icosahedron of {'-'.join(elements)} by {atomization:,.0f} eV an atom: its "
            "electrons do not settle: change its options, or give the length of a bond in angstrom and its energy in eV, as "
            f"--calculator-scales {contact:.2g},1"
        )
    length, energy = (_MEAN * lowest(lengths, energies, best), atomization / _BONDS) if given is None else given
    _check_repeats(pool, asked[best], float(energies[best]), energy)
    return Found(float(length), float(energy), tuple(free.tolist()))


def _bottom(energies: np.ndarray, slopes: np.ndarray) -> int:
    """The index of the lowest energy (n,) with higher neighbours, by differences that agree with the forces.

    Where electrons do not settle, as in stretched clusters, a method may give an energy that is far too low. `slopes` (n,):
    derivatives of the energy with respect to the logarithm of the length.
    """
    rises, told = np.diff(energies), np.log(_STEP) * (slopes[:-1] + slopes[1:]) / 2
    fine = np.abs(rises - told) <= _JUMP * (np.nanmax(energies) - np.minimum(energies[:-1], energies[1:]))
    bottom = fine[:-1] & fine[1:] & (rises[:-1] <= 0) & (rises[1:] >= 0)
    sound = np.concatenate([[False], bottom, [False]]) if bottom.any() else np.isfinite(energies)
    return int(np.where(sound, energies, np.inf).argmin())


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


def _refusal(pool: Pool, elements: tuple[str, ...], alone: list[Answer | str]) -> str:
    """The sentence about a calculator that cannot do the elements."""
    why = next((f" ({answer})" for answer in alone if isinstance(answer, str)), "")
    fault = at_fault(pool.recipe)
    cure = "name another calculator" if fault.startswith("--") else f"correct {fault}, or name another calculator"
    return f"calculator {pool.recipe.name} gives no energies and forces of {'-'.join(elements)}{why}: {cure}"


def _check_repeats(pool: Pool, question: Question, energy: float, scale: float) -> None:
    """Raises ClusterOptError where a second evaluation gives another energy."""
    again = _energy(pool.all_answers([question], afresh=True, tolerant=True)[0])
    if not abs(again - energy) <= _SAME * scale:
        raise ClusterOptError(
            f"calculator {pool.recipe.name} gives different energies, {energy:.6f} and {again:.6f} eV, for the same positions: "
            "make it repeatable, by its options or another calculator"
        )
