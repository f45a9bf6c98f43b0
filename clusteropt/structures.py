"""ASE atoms in and out: reading any file, checking it, turning frames into `Structure`, writing results."""

import io
import os
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms

from clusteropt import __version__
from clusteropt.clusters import Structure
from clusteropt.errors import InputError
from clusteropt.minima import Minimum
from clusteropt.potentials.base import Potential

STDIN = "-"


@dataclass(frozen=True)
class Frame:
    """One structure of one file."""

    source: str  # the file, as the user wrote it
    index: int  # of the frame, as read
    of: int  # frames read from the file
    atoms: Atoms

    @property
    def label(self) -> str:
        return self.source if self.of == 1 else f"{self.source}:{self.index}"


def read(spec: str) -> list[Frame]:
    """All frames of a file, or those that `file@index` names, or of standard input for '-'.

    Raises InputError naming the file, the problem and the cure.
    """
    from ase.io import read as ase_read
    from ase.io.formats import UnknownFileTypeError, parse_filename
    from ase.utils import string2index

    name, index = (spec, None) if spec == STDIN or Path(spec).exists() else parse_filename(spec)
    if index is None:
        index = ":"
    chosen = string2index(index) if isinstance(index, str) else index
    path = _stdin_file() if spec == STDIN else Path(name)
    try:
        _check_file(path, spec)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frames = ase_read(path, index=chosen if isinstance(chosen, slice) else slice(None))
    except InputError:
        raise
    except UnknownFileTypeError:
        raise InputError(f"{spec}: not a structure file that ASE knows: give it a known ending, such as .xyz") from None
    except Exception as problem:  # noqa: BLE001  readers of damaged files raise about ten kinds of exceptions
        raise InputError(f"{spec}: cannot be read ({_one_line(problem)}): mend the file or export it again") from None
    finally:
        if spec == STDIN:
            path.unlink(missing_ok=True)
    frames = [atoms for atoms in frames if isinstance(atoms, Atoms)]
    if not isinstance(chosen, slice):
        if not -len(frames) <= int(chosen) < len(frames):
            raise InputError(f"{spec}: the file has {len(frames)} frames: choose an index from 0 to {len(frames) - 1}")
        frames = [frames[int(chosen)]]
    if not frames:
        raise InputError(f"{spec}: no frames: check the file, or the index after '@'")
    return [Frame(spec, i, len(frames), atoms) for i, atoms in enumerate(frames)]


def _check_file(path: Path, spec: str) -> None:
    if not path.exists():
        raise InputError(f"{spec}: no such file: check the name")
    if path.is_dir():
        raise InputError(f"{spec}: a folder, not a file: name the files in it, as {spec.rstrip('/')}/*.xyz")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as problem:
        raise InputError(f"{spec}: cannot be read: {problem.strerror}") from None
    if not head.strip():
        raise InputError(f"{spec}: the file is empty: export the structure again")


def _stdin_file() -> Path:
    """Standard input as a file, because readers want to look at the beginning first."""
    handle, name = tempfile.mkstemp(prefix="clusteropt-stdin-")
    with os.fdopen(handle, "wb") as file:
        file.write(sys.stdin.buffer.read())
    return Path(name)


def _one_line(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text[:160]}" if text else type(problem).__name__


def to_structure(atoms: Atoms, potential: Potential) -> Structure:
    """The structure in the potential's terms. Raises InputError for constraints or boundaries that are not supported."""
    if len(atoms) == 0:
        raise InputError("a frame without atoms: remove it from the file")
    if atoms.pbc.any() and not atoms.pbc.all():
        raise InputError("periodic in some directions only, which is not supported: set pbc='T T T' or 'F F F'")
    species = np.array([potential.elements.index(s) for s in atoms.get_chemical_symbols()], np.int32)
    cell = np.array(atoms.cell) if atoms.pbc.all() else None
    return Structure(np.array(atoms.positions), species, _free(atoms), cell)


def _free(atoms: Atoms) -> np.ndarray:
    free = np.ones(len(atoms), bool)
    for constraint in atoms.constraints:
        if not isinstance(constraint, FixAtoms):
            raise InputError(f"constraint {type(constraint).__name__} is not supported, only FixAtoms: remove it")
        free[constraint.index] = False
    return free


def elements_of(atoms: Atoms) -> tuple[str, ...]:
    """The different elements, sorted."""
    return tuple(sorted(set(atoms.get_chemical_symbols())))


def result_atoms(atoms: Atoms, minimum: Minimum, potential: Potential, optimizer: str) -> Atoms:
    """The input frame at its minimum, with energy, forces and where they come from; its own info and arrays are kept."""
    out = atoms.copy()
    out.info.update(
        status=minimum.status.label,
        potential=potential.name,
        optimizer=optimizer,
        evaluations=minimum.n_evaluations,
        clusteropt_version=__version__,
    )
    if minimum.problem:
        return out
    out.set_positions(minimum.positions, apply_constraint=False)
    if np.isfinite(minimum.energy) and np.isfinite(minimum.forces).all():
        values = {"energy": minimum.energy, "free_energy": minimum.energy, "energies": minimum.energies}
        out.calc = SinglePointCalculator(out, **values, forces=minimum.forces)
    return out


def extxyz(frames: list[Atoms]) -> str:
    """The frames as extended XYZ."""
    from ase.io import write as ase_write

    text = io.StringIO()
    ase_write(text, frames, format="extxyz")
    return text.getvalue()
