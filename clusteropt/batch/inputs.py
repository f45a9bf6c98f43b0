"""The inputs of a batch: from names to files, from files to structures, each with its key."""

import glob
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from clusteropt.batch.identity import content_key, unreadable_key
from clusteropt.batch.items import Given, Item
from clusteropt.errors import InputError, UsageError
from clusteropt.io.reading import Frame, Unreadable, Wishes, file_of, frames, sources
from clusteropt.io.reading.formats import ENDINGS
from clusteropt.io.reading.labels import AS_WRITTEN

_MAGIC = set("*?[")
_KEPT = 2_000_000  # atoms that are kept in memory between the survey and the computation
NO_ENDING = "without the ending of a structure file"
NO_FILE = "pipes and devices, which are read only where they are named"


class Inputs:
    """The structures of some files, in their order. A few stay in memory after the survey; many are read a second time.

    Pipes can be read only once, so their contents are kept in a temporary folder until the context ends.
    """

    def __init__(self, files: list[str], fingerprint: str, wishes: Wishes = AS_WRITTEN) -> None:
        self._files, self._fingerprint, self._wishes = files, fingerprint, wishes
        self._kept: list[Given] | None = None
        self._context = ExitStack()
        self._copies: dict[str, Path | InputError] = {}

    def __enter__(self) -> "Inputs":
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def survey(self, observe: Callable[[Given], None] = lambda given: None) -> list[Item]:
        """Reads all structures and returns their items. `observe` is called with each structure."""
        items: list[Item] = []
        kept: list[Given] | None = []
        n_atoms = 0
        for given in self._read():
            items.append(given.item)
            observe(given)
            n_atoms += given.item.n_atoms
            if n_atoms > _KEPT:
                kept = None
            if kept is not None:
                kept.append(given)
        self._kept = kept
        return items

    def __iter__(self) -> Iterator[Given]:
        return self._read() if self._kept is None else iter(self._kept)

    def _read(self) -> Iterator[Given]:
        for name in self._files:
            yield from (_given(frame, self._fingerprint) for frame in self._frames(name))

    def _frames(self, name: str) -> Iterator[Frame | Unreadable]:
        try:
            file = file_of(name)
        except InputError:
            file = ""  # `frames` says what is wrong
        if file and sources.is_read_once(file):
            copy = self._copy(file)
            if isinstance(copy, InputError):
                return iter([Unreadable(name, 0, name, str(copy))])
            return frames(name, self._wishes, copy)
        return frames(name, self._wishes)

    def _copy(self, file: str) -> "Path | InputError":
        """The file with the contents of a pipe, or the error that reading it raised."""
        if file not in self._copies:
            folder = Path(self._context.enter_context(tempfile.TemporaryDirectory(prefix="clusteropt-")))
            try:
                self._copies[file] = sources.kept(file, folder)
            except InputError as problem:
                self._copies[file] = problem
        return self._copies[file]


def files_of(names: Iterable[str], out: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The input files, each once, and the files that were left out, by the reason.

    A name is a file, a folder, a pattern, or '-' for a list of names on standard input. Files below `out` are not inputs. Raises
    UsageError for a pattern or folder without files, for an empty list, and where no named file exists.
    """
    found: list[str] = []
    left: dict[str, list[str]] = {NO_ENDING: [], NO_FILE: []}
    for name in _listed(names):
        if os.path.isdir(name):
            inside = _sorted_out(_inside(Path(name), out), left)
            known = [file for file in inside if _known(file)]
            left[NO_ENDING] += [file for file in inside if not _known(file)]
            if not known:
                raise UsageError(f"{name}: no structure file in this folder: name files, or another folder")
            found += known
        elif _MAGIC & set(name) and not os.path.exists(name) and not os.path.exists(name.rpartition("@")[0]):
            matching = [file for file in sorted(glob.glob(name, recursive=True)) if not os.path.isdir(file)]
            matching = [file for file in _sorted_out(matching, left) if os.path.exists(file)]
            if not matching:
                frames = " (a pattern cannot select frames with @)" if "@" in name else ""
                raise UsageError(f"{name}: no file matches this pattern{frames}: check it, and quote it in the shell")
            found += matching
        else:
            found.append(name)
    if not any(map(_exists, found)):
        raise UsageError(
            f"{found[0]}: no such file{', nor any other that is named' * (len(found) > 1)}: check the name"
        )
    return list({os.path.abspath(name): name for name in reversed(found)}.values())[::-1], left


def _exists(name: str) -> bool:
    """False where the named file does not exist. A wrong index of frames is reported later, when the file is read."""
    try:
        return os.path.exists(file_of(name))
    except InputError:
        return True


def _sorted_out(files: list[str], left: dict[str, list[str]]) -> list[str]:
    """The files without pipes and devices, which block when they are opened; adds those to `left`."""
    left[NO_FILE] += [file for file in files if sources.is_read_once(file)]
    return [file for file in files if not sources.is_read_once(file)]


def _listed(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name != "-":
            yield name
            continue
        lines = [] if sys.stdin is None else [line.strip() for line in sys.stdin.read().splitlines()]
        if not any(lines):
            raise UsageError("-: no file names on standard input: write one a line")
        if lines[0].isdigit() and not os.path.exists(lines[0]):  # the number of atoms of an XYZ file
            raise UsageError("-: standard input holds a structure, but file names are expected: name its file instead")
        yield from filter(None, lines)


def _inside(folder: Path, out: Path) -> list[str]:
    """The files below a folder, sorted, without hidden files and files below `out`."""
    own, files = os.path.realpath(out), []
    seen = set()
    for here, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(here)
        if "batch.json" in names or real in seen:  # the results of another batch, or a link to a parent
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if f[0] != "." and os.path.realpath(os.path.join(here, f)) != own)
        files += [os.path.join(here, name) for name in sorted(names) if name[0] != "."]
    return files


def _refuse(problem: OSError) -> None:
    raise UsageError(f"{problem.filename}: cannot be read ({problem.strerror}): name another folder")


def _known(file: str) -> bool:
    return sources.inner_name(file).endswith(ENDINGS) or os.path.basename(file).startswith(("POSCAR", "CONTCAR"))


def _given(frame: Frame | Unreadable, fingerprint: str) -> Given:
    if isinstance(frame, Unreadable):
        key = unreadable_key(frame.source, frame.index, frame.problem, fingerprint)
        return Given(Item(frame.label, frame.source, frame.index, 0, key), None, frame.problem)
    key = content_key(frame.atoms, fingerprint)
    item = Item(frame.label, frame.source, frame.index, len(frame.atoms), key)
    return Given(item, frame.atoms, note=frame.note)
