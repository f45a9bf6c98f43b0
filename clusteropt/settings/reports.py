"""The settings of a report."""

from dataclasses import dataclass

from clusteropt.settings.options import Range, check, option


@dataclass(frozen=True)
class ReportSettings:
    """The choice of what a report or a picture shows."""

    formula: str | None = option(None, "Only minima of this formula, such as Au38.", usual="all formulas")
    structures: int = option(
        12,
        "Show at most so many structures of each formula in 3D, the lowest; of a batch, of so many formulas the lowest one.",
        Range(0, 100),
    )
    title: str | None = option(None, "Title of the page.", usual="what the results are of")

    def __post_init__(self) -> None:
        check(self)
