"""The wishes of a user who grows a series: its sizes and its files. The module imports little."""

import re
from pathlib import Path
from typing import NamedTuple

from clusteropt.commands.plans import Show
from clusteropt.commands.search_files import check_ours
from clusteropt.errors import UsageError
from clusteropt.runtime.files import check_writable
from clusteropt.settings.exploration import ExplorationSettings


class Sizes(NamedTuple):
    """The numbers of atoms of a series, from the first to the last."""

    first: int
    last: int

    @property
    def all(self) -> range:
        """All of them, in their order."""
        return range(self.first, self.last + 1)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


class GrowOutputs(NamedTuple):
    """The output options of a user."""

    out: Path | None = None
    db: Path | None = None
    picture: Path | None = None
    force: bool = False


class Asked(NamedTuple):
    """The wishes of a user."""

    element: str
    sizes: Sizes
    settings: ExplorationSettings
    seconds: float | None  # for each search; None for no limit
    outputs: GrowOutputs
    show: Show


class GrowFiles(NamedTuple):
    """The files of a series."""

    lowest: Path
    database: Path
    picture: Path | None


def sizes_of(text: str) -> Sizes:
    """The sizes that the text means, as '2-60'. Raises UsageError for any other text, one size, and clusters of one atom."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text.strip())
    if match is None:
        raise UsageError(f"'{text}' is no range of sizes: write the smallest and the largest, as 2-60")
    first, last = int(match[1]), int(match[2])
    if first < 2:
        raise UsageError(f"sizes {text}: the smallest cluster has two atoms: begin with 2, as 2-{max(last, 3)}")
    if first > last:
        raise UsageError(f"sizes {text}: the largest comes last: write {last}-{first}")
    if first == last:
        raise UsageError(f"sizes {text}: a series has two sizes at least: write {first}-{last + 1}, or use search")
    return Sizes(first, last)


def files_for(name: str, potential: str, wanted: GrowOutputs) -> GrowFiles:
    """The files of the series of that name, such as X2-60. Raises UsageError where one cannot be written, or is of another."""
    lowest = wanted.out or Path(f"{name}.min.xyz")
    if str(lowest) == "-":
        raise UsageError("--out cannot be '-': standard output has the table: give it a file name")
    check_ours(lowest, name, potential, wanted.force)
    if wanted.picture is not None:
        if wanted.picture.suffix != ".png":
            raise UsageError(f"{wanted.picture}: the picture is a PNG file: end the name in .png")
        check_writable(wanted.picture, wanted.force or _is_our_picture(wanted.picture, name), "--picture")
    return GrowFiles(lowest, wanted.db or Path(f"{name}.minima.db"), wanted.picture)


def title_of(name: str) -> str:
    """The title in the picture's file, by which a repeated series knows it."""
    return f"clusteropt grow {name}"


def _is_our_picture(path: Path, name: str) -> bool:
    try:
        with path.open("rb") as file:
            return title_of(name).encode() in file.read(4096)
    except OSError:
        return False
