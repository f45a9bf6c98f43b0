"""Structures to draw, with their titles."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ase import Atoms

from clusteropt.database.database import Database
from clusteropt.database.rows import formula_of
from clusteropt.database.selection import frames as frames_of
from clusteropt.database.selection import limited, listed
from clusteropt.database.settings import Wanted
from clusteropt.gathering.origins import units_of
from clusteropt.gathering.structures import energy_of
from clusteropt.io.reading import Frame, Unreadable, slice_of
from clusteropt.pictures import notation
from clusteropt.pictures.records import Pictured
from clusteropt.records.minima import USUAL
from clusteropt.records.origin import Units
from clusteropt.search.starts import symbols_of
from clusteropt.settings.views import ViewSettings


class Shown(NamedTuple):
    """A structure, and what is drawn of it."""

    atoms: Atoms
    picture: Pictured


def of_database(path: Path, spec: str, settings: ViewSettings) -> Iterator[Shown]:
    """The lowest minima of each formula, or those that `file@index` names, in their order in the database.

    Raises InputError for what is no database of minima, or has none of the formula.
    """
    with Database.open(path) as database:
        every, index = listed(database, Wanted(settings.formula)), slice_of(spec)
        chosen = limited(every, settings.limit) if index == slice(None) else every[index]
        yield from (_shown(atoms, str(path), database.origin.energy_unit) for atoms in frames_of(database, chosen))


def of_frames(found: Iterable[Frame | Unreadable], formula: str | None) -> Iterator[Shown | str]:
    """The frames of a formula, or all; words on those that cannot be drawn. Raises UsageError for a text that is no formula."""
    wanted = None if formula is None else formula_of(symbols_of(formula))
    for one in found:
        if isinstance(one, Unreadable):
            yield f"{one.label}: {one.problem}"
        elif wanted in (None, formula_of(one.atoms.get_chemical_symbols())):
            shown = _shown(one.atoms, one.label)
            yield shown if shown.picture.is_drawable else f"{one.label}: cannot be drawn: it has no finite positions"


def _shown(atoms: Atoms, label: str, unit: str = "") -> Shown:
    """The structure, its energy in that unit or in that of its potential."""
    symbols, group = atoms.get_chemical_symbols(), str(atoms.info.get("point_group", ""))
    title = [notation.formula(formula_of(symbols)), *([notation.group(group)] if group else [])]
    own = Units(unit, "") if unit else units_of(str(atoms.info.get("potential", "")), symbols)
    energy = energy_of(atoms)
    number = "" if energy is None else f"{energy:.4f}".replace("-", "−")
    note = f"{number} {own.shown.energy}" if number else notation.plain(Path(label).name)
    status = str(atoms.info.get("status", ""))
    note += f", {notation.plain(status)}" if status not in USUAL else ""
    return Shown(atoms, Pictured(symbols, atoms.positions, "  ".join(title), note))
