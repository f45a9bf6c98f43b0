"""Fitted potentials in HDF5 files: tables of numbers, elements, units, scales, and a card about the fit.

Plain arrays and attributes; nothing in a file is ever executed. A file is written whole or not at all, and read only with the
right checksum.
"""

import hashlib
import io
import json
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from clusteropt import __version__
from clusteropt.errors import InputError
from clusteropt.potentials.form import REAL_UNITS
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.runtime.files import write_atomically

FORMAT = 1
KIND = "clusteropt network potential"
_OTHERS = {"clusteropt learned optimizer": "a learned optimizer: give it to --optimizer"}


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A fitted potential."""

    tables: dict[str, np.ndarray]  # of the form `network`, for all of the elements
    elements: tuple[str, ...]  # species are indices into it
    length: float  # the usual distance of nearest neighbours
    energy: float  # of a bond
    units: dict[str, str] = field(default_factory=lambda: dict(REAL_UNITS))
    card: dict[str, Any] = field(default_factory=dict)  # what it was fitted to, and how well

    def __repr__(self) -> str:
        return f"Fit({self.checksum})"

    @property
    def checksum(self) -> str:
        """A hash of all that the fit holds."""
        return _checksum(self.tables, self.about)

    @property
    def about(self) -> str:
        """All but the tables, as JSON."""
        told = {"length": self.length, "energy": self.energy, "units": self.units, "card": self.card}
        return json.dumps({"elements": self.elements, **told})

    def as_set(self, name: str) -> ParameterSet:
        """The parameter set of that name, which has every pair of the elements."""
        pairs: dict[tuple[str, str], dict[str, float]] = {(a, b): {} for a in self.elements for b in self.elements}
        about = (
            f"fitted to {self.card.get('structures', 'some')} structures by clusteropt {self.card.get('version', '')}"
        )
        return ParameterSet(
            name=name,
            form="network",
            elements=self.elements,
            units=self.units,
            source=about.strip(),
            doi="",
            pairs=pairs,
            triples={},
            default_for=(),
            doubtful="",
            notes="",
            options={"fit": self},
        )


def content_of(fit: Fit) -> bytes:
    """The fit as the content of an HDF5 file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update(kind=KIND, format=FORMAT, clusteropt_version=__version__, about=fit.about)
        file.attrs["sha256"] = fit.checksum
        for name, table in fit.tables.items():
            file[f"tables/{name}"] = np.asarray(table, np.float64)
    return buffer.getvalue()


def save(path: Path, fit: Fit) -> None:
    """Writes the fit as HDF5. Raises ClusterOptError where that fails."""
    write_atomically(path, content_of(fit))


def load(path: Path | Traversable) -> Fit:
    """Reads a fit. Raises InputError for a file that cannot be read, is damaged, foreign or of another version."""
    content = b""
    try:
        content = path.read_bytes()
        with h5py.File(io.BytesIO(content), "r") as file:
            attributes = dict(file.attrs)
            _check_kind(path, attributes)
            group: Any = file["tables"]
            tables = {name: np.array(table, np.float64) for name, table in group.items()}
    except (OSError, KeyError, RuntimeError, ValueError, AttributeError) as problem:
        why = f"not a readable HDF5 file ({type(problem).__name__})" if content else "empty, or cannot be read"
        raise InputError(f"{path}: {why}: name a file that `clusteropt fit` has written") from None
    try:
        text = str(attributes["about"])
        if attributes["sha256"] != _checksum(tables, text):
            raise InputError(f"{path}: damaged, the checksum does not match: copy it or fit again")
        about = json.loads(text)
        return Fit(tables, tuple(about.pop("elements")), **about)
    except (KeyError, TypeError, ValueError) as problem:
        raise InputError(f"{path}: incomplete or foreign ({problem}): fit again") from None


def _check_kind(path: Path | Traversable, attributes: dict[str, Any]) -> None:
    kind = attributes.get("kind")
    if kind != KIND:
        other = _OTHERS.get(str(kind), "no potential: name a file that `clusteropt fit` has written")
        raise InputError(f"{path}: an HDF5 file, but {other}")
    if attributes.get("format") != FORMAT:
        raise InputError(
            f"{path}: format {attributes.get('format')} is not known, only {FORMAT}: use the clusteropt that wrote it "
            f"({attributes.get('clusteropt_version')}), or fit again"
        )


def _checksum(tables: dict[str, np.ndarray], about: str) -> str:
    total = hashlib.sha256(about.encode())
    for name in sorted(tables):
        table = np.asarray(tables[name], "<f8")
        total.update(f"{name}{table.shape}".encode() + table.tobytes())
    return total.hexdigest()
