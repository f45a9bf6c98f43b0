"""Parts that several reports have in common."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clusteropt.records.kinds import KINDS
from clusteropt.report.page import Picture

if TYPE_CHECKING:
    from clusteropt.pictures.kinds import Drawing


def by_kind(pictures: Mapping[str, "Drawing"]) -> dict[str, Picture]:
    """The pictures with their titles and captions, in the order of the kinds."""
    return {name: Picture(pictures[name](), one.title, one.shows) for name, one in KINDS.items() if name in pictures}


def drawn(pictures: Mapping[str, "Drawing"]) -> list[Picture]:
    """The same as a list."""
    return [*by_kind(pictures).values()]
