"""Keys of results: hashes of the settings, of the files that the settings name, and of the whole structure."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from clusteropt.batch.job import RETRY_MAY_CHANGE
from clusteropt.errors import UsageError
from clusteropt.hosts.identity import contents
from clusteropt.settings.config import MinimizeSettings


def made_of(settings: MinimizeSettings) -> dict[str, Any]:
    """Version, settings and file hashes that all results of a batch share.

    Raises UsageError or InputError where a file that the settings name cannot be used.
    """
    if settings.all_minima:
        raise UsageError("all_minima is for `minimize`: a batch keeps the lowest minimum of each structure")
    shared = {name: value for name, value in asdict(settings).items() if name != "all_minima"}
    return contents(shared, settings.method().learned, settings.potential)


def fingerprint(common: dict[str, Any]) -> str:
    """The hash of `made_of`, without the settings that a retry may change."""
    settings = {name: value for name, value in common["settings"].items() if name not in RETRY_MAY_CHANGE}
    return hashlib.sha256(json.dumps(common | {"settings": settings}, sort_keys=True).encode()).hexdigest()


def content_key(atoms: Atoms, fingerprint: str) -> str:
    """The key of a structure: 32 hexadecimal digits, a hash of the frame (with info and arrays) and of `fingerprint`."""
    digest = hashlib.sha256(fingerprint.encode())
    digest.update(np.ascontiguousarray(atoms.positions).tobytes())
    digest.update(atoms.numbers.astype(np.int64).tobytes())
    cell = np.array(atoms.cell)
    if atoms.pbc.any() or cell.any():
        digest.update(atoms.pbc.tobytes() + cell.tobytes())
    for constraint in atoms.constraints:
        fixed = constraint.index.tolist() if isinstance(constraint, FixAtoms) else str(constraint)
        digest.update(f"{type(constraint).__name__}{fixed}".encode())
    more = {name: values for name, values in atoms.arrays.items() if name not in ("positions", "numbers")}
    for key, value in (*atoms.info.items(), *more.items(), *({} if atoms.calc is None else atoms.calc.results).items()):
        digest.update(f"\0{key}\0{_content(value)}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def unreadable_key(name: str, index: int, problem: str, fingerprint: str) -> str:
    """The key of a frame that cannot be read: a hash of its file, index and problem, and of `fingerprint`."""
    parts = [fingerprint, "unreadable", name, str(index), problem]
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:32]


def _content(value: object) -> str:
    """The whole value as text. Arrays are not abridged."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tolist()}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_content(k)}:{_content(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_content, value)) + "]"
    return repr(value)
