"""The choice among the minima of a database."""

import re
from dataclasses import dataclass

from clusteropt.settings.options import AT_LEAST_1, NOT_NEGATIVE, Choices, check, option

_NAMES = (
    "C1",
    "Cs",
    "Ci",
    "C2v",
    "C5v",
    "D5h",
    "D3d",
    "S4",
    "T",
    "Td",
    "Th",
    "O",
    "Oh",
    "I",
    "Ih",
    "or another symbol",
)
_ORDER = r"[1-9]\d*"  # of the main axis
_SYMBOL = re.compile(
    rf"C[si]|C{_ORDER}[vh]?|D{_ORDER}[hd]?|S(?:[2468]|{_ORDER}[02468])|T[dh]?|Oh?|Ih?|Kh|Cinfv|Dinfh", re.IGNORECASE
)
_POINT_GROUPS = Choices(lambda: _NAMES, lambda name: _SYMBOL.fullmatch(name) is not None)


@dataclass(frozen=True)
class Wanted:
    """The minima that a user asks for."""

    formula: str | None = option(None, "Only minima of this formula, such as Au38.", usual="all formulas in the file")
    within: float | None = option(
        None,
        "Only minima up to this energy above the lowest of their formula.",
        NOT_NEGATIVE,
        "energy unit of the potential, as eV or epsilon",
        usual="all energies",
    )
    point_group: str | None = option(
        None,
        "Only minima of this point group, in Schoenflies' notation, such as Oh or C2v.",
        _POINT_GROUPS,
        usual="all point groups",
    )
    limit: int | None = option(
        None,
        "At most so many minima of each formula, the lowest.",
        AT_LEAST_1,
        usual="20 in a table, all in a file and in JSON",
        flags=("--limit", "-n"),
    )

    def __post_init__(self) -> None:
        check(self)
