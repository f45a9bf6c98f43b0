"""What is in a structure file of any format: its frames, as ASE's atoms."""

import warnings
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms
from ase.io import read as ase_read
from ase.io.extxyz import XYZError
from ase.io.formats import UnknownFileTypeError

from clusteropt import extxyz
from clusteropt.errors import InputError
from clusteropt.reading.sources import STDIN

_XYZ = (".xyz", ".extxyz")


def contents(path: Path, name: str) -> Iterator[Atoms | str]:
    """The frames of the file at `path`, which the user calls `name`, or what is wrong with one.

    Raises InputError where nothing more can be read.
    """
    return _xyz(path) if name.lower().endswith(_XYZ) else iter(_others(path, name))


def _xyz(path: Path) -> Iterator[Atoms | str]:
    count = 0
    try:
        with path.open(encoding="utf-8") as file:
            for block in extxyz.blocks(file):
                yield _frame(block)
                count += 1
    except XYZError as reason:
        raise InputError(_from_here_on(count, str(reason), "mend the file or export it again")) from None
    except UnicodeDecodeError:
        raise InputError(_from_here_on(count, "not text in UTF-8", "convert it, or export it again")) from None
    except OSError as reason:
        raise InputError(_from_here_on(count, str(reason.strerror), "look at its disk")) from None


def _frame(block: extxyz.Block) -> Atoms | str:
    try:
        return extxyz.atoms_of(block)
    except Exception as damage:  # noqa: BLE001  damaged frames raise about ten kinds of exceptions
        return f"cannot be read ({one_line(damage)}): mend the frame or export it again"


def _from_here_on(count: int, reason: str, cure: str) -> str:
    return f"cannot be read{' from here on' * (count > 0)} ({reason}): {cure}"


def _others(path: Path, name: str) -> list[Atoms]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ase_read(path, index=":", do_not_split_by_at_sign=True)
    except UnknownFileTypeError:
        cure = "pipe extended XYZ, or name the file itself" if name == STDIN else "give it a known ending, such as .xyz"
        raise InputError(f"not a structure file that ASE knows: {cure}") from None
    except UnicodeDecodeError:
        raise InputError("cannot be read (not text in UTF-8): convert it, or export it again") from None
    except Exception as problem:  # noqa: BLE001  readers of damaged files raise about ten kinds of exceptions
        raise InputError(f"cannot be read ({one_line(problem)}): mend the file or export it again") from None
    return [atoms for atoms in found if isinstance(atoms, Atoms)]


def one_line(problem: Exception) -> str:
    """What an exception of a reader says, short."""
    text = " ".join(str(problem).split())
    if isinstance(problem, KeyError):
        return f"{text} is no element or column that is known"
    return f"{type(problem).__name__}: {text[:160]}" if text else "does its ending match its contents?"
