"""Damaged structure files, read: no traceback, no hang, and never fewer frames than there are without a word.

python tests/fuzz.py --count 10000 --seed 0 [FOLDER ...]
"""

import argparse
import bz2
import contextlib
import gzip
import lzma
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from formats import NAMES, clusters, text_of

from clusteropt.io.reading import Unreadable, frames, sources

SECONDS = 5.0  # within which a file has to be read
EXAMPLES = Path(__file__).parents[1] / "docs/examples"
PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


class Hung(BaseException):
    """A reader did not come to an end; no reader catches this."""


class Damaged(NamedTuple):
    """A file and what must be in it, or told of."""

    name: str
    content: bytes
    least: int  # frames and problems, together: of what is whole before the damage
    silent: int  # frames, where no problem is told


def damaged(rng: np.random.Generator, seeds: dict[str, list[bytes]]) -> Damaged:
    """A file of some whole structures, with bytes flipped, cut, or joined to itself or to more structures.

    Where the file is packed, the damage comes before the packing or after it, as often.
    """
    name = str(rng.choice(sorted(seeds)))
    parts = [seeds[name][k] for k in rng.choice(len(seeds[name]), rng.integers(1, 5))]
    way = str(rng.choice(["flip", "cut", "double", "join", "whole", "lose"]))
    if way in ("double", "join"):
        parts = parts * 2 if way == "double" else [*parts, *(seeds[name][k] for k in rng.permutation(len(seeds[name])))]
    pack = next((pack for ending, pack in PACK.items() if name.endswith(ending)), None)
    if pack is not None and rng.random() < 0.5:  # what is told by a checksum need not be a frame
        return Damaged(name, changed(rng, way, pack(b"".join(parts)))[0], 1, len(parts))
    content, first = changed(rng, way, b"".join(parts))
    least, silent = told(way, first, [len(part) for part in parts])
    return Damaged(name, content if pack is None else pack(content), least, silent)


def changed(rng: np.random.Generator, way: str, content: bytes) -> tuple[bytes, int]:
    """The bytes with the damage, and where it begins."""
    if way == "flip":
        places = rng.integers(0, len(content), rng.integers(1, 5))
        flipped = bytearray(content)
        for place in places:
            flipped[place] = rng.choice([flipped[place] ^ (1 << int(rng.integers(8))), *b"0 \nA9.-"])
        return bytes(flipped), int(places.min())
    if way not in ("cut", "lose"):
        return content, len(content)
    first = int(rng.integers(1, len(content)))
    last = len(content) if way == "cut" else min(len(content), first + int(rng.integers(1, 30)))
    return content[:first] + content[last:], first


def told(way: str, first: int, sizes: list[int]) -> tuple[int, int]:
    """How many frames there have to be, with problems and without, in parts of these sizes with a damage at `first`."""
    ends = np.cumsum(sizes)
    whole = int(np.searchsorted(ends, first, side="right"))
    if way == "flip":
        return max(1, whole), len(sizes)  # the first that is damaged may be told of with the one before it
    if way not in ("cut", "lose"):
        return len(sizes), len(sizes)
    begun = first - (ends[whole - 1] if whole else 0) > sizes[min(whole, len(sizes) - 1)] / 2
    return whole + int(begun), whole + int(begun)


def verdict(folder: Path, given: Damaged) -> str:
    """The outcome for a file: read, refused, or a fault."""
    path = folder / given.name
    path.write_bytes(given.content)
    try:
        with limited(SECONDS):
            found = list(frames(str(path)))
    except Hung:
        return "hang"
    except Exception as problem:  # noqa: BLE001  that is what is looked for
        return f"traceback {type(problem).__name__}: {str(problem)[:60]}"
    problems = [one.problem for one in found if isinstance(one, Unreadable)]
    if any("\n" in problem or ": " not in problem for problem in problems):
        return f"more or less than a line: {problems}"
    if len(found) < given.least or (not problems and len(found) < given.silent):
        return "fewer frames"
    return "refused in part" if 0 < len(problems) < len(found) else "refused" if problems else "read"


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises Hung after that time."""

    def stop(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def seeds_of(rng: np.random.Generator, folders: list[Path]) -> dict[str, list[bytes]]:
    """Structures of every format, and files of the folders, one to a part where they hold one structure."""
    seeds = {name: [text_of(name, atoms) for atoms in clusters(rng, 4)] for name in NAMES}
    for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
        found = list(frames(str(path)))
        if len(found) == 1 and not isinstance(found[0], Unreadable) and path.name not in seeds:
            with sources.opened(path) as contents:
                seeds[path.name] = [contents.read()]
    return seeds


def counts(n_files: int, seed: int, folders: list[Path], keep: Path | None = None) -> Counter[str]:
    """How often each verdict was found in so many files; the faulty ones are kept in a folder."""
    rng = np.random.default_rng(seed)
    seeds = seeds_of(rng, [EXAMPLES, *folders])
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for k in range(n_files):
            given = damaged(rng, seeds)
            word = verdict(Path(folder), given)
            found[word] += 1
            if keep is not None and word not in ("read", "refused", "refused in part"):
                (keep / f"{k}-{word.split()[0]}-{given.least}-{given.name}").write_bytes(given.content)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that show a fault")
    arguments = parser.parse_args()
    found = counts(arguments.count, arguments.seed, arguments.folders, arguments.keep)
    for word, count in found.most_common():
        print(f"{count:7,} {word}")


if __name__ == "__main__":
    main()
