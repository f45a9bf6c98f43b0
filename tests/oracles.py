"""The potentials once more, in plain numpy and as the papers write them: no tables, no moments, no minimum image.

Energies of the atoms, all neighbours and triples by explicit loops; forces by the complex step, which has no
differencing error. Slow, and independent of the package: only the numbers of a parameter set are taken from there.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from clusteropt.potentials.parameters import ParameterSet

Neighbours = list[list[tuple[int, np.ndarray]]]  # of every atom: the other atom's index and the vector to it


def energies(chosen: ParameterSet, symbols: Sequence[str], positions: np.ndarray, cell: np.ndarray | None = None):
    """(n_atoms,) energies; complex where the positions are."""
    forms = {"lennard-jones": lennard_jones, "gupta": gupta, "stillinger-weber": stillinger_weber, "morse": morse}
    form = forms[chosen.form]
    return form(chosen, symbols, neighbours(positions, cell, reach(chosen)))


def gradient(chosen: ParameterSet, symbols: Sequence[str], positions: np.ndarray, cell: np.ndarray | None = None):
    """(n_atoms, 3) derivative of the total energy."""
    out = np.zeros_like(positions)
    for index in np.ndindex(positions.shape):
        displaced = positions.astype(complex)
        displaced[index] += 1e-30j
        out[index] = energies(chosen, symbols, displaced, cell).sum().imag / 1e-30
    return out


def reach(chosen: ParameterSet) -> float:
    """Beyond it, nothing of that set is left."""
    ends = [p.get("cutoff", p.get("a", np.inf) * p["sigma"] if "sigma" in p else np.inf) for p in chosen.pairs.values()]
    return chosen.options.get("cutoff", max(ends))


def neighbours(positions: np.ndarray, cell: np.ndarray | None, within: float) -> Neighbours:
    """All others, and with a cell all images of all atoms in the 5 x 5 x 5 cells around, as far as they are `within`."""
    images = np.zeros((1, 3)) if cell is None else np.array(list(product(range(-2, 3), repeat=3))) @ cell
    found: Neighbours = []
    for i, here in enumerate(positions):
        vectors = positions[:, None] + images - here
        distances = np.linalg.norm(vectors.real, axis=-1)
        distances[i, ~images.any(1)] = np.inf
        found.append([(j, vectors[j, m]) for j, m in zip(*np.nonzero(distances < within), strict=True)])
    return found


def length(vector: np.ndarray):
    """Its length, analytic in complex coordinates too."""
    return np.sqrt(vector @ vector)


def lennard_jones(chosen: ParameterSet, symbols: Sequence[str], near: Neighbours):
    """E = sum over pairs of 4 epsilon [(sigma/r)^12 - (sigma/r)^6], times the CHARMM switch where there is a cutoff."""
    out = []
    for i, around in enumerate(near):
        total = 0
        for j, vector in around:
            pair, r = chosen.pairs[symbols[i], symbols[j]], length(vector)
            energy = 4 * pair["epsilon"] * ((pair["sigma"] / r) ** 12 - (pair["sigma"] / r) ** 6)
            if "cutoff" in chosen.options:
                energy *= charmm_switch(r, chosen.options["onset"], chosen.options["cutoff"])
            total += energy / 2
        out.append(total)
    return np.array(out)


def charmm_switch(r, onset: float, cutoff: float):
    if r.real < onset:
        return 1.0
    if r.real > cutoff:
        return 0.0
    return (cutoff**2 - r**2) ** 2 * (cutoff**2 + 2 * r**2 - 3 * onset**2) / (cutoff**2 - onset**2) ** 3


def morse(chosen: ParameterSet, symbols: Sequence[str], near: Neighbours):
    """Half of D (1 - exp(-a (r - r_e)))^2 - D of every pair, as Morse writes it, with a = rho / r_e."""
    out = []
    for i, around in enumerate(near):
        total = 0
        for j, vector in around:
            pair = chosen.pairs[symbols[i], symbols[j]]
            rate = pair["rho"] / pair["r_e"]
            bond = (1 - np.exp(-rate * (length(vector) - pair["r_e"]))) ** 2
            total += (pair["epsilon"] * bond - pair["epsilon"]) / 2
        out.append(total)
    return np.array(out)


def gupta(chosen: ParameterSet, symbols: Sequence[str], near: Neighbours):
    """E_i = sum A exp(-p (r/r0 - 1)) - sqrt(sum xi^2 exp(-2 q (r/r0 - 1))), ended by polynomials where there is a cutoff."""
    out = []
    for i, around in enumerate(near):
        repulsion, density = 0, 0
        for j, vector in around:
            pair, r = chosen.pairs[symbols[i], symbols[j]], length(vector)
            ends = pair.get("onset"), pair.get("cutoff")
            repulsion += decaying(r, pair["A"], pair["p"] / pair["r0"], pair["r0"], *ends)
            density += decaying(r, pair["xi"], pair["q"] / pair["r0"], pair["r0"], *ends) ** 2
        out.append(repulsion - np.sqrt(density))
    return np.array(out)


def decaying(r, height: float, rate: float, r0: float, onset: float | None, cutoff: float | None):
    """height exp(-rate (r - r0)), from the onset to the cutoff the quintic with the same value, slope and curvature."""
    if onset is None or r.real < onset:
        return height * np.exp(-rate * (r - r0))
    if r.real > cutoff:
        return 0.0
    t, value = onset - cutoff, height * np.exp(-rate * (onset - r0))
    first, second = -rate * value, rate**2 * value
    a3 = (20 * value - 8 * t * first + t**2 * second) / (2 * t**3)
    a4 = -(15 * value - 7 * t * first + t**2 * second) / t**4
    a5 = (12 * value - 6 * t * first + t**2 * second) / (2 * t**5)
    x = r - cutoff
    return a3 * x**3 + a4 * x**4 + a5 * x**5


def stillinger_weber(chosen: ParameterSet, symbols: Sequence[str], near: Neighbours):
    """Half of every pair energy and every angle energy at the atom: three nested loops, as LAMMPS documents the form."""
    out = []
    for i, around in enumerate(near):
        pairs = [chosen.pairs[symbols[i], symbols[j]] for j, _ in around]
        bonds = [
            (j, vector, length(vector), pair)
            for (j, vector), pair in zip(around, pairs, strict=True)
            if length(vector).real < pair["a"] * pair["sigma"]
        ]
        total = 0
        for first, (j, d_ij, r_ij, ij) in enumerate(bonds):
            two_body = ij["A"] * ij["epsilon"] * (ij["B"] * (ij["sigma"] / r_ij) ** 4 - 1)
            total += two_body * np.exp(ij["sigma"] / (r_ij - ij["a"] * ij["sigma"])) / 2
            for k, d_ik, r_ik, ik in bonds[first + 1 :]:
                angle = chosen.triples[symbols[i], symbols[j], symbols[k]]
                cosine = (d_ij @ d_ik) / (r_ij * r_ik)
                h_ij = np.exp(ij["gamma"] * ij["sigma"] / (r_ij - ij["a"] * ij["sigma"]))
                h_ik = np.exp(ik["gamma"] * ik["sigma"] / (r_ik - ik["a"] * ik["sigma"]))
                total += angle["lambda"] * angle["epsilon"] * (cosine - angle["cos_theta0"]) ** 2 * h_ij * h_ik
        out.append(total)
    return np.array(out)
