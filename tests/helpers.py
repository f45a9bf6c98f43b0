"""Helpers of several test files: compiled kernels that many tests share, random and regular structures, relaxation."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from scipy.optimize import minimize as scipy_minimize

from clusteropt.clusters.arrays import Clusters, Structure, pack
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential, energy_and_gradient
from clusteropt.potentials.parameter_files import read
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.runtime import devices

LARGE = {"size": 88, "lanes": 1}  # of the program for every cluster and ball of one metal
SIZE, LANES = 8, 48  # of the program that most tests share: compiling is what takes time here
QUICK = {"xla_backend_optimization_level": 0}
FACE_CENTRED = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
DIAMOND = np.concatenate([FACE_CENTRED, FACE_CENTRED + 0.25])


class Values(NamedTuple):
    energies: np.ndarray  # (n_atoms,)
    gradient: np.ndarray  # (n_atoms, 3)

    @property
    def energy(self) -> float:
        return float(self.energies.sum())


def nameless(form: str, parameters: dict) -> Potential:
    """A potential without name and elements, so that sets of one form share one compiled program."""
    return Potential(parameters, form, "", (), "", "", 1.0, 1.0, None)


@cache
def program(form: str, core: float, quick: bool = False) -> Callable:
    """`energy_and_gradient`, compiled with the options of the product, or in half the time and for slower runs."""

    def compute(parameters: dict, clusters: Clusters):
        return energy_and_gradient(nameless(form, parameters), clusters, core)

    return jax.jit(compute, compiler_options=devices.compiler_options() | (QUICK if quick else {}))


def values(
    potential: Potential,
    structures: Sequence[Structure],
    size: int = SIZE,
    lanes: int = LANES,
    dtype: type = np.float64,
    core: float = 0.0,
    quick: bool = False,
) -> list[Values]:
    """Energies and gradient of every structure."""
    out = []
    nobody = structure(np.zeros((0, 3)), cell=structures[0].cell)
    for first in range(0, len(structures), lanes):
        block = [*structures[first : first + lanes]]
        batch = pack([*block, *[nobody] * (lanes - len(block))], size, dtype)
        energies, gradient = map(np.asarray, program(potential.form, core, quick)(potential.parameters, batch))
        assert not energies[~np.asarray(batch.mask)].any(), "padding atoms have no energy"
        assert not gradient[:, ~np.asarray(batch.mask)].any(), "padding atoms feel no force"
        for lane, one in enumerate(block):
            n = len(one.positions)
            out.append(Values(energies[:n, lane], gradient[:, :n, lane].T))
    return out


def value(potential: Potential, one: Structure, **options: object) -> Values:
    return values(potential, [one], **options)[0]  # type: ignore[arg-type]


def structure(positions: np.ndarray, species: Sequence[int] | None = None, cell: np.ndarray | None = None) -> Structure:
    n = len(positions)
    kinds = np.zeros(n, np.int32) if species is None else np.array(species, np.int32)
    return Structure(np.array(positions, float), kinds, np.ones(n, bool), cell)


def crystal(basis: np.ndarray, a: float, repeats: int, species: Sequence[int] | None = None) -> Structure:
    """A periodic box of `repeats` cubed cubic cells of lattice constant a."""
    corners = np.stack(np.meshgrid(*[np.arange(repeats)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    kinds = None if species is None else np.tile(species, repeats**3)
    return structure(a * (corners + basis).reshape(-1, 3), kinds, a * repeats * np.eye(3))


def ball(basis: np.ndarray, radius: float, reach: int) -> np.ndarray:
    """Lattice points (lattice constant 1) within `radius` of the origin, the origin first."""
    corners = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    points = (corners + basis).reshape(-1, 3)
    distances = np.linalg.norm(points, axis=1)
    order = np.argsort(distances, kind="stable")
    return points[order][distances[order] <= radius + 1e-9]


def lowest(scales: np.ndarray, energies: Sequence[float]) -> tuple[float, float]:
    """Place and value of the minimum of a smooth function sampled around it."""
    centre, width = scales.mean(), np.ptp(scales) / 2
    curve = np.polynomial.Polynomial.fit((scales - centre) / width, energies, len(scales) - 1)
    inside = [r.real for r in curve.deriv().roots() if abs(r.imag) < 1e-6 and abs(r.real) < 1]
    best = min(inside, key=curve)
    return centre + width * best, float(curve(best))


def breathe(potential: Potential, shape: np.ndarray, guess: float, **options: object) -> tuple[float, float]:
    """Scale and energy of `shape` where the energy is lowest with the shape kept: for one shell of equal atoms, the minimum."""

    def energies(scales: np.ndarray) -> list[float]:
        return [v.energy for v in values(potential, [structure(shape * s) for s in scales], **options)]  # type: ignore[arg-type]

    wide = guess * np.linspace(0.7, 1.3, 31)
    guess, energy = wide[np.argmin(energies(wide))], 0.0
    for width in (0.02, 0.002):
        scales = guess * np.linspace(1 - width, 1 + width, 5)
        guess, energy = lowest(scales, energies(scales))
    return guess, energy


def central(potential: Potential, points: np.ndarray, guess: float) -> tuple[float, float]:
    """Scale and energy of the atom at the origin where its energy is lowest."""
    energy = 0.0
    for width in (0.05, 0.01, 0.002):
        scales = guess * np.linspace(1 - width, 1 + width, 5)
        found = values(potential, [structure(points * s) for s in scales], **LARGE)
        guess, energy = lowest(scales, [v.energies[0] for v in found])
    return guess, energy


def relaxed(potential: Potential, start: Structure, **options: object) -> tuple[Structure, float]:
    """The local minimum below `start` by scipy's L-BFGS: for energies that must not depend on our own optimizers."""

    def target(x: np.ndarray) -> tuple[float, np.ndarray]:
        found = value(potential, start._replace(positions=x.reshape(-1, 3)), **options)
        return found.energy / potential.energy, found.gradient.ravel() / potential.energy

    limits = {"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9}
    best = scipy_minimize(target, start.positions.ravel(), jac=True, method="L-BFGS-B", options=limits)
    return start._replace(positions=best.x.reshape(-1, 3)), float(best.fun * potential.energy)


class Case(NamedTuple):
    """A potential and the boundaries it is tested with."""

    chosen: ParameterSet
    elements: tuple[str, ...]
    cell: np.ndarray | None = None

    @property
    def potential(self) -> Potential:
        return self.chosen.potential(self.elements)

    def symbols(self, of: Structure) -> list[str]:
        return [self.potential.elements[s] for s in of.species]

    def random(self, seed: int, n: int = 7, closest: float = 0.8) -> Structure:
        """n atoms at random, none closer than `closest` lengths, every element there; dense enough that all interact."""
        rng = np.random.default_rng(seed)
        length = self.potential.length
        side = self.cell if self.cell is not None else 1.25 * length * n ** (1 / 3) * np.eye(3)
        points = np.zeros((0, 3))
        while len(points) < n:
            point = rng.uniform(size=3) @ side
            if (np.linalg.norm(points - point, axis=1) > closest * length).all():
                points = np.vstack([points, point])
        kinds = rng.permutation(np.arange(n) % len(self.elements))
        return structure(points, kinds, self.cell)


def slopes(case: Case, at: Structure, core: float = 0.0, quick: bool = False) -> np.ndarray:
    """Central differences of the energy, (n_atoms, 3), to about 1e-9 of the largest force."""
    step = 1e-5 * case.potential.length
    displaced = []
    for index in np.ndindex(at.positions.shape):
        for sign in (1, -1):
            positions = at.positions.copy()
            positions[index] += sign * step
            displaced.append(at._replace(positions=positions))
    energies = np.array([v.energy for v in values(case.potential, displaced, core=core, quick=quick)])
    return (energies[0::2] - energies[1::2]).reshape(at.positions.shape) / (2 * step)


def lattice(height: float) -> np.ndarray:
    """A skewed cell whose smallest perpendicular height is `height`."""
    cell = np.array([[1, 0, 0], [0.3, 1.1, 0], [-0.2, 0.25, 1.2]])
    volume = np.linalg.det(cell)
    return cell * height / min(volume / np.linalg.norm(np.cross(cell[k - 2], cell[k - 1])) for k in range(3))


_SWITCHED = """
form = "lennard-jones"
elements = ["Ar", "Kr"]
units = {energy = "eV", length = "angstrom"}
source = "a test"
mixing = "lorentz-berthelot"
onset = 5.0
cutoff = 6.5
pairs.Ar-Ar = {epsilon = 0.0104, sigma = 3.4}
pairs.Kr-Kr = {epsilon = 0.014, sigma = 3.65}
"""


_TWO_MORSE = """
form = "morse"
elements = ["Ca", "Sr"]
units = {energy = "eV", length = "angstrom"}
source = "a test"
pairs.Ca-Ca = {epsilon = 0.13, rho = 4.6, r_e = 4.28}
pairs.Ca-Sr = {epsilon = 0.14, rho = 5.0, r_e = 4.4}
pairs.Sr-Sr = {epsilon = 0.12, rho = 4.8, r_e = 4.67}
"""


class _Text(NamedTuple):
    """A parameter file that is only text."""

    name: str
    text: str

    def read_text(self, encoding: str) -> str:
        return self.text


def cases() -> dict[str, Case]:
    """Every form, with one and several species, with cutoffs and with periodic boundaries."""
    switched = read(_Text("switched.toml", _SWITCHED))  # type: ignore[arg-type]
    two_morse = read(_Text("two-morse.toml", _TWO_MORSE))  # type: ignore[arg-type]
    gan, ag_cu = sets.load("sw-gan"), sets.load("gupta-ag-cu")
    return {
        "lj": Case(sets.load("lj"), ("X",)),
        "lj-mixed": Case(sets.load("lj-noble-gases"), ("Ar", "Xe")),
        "lj-cutoff": Case(switched, ("Ar", "Kr")),
        "lj-periodic": Case(switched, ("Ar", "Kr"), lattice(13.0)),
        "gupta": Case(sets.load("gupta-cleri-rosato"), ("Au",)),
        "gupta-cutoff": Case(ag_cu, ("Ag", "Cu")),
        "gupta-periodic": Case(ag_cu, ("Ag", "Cu"), lattice(10.02)),
        "morse": Case(sets.load("morse-rho14"), ("X",)),
        "morse-mixed": Case(two_morse, ("Ca", "Sr")),
        "sw": Case(sets.load("sw-si"), ("Si",)),
        "sw-periodic": Case(sets.load("sw-si"), ("Si",), lattice(7.55)),
        "sw-mixed": Case(gan, ("Ga", "N")),
        "sw-mixed-periodic": Case(gan, ("Ga", "N"), lattice(6.73)),
    }


CASES = cases()


def user_file(folder: Path, text: str, name: str = "own.toml") -> str:
    """The path of a parameter file with that text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)
