"""Remarks on the inputs of a batch before it starts: how labels were understood, doubtful units, and periodic boxes."""

from collections.abc import Mapping
from functools import cache

from clusteropt.batch.items import Given
from clusteropt.errors import UsageError
from clusteropt.io import doubts
from clusteropt.io.structures import elements_of
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.potentials.calculators import known
from clusteropt.search.inputs import misplaced
from clusteropt.settings.config import MinimizeSettings
from clusteropt.words import listed

_WARNING = "warning: "


class Remarks:
    """Collects remarks while the inputs are read: on labels and units once per file."""

    def __init__(self, settings: MinimizeSettings) -> None:
        self._chosen = settings.potential
        self._searches = settings.method().search is not None
        self._files: dict[str, list[str]] = {}  # remark -> files
        self._checked: set[str] = set()  # files whose units were checked

    def observe(self, given: Given) -> None:
        """Takes note of one structure."""
        if given.note:
            self._add(given.note, given.item.source)
        if given.atoms is None or len(given.atoms) < 2:
            return
        # what is misplaced is not to be computed, nor are scales for it
        if known.is_known(self._chosen) and misplaced(given.atoms.positions):
            return
        first = given.item.source not in self._checked
        search = self._searches and given.atoms.pbc.all()
        potential = _potential(elements_of(given.atoms), self._chosen) if first or search else None
        if potential is None:
            return
        if search:
            self._add(doubts.of_box(given.atoms, potential), given.item.source)
        if first:
            self._checked.add(given.item.source)
            doubt = doubts.of_units(given.atoms, potential)
            if doubt:
                self._add(_WARNING + doubt, given.item.source)

    def _add(self, remark: str, file: str) -> None:
        files = self._files.setdefault(remark, [])
        if files[-1:] != [file]:
            files.append(file)

    @property
    def messages(self) -> list[str]:
        """One line per remark, with the first file that it concerns."""
        return [_line(remark, files) for remark, files in self._files.items()]


def of_left_out(files: Mapping[str, list[str]]) -> list[str]:
    """One line per reason, with the files that were left out for it."""
    return [f"left out, {why}: {listed(names)}" for why, names in files.items() if names]


def _line(remark: str, files: list[str]) -> str:
    text = remark.removeprefix(_WARNING)
    return f"{_WARNING if text != remark else ''}{listed(files, 1)}: {text}"


@cache
def _potential(elements: tuple[str, ...], name: str | None) -> Potential | None:
    """The potential for these elements; None without one. Cached, because reading parameter files is slow."""
    try:
        return sets.potential_for(elements, name)
    except UsageError:
        return None
