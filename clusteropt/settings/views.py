"""How structures are drawn."""

import re
from dataclasses import dataclass

from clusteropt.settings.options import AT_LEAST_1, Choices, Range, check, one_of, option

_ANGLE = r"[+-]?(\d+\.?\d*|\.\d+)[xyz]"
_ROTATION = re.compile(rf"{_ANGLE}(,{_ANGLE})*")
_ROTATIONS = Choices(
    lambda: ("angles in degrees with their axes, such as 10x,-20y",), lambda text: bool(_ROTATION.fullmatch(text))
)


@dataclass(frozen=True)
class ViewSettings:
    """The wishes of a user about a picture of structures."""

    formula: str | None = option(None, "Only structures of this formula, such as Au38.", usual="all formulas")
    limit: int = option(
        12,
        "Draw at most so many structures: the first ones, or the lowest of each formula in a database.",
        AT_LEAST_1,
        flags=("--limit", "-n"),
    )
    rotation: str | None = option(
        None,
        "Turn the structures around the axes x (to the right), y (upwards) and z (to the viewer), one after the other.",
        _ROTATIONS,
        "degrees, as 10x,-20y",
        usual="a small tilt, 12x,-16y",
    )
    keep_axes: bool = option(
        False,
        "Keep the axes of the file. Otherwise the longest principal axis lies to the right, the shortest to the viewer.",
        usual="structures are turned by their principal axes",
        flags=("--keep-axes",),
    )
    style: str = option(
        "auto",
        "Spheres that touch, or balls and sticks: auto takes sticks where there are non-metals or metalloids.",
        one_of("auto", "spheres", "sticks"),
    )
    labels: bool = option(
        False,
        "Write the numbers of the atoms that are in sight, from 0 as in ASE.",
        usual="no numbers",
        flags=("--labels",),
    )
    columns: int | None = option(None, "Columns of the grid.", AT_LEAST_1, usual="few empty places")
    width: float | None = option(
        None, "Width of the picture.", Range(1, 100), "cm", usual="8.5 for one structure, 17.8 for several"
    )

    def __post_init__(self) -> None:
        check(self)
