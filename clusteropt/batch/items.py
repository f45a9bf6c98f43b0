"""What is asked for and what comes of it, as it goes from process to process. Light: to unpack it does not load jax."""

import pickle
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


class Parcel:
    """Structures on their way to another process: pickled as one piece, which takes a fifth of the time of their arrays."""

    def __init__(self, given: list[Given]) -> None:
        self.given = given

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return _unpacked, (pickle.dumps(self.given, pickle.HIGHEST_PROTOCOL),)


def _unpacked(piece: bytes) -> Parcel:
    return Parcel(pickle.loads(piece))  # noqa: S301  Dask unpickles what it gets, and this is a part of it
