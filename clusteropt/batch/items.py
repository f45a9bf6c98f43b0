"""What is asked for and what comes of it, as it goes from process to process. Light: to unpack it does not load jax."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ase import Atoms


class Item(NamedTuple):
    """One structure of one file, or a file that cannot be read."""

    label: str  # what messages call it
    source: str  # the file, as found
    frame: int  # of the file
    n_atoms: int
    key: str  # a hash of content and settings


class Given(NamedTuple):
    """An item with its structure; without, where there is a problem."""

    item: Item
    atoms: "Atoms | None"
    problem: str = ""


class Line(NamedTuple):
    """The result of one structure: what `results.jsonl` says of it, and the frame as extended XYZ."""

    key: str
    record: dict[str, Any]
    frame: str  # empty where nothing could be read
