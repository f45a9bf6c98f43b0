"""Minima for tests of databases: made up, without a potential's energies."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from clusteropt.database.database import Database
from clusteropt.database.records import RunInfo
from clusteropt.engine.step import Status
from clusteropt.potentials import sets
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum

N_ATOMS = 7
SYMBOLS = ("X",) * N_ATOMS


def minimum(number: int, n_atoms: int = N_ATOMS) -> Minimum:
    """Another minimum for each number, all of them with the energy of a neighbour in steps of 0.01."""
    rng = np.random.default_rng(number)
    positions, forces = rng.uniform(-2, 2, (n_atoms, 3)), rng.uniform(-1e-5, 1e-5, (n_atoms, 3))
    energies = rng.uniform(-3, -1, n_atoms)
    energies += (-20 + 0.01 * number - energies.sum()) / n_atoms
    fmax = float(np.linalg.norm(forces, axis=1).max())
    return Minimum(Status.CONVERGED, positions, -1.0, float(energies.sum()), energies, forces, fmax, 100)


def found(number: int, n_reached: int = 1, origin: str = "random start", n_evaluations: int | None = None) -> Found:
    """A minimum of that number, which takes more evaluations the higher the number is."""
    evaluations = 100 * (number + 1) if n_evaluations is None else n_evaluations
    return Found(minimum(number), n_reached, origin, evaluations, evaluations / 1000)


def turned(given: Found, seed: int, mirrored: bool = False) -> Found:
    """A copy: rotated, shifted, its atoms in another order, perhaps reflected, and with the noise of another minimization."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(given.minimum.positions))
    matrix = Rotation.random(rng=rng).as_matrix() * (-1 if mirrored else 1)
    positions = given.minimum.positions[order] @ matrix.T + rng.uniform(-9, 9, 3)
    positions = positions + rng.uniform(-1e-4, 1e-4, positions.shape)
    energy = given.minimum.energy + rng.uniform(-1e-8, 1e-8)
    forces, energies = given.minimum.forces[order] @ matrix.T, given.minimum.energies[order]
    moved = given.minimum._replace(positions=positions, energy=energy, energies=energies, forces=forces)
    return given._replace(minimum=moved)


def opened(path: Path, patience: float = 20.0, potential: str = "lj", elements: tuple[str, ...] = ("X",)) -> Database:
    """The database of that potential, made if it is not there."""
    return Database.open(path, sets.load(potential).potential(elements), patience=patience)


def filled(path: Path, minima: Sequence[Found], seed: int = 0) -> Path:
    """The file, to which one run has added those minima."""
    with opened(path) as database:
        run = database.begin_run(RunInfo("a test", SYMBOLS, seed))
        database.keep(run, minima)
        database.end_run(run, 10_000, 1.5, "all done")
    return path


def told(path: Path) -> dict[float, int]:
    """The times reached by energy, of all minima."""
    with Database.open(path, create=False) as database:
        return {round(entry.energy, 5): entry.n_reached for entry in database.entries()}
