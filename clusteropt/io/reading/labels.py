"""The elements that labels of atoms stand for, where the labels are not element symbols or mean other elements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from clusteropt.clusters.boxes import whole
from clusteropt.errors import InputError, UsageError
from clusteropt.io.extxyz import UnknownSymbol, atomic_number
from clusteropt.potentials import sets
from clusteropt.settings.config import ReadingSettings

Symbols = Mapping[str, str]  # label of the file -> element
Reader = Callable[[Symbols | None], list[Atoms]]  # the frames of a record; raises UnknownSymbol


@dataclass(frozen=True)
class Wishes:
    """The options that say how files are to be understood."""

    elements: Symbols = field(default_factory=dict)  # the option --elements
    only: str | None = None  # the species of a named potential that has only one
    box: bool = True  # False drops periodic cells


AS_WRITTEN = Wishes()


def wishes_of(reading: ReadingSettings, potential: str | None) -> Wishes:
    """The wishes that follow from the options and the named `potential`.

    Raises UsageError for an invalid option, InputError for an invalid parameter file.
    """
    species = () if potential is None else sets.load(potential).elements
    return Wishes(elements_of_option(reading.elements), species[0] if len(species) == 1 else None, reading.box)


def elements_of_option(text: str | None) -> dict[str, str]:
    """The mapping label -> element of a text such as '1=Cu,2=Zr'. Raises UsageError for any other text."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        label, equals, element = (word.strip() for word in part.partition("="))
        if not (label and equals and element):
            raise UsageError(f"--elements cannot be '{text}': write label=element, as SI=X or 1=Cu,2=Zr")
        if element.capitalize() not in chemical_symbols:
            raise UsageError(
                f"--elements: '{element}' is not an element: write a chemical symbol, or X for reduced units"
            )
        if found.get(label, element.capitalize()) != element.capitalize():
            raise UsageError(f"--elements: {label} cannot be {found[label]} and {element.capitalize()}: give it once")
        found |= {form(label): element.capitalize() for form in (str, str.upper, str.lower, str.capitalize)}
    return found


class _Heard(dict[str, str]):
    """Symbols that record the labels that a file has used."""

    def __init__(self, symbols: Symbols) -> None:
        super().__init__(symbols)
        self.used: dict[str, str] = {}

    def __getitem__(self, label: str) -> str:
        self.used[label] = super().__getitem__(label)
        return self.used[label]

    def get(self, label: str, default: str | None = None) -> str | None:  # type: ignore[override]
        if label not in self:
            return default
        return self[label]


def understood(read: Reader, wishes: Wishes) -> tuple[list[Atoms], str]:
    """The frames of a record, with labels replaced as `wishes` says, and a note on the replacements.

    An unknown label that all atoms share stands for the only species of the potential. Raises InputError for other unknown
    labels.
    """
    unknown, heard = "", _Heard(wishes.elements)
    try:
        found = read(heard or None)
    except UnknownSymbol as label:
        unknown = label.symbol
        stand_in = (
            "Og" if wishes.only != "Og" else "Ts"
        )  # an element by which one can see whether all atoms have this label
        try:
            found = read({**wishes.elements, unknown: stand_in}) if wishes.only is not None else []
        except UnknownSymbol:
            found = []
        if not found or any(set(atoms.get_chemical_symbols()) != {stand_in} for atoms in found):
            raise InputError(
                f"cannot be read ({unknown} is not an element): say what it stands for, as --elements {unknown}=Au"
            ) from None
    taken = next(filter(None, [_as_only(atoms, unknown, wishes.only) for atoms in found]), "")
    notes = [*(f"{label} is taken for {element}" for label, element in sorted(heard.used.items())), taken]
    if not wishes.box:
        notes.append("the periodic box is left out" if any(atoms.pbc.any() for atoms in found) else "")
        for atoms in found:
            _drop_box(atoms)
    return found, "; ".join(filter(None, notes))


def _drop_box(atoms: Atoms) -> None:
    """Leaves the atoms alone, in one piece where they lie around a corner of the box."""
    if atoms.pbc.all():
        atoms.set_positions(whole(np.array(atoms.positions), np.array(atoms.cell)), apply_constraint=False)
    atoms.set_cell(np.zeros((3, 3)))
    atoms.pbc = False


def _as_only(atoms: Atoms, label: str, only: str | None) -> str:
    """Makes a single foreign element the only species of the potential; says so."""
    elements = set(atoms.get_chemical_symbols())
    if only is None or len(elements) != 1 or elements == {only}:
        return ""
    (element,) = elements
    atoms.numbers[:] = atomic_number(only)
    return f"{label or element} is taken for {only}, the only species of the potential"


def renamed(atoms: Atoms, symbols: Symbols | None) -> Atoms:
    """A frame with `symbols` applied after reading: to its array of types if it has one, else to its elements."""
    if symbols:
        types = [str(kind) for kind in atoms.arrays.get("type", [""] * len(atoms))]
        elements = atoms.get_chemical_symbols()
        names = [
            symbols.get(kind) or symbols.get(element, element) for kind, element in zip(types, elements, strict=True)
        ]
        atoms.numbers[:] = [atomic_number(name) for name in names]
    return atoms


def element_of(label: str, symbols: Symbols | None) -> str:
    """The element that a label stands for. Raises UnknownSymbol for an unknown label."""
    if symbols and label in symbols:
        return symbols[label]
    element = chemical_symbols[atomic_number(label)]
    return symbols.get(element, element) if symbols else element
