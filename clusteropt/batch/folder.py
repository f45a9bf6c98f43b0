"""The folder of a batch: its files, how they are written, and how they are found.

    batch.json          the settings that all results share
    inputs.jsonl        the structures of the last run: label, file, index, number of atoms, key
    parts/*.jsonl       the results of a chunk: a header with the keys, then one line per structure, with its frame
    runs/*.json         the progress of each shard
    results.jsonl, summary.json, minima/*.min.xyz or minima.xyz     written by `merge`

Every file is written under a temporary name and then renamed, so no reader sees half a file. There are no locks. Each part has
a name of its own, and any process writes the same content to the other files. Results are found by key, so a result that is
there twice does no harm.
"""

import hashlib
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from clusteropt.batch import process
from clusteropt.batch.items import Item, Line
from clusteropt.batch.job import Shard
from clusteropt.console import complain
from clusteropt.errors import ClusterOptError, InputError, UsageError
from clusteropt.runtime.files import write_atomically

SCHEMA = 1
_HASH = "_sha256"  # ends the name of the hash of what a setting names; it is not told where that setting differs too
_MANIFEST, _INPUTS, _PARTS, _RUNS, _SET_ASIDE = "batch.json", "inputs.jsonl", "parts", "runs", "set-aside"
RESULTS, SUMMARY, MINIMA, ONE_FILE = "results.jsonl", "summary.json", "minima", "minima.xyz"
_OURS = (_MANIFEST, _INPUTS, _PARTS, _RUNS, RESULTS, SUMMARY, MINIMA, ONE_FILE)


class Place(NamedTuple):
    """The location of a result in the parts: bytes offset to offset + length of a file."""

    status: str
    attempt: int
    part: Path
    offset: int
    length: int


class Folder:
    """One batch on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._damaged: set[Path] = set()  # parts that were reported

    @property
    def begun(self) -> bool:
        """True where the folder holds a batch."""
        return self._file(_MANIFEST).exists()

    def open(self, made_of: dict[str, Any], restart: bool, ignored: frozenset[str] = frozenset()) -> None:
        """Creates the folder, or continues the batch in it. `made_of` is shared by all results; `ignored` settings may differ.

        With `restart` the results in it are set aside first. Raises UsageError where the folder holds a batch with other
        settings or foreign files, or cannot be written.
        """
        if self.path.is_file():
            raise UsageError(f"{self.path}: is a file: name a folder with --out")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            strangers = sorted(
                p.name for p in self.path.iterdir() if p.name != _SET_ASIDE and not p.name.startswith(".")
            )
            if strangers and not self.begun:
                raise UsageError(f"{self.path}: holds {strangers[0]} but no batch: name a new folder with --out")
            if restart:
                self._set_aside()
            _write_once(self._file(_MANIFEST), json.dumps({"schema": SCHEMA, **made_of}, indent=1) + "\n")
            for name in (_PARTS, _RUNS):
                self._file(name).mkdir(exist_ok=True)
        except OSError as problem:
            raise UsageError(
                f"{self.path}: cannot be created or written ({problem.strerror}): choose another --out"
            ) from None
        self.compare(made_of, ignored)

    @property
    def damaged(self) -> list[Path]:
        """The files of results and of runs that could not be read so far."""
        return sorted(self._damaged)

    def manifest(self) -> dict[str, Any]:
        """The settings that all results share.

        Raises UsageError where the folder holds no batch, InputError where its file is damaged or has another schema.
        """
        path = self._file(_MANIFEST)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(
                f"{self.path}: holds no batch: name the folder that was given to `clusteropt batch --out`"
            ) from None
        except (OSError, ValueError) as problem:
            raise InputError(f"{path}: cannot be read ({problem}): start the batch again with --restart") from None
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            schema = found.get("schema") if isinstance(found, dict) else None
            raise InputError(
                f"{path}: has schema {schema}, but this clusteropt reads schema {SCHEMA}: use the version that wrote it, or "
                "start the batch again with --restart"
            )
        return found

    def compare(self, made_of: dict[str, Any], ignored: frozenset[str]) -> None:
        """Raises UsageError where the results in the folder have other settings; `ignored` settings may differ."""
        flat = [_flat(json.loads(json.dumps(values))) for values in (self.manifest(), made_of)]
        names = (flat[0].keys() | flat[1].keys()) - {"schema"} - ignored
        others = {name for name in names if flat[0].get(name) != flat[1].get(name)}
        told = sorted(name for name in others if f"settings.{name.removesuffix(_HASH)}" not in others)
        differing = [
            f"{name.removeprefix('settings.')} {_shown(flat[0].get(name))}, not {_shown(flat[1].get(name))}"
            for name in told
        ]
        if differing:
            raise UsageError(
                f"{self.path}: holds results with {'; '.join(differing)}: repeat the same settings, choose another --out, or set "
                "them aside with --restart"
            )

    def _set_aside(self) -> None:
        """Moves the files of the batch into a new folder below `set-aside`. Nothing is deleted."""
        there = [self._file(name) for name in _OURS if self._file(name).exists()]
        if there:
            numbers = [int(p.name) for p in self._file(_SET_ASIDE).glob("*") if p.name.isdigit()]
            to = self._file(_SET_ASIDE) / str(max(numbers, default=0) + 1)
            to.mkdir(parents=True)
            for path in there:
                path.rename(to / path.name)

    def _file(self, name: str) -> Path:
        return self.path / name

    def write_inputs(self, items: list[Item]) -> list[Item] | None:
        """Writes the list, unless the folder holds an equal one. Returns the previous list; None without one."""
        try:
            before = self.inputs()
        except ClusterOptError:
            before = None
        if before != items:
            head = json.dumps({"schema": SCHEMA, "count": len(items)})
            write_atomically(self._file(_INPUTS), "\n".join([head, *map(json.dumps, items)]) + "\n")
        return before

    def inputs(self) -> list[Item]:
        """The structures of the last run. Raises UsageError where no run has listed any, InputError where the list is damaged."""
        path = self._file(_INPUTS)
        try:
            head, *lines = path.read_text(encoding="utf-8").splitlines()
            items = [Item(*json.loads(line)) for line in lines]
            if len(items) != json.loads(head)["count"]:
                raise ValueError("lines are missing")
        except FileNotFoundError:
            raise UsageError(f"{self.path}: no list of inputs yet: run `clusteropt batch` first") from None
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise InputError(f"{path}: damaged ({problem}): run the batch again") from None
        return items

    def write_part(self, lines: list[Line], attempt: int) -> None:
        """Writes the results of a chunk as one part, all or none. Raises ClusterOptError where writing fails."""
        texts = [(json.dumps(line.record | {"frame": line.frame}) + "\n").encode() for line in lines]
        places, offset = [], 0
        for line, text in zip(lines, texts, strict=True):
            places.append([line.key, line.record["status"], offset, len(text)])
            offset += len(text)
        head = json.dumps({"schema": SCHEMA, "attempt": attempt, "length": offset, "places": places}) + "\n"
        name = hashlib.sha256(f"{attempt} {sorted(line.key for line in lines)}".encode()).hexdigest()[:24]
        write_atomically(self._file(_PARTS) / f"{name}.jsonl", head.encode() + b"".join(texts))

    def results(self) -> dict[str, Place]:
        """The location of every result, by key; after several attempts, of the last one. Reports damaged parts and skips them."""
        found: dict[str, Place] = {}
        for path in sorted(self._file(_PARTS).glob("*.jsonl")):
            try:
                with path.open("rb") as file:
                    line = file.readline()
                head = json.loads(line)
                attempt, places = head["attempt"], head["places"]
                whole = path.stat().st_size == len(line) + head["length"]
                own = {key: Place(status, attempt, path, len(line) + at, size) for key, status, at, size in places}
            except (OSError, ValueError, KeyError, TypeError):
                whole, own, attempt = False, {}, 0
            if not whole:
                if path not in self._damaged:
                    complain(f"{path}: damaged: run the batch again to recompute its results")
                self._damaged.add(path)
                continue
            for key, place in own.items():
                if key not in found or attempt > found[key].attempt:
                    found[key] = place
        return found

    def write_run(self, shard: Shard, state: dict[str, Any]) -> None:
        """Writes the progress of a shard."""
        own = process.this()
        about = {"schema": SCHEMA, "shard": str(shard), "host": socket.gethostname()}
        about |= {"process": own.number, "place": own.namespace, "started": own.started}
        text = json.dumps(about | state | {"updated": time.time()}) + "\n"
        write_atomically(self._file(_RUNS) / _name_of(shard), text)

    def run_of(self, shard: Shard) -> dict[str, Any]:
        """The progress that the last run of a shard has written; empty before the first run."""
        with suppress(OSError, ValueError):
            return json.loads((self._file(_RUNS) / _name_of(shard)).read_text(encoding="utf-8"))
        return {}

    def runs(self) -> list[dict[str, Any]]:
        """The progress of every shard; unreadable files are skipped, and are among the damaged ones then."""
        found = []
        for path in sorted(self._file(_RUNS).glob("*.json")):
            try:
                found.append(dict(json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, TypeError):
                self._damaged.add(path)
        return found

    def lines(self, places: Iterable[tuple[Item, Place]]) -> Iterator[tuple[Item, dict[str, Any], str]]:
        """Item, record and frame of the results at these places. Raises InputError for a damaged part."""
        opened: dict[Path, Any] = {}
        try:
            for item, place in places:
                if place.part not in opened:
                    if len(opened) > 100:
                        opened.pop(next(iter(opened))).close()
                    opened[place.part] = place.part.open("rb")
                opened[place.part].seek(place.offset)
                record = json.loads(opened[place.part].read(place.length))
                yield item, record, record.pop("frame")
        except (OSError, ValueError, KeyError) as problem:
            raise InputError(
                f"{self.path / _PARTS}: a part is damaged ({problem}): delete it and run the batch again"
            ) from None
        finally:
            for file in opened.values():
                file.close()


def failures_of(items: Iterable[Item], places: dict[str, Place]) -> dict[str, str]:
    """The statuses of finished structures that have not converged, by label."""
    ended = ((item.label, places[item.key].status) for item in items if item.key in places)
    return {label: status for label, status in ended if status != "converged"}


def _name_of(shard: Shard) -> str:
    return f"{shard.number}-of-{shard.total}.json"


def counts_of(statuses: Iterable[str], total: int) -> Counter[str]:
    """The number of structures with each status. Structures without a result count as 'interrupted'."""
    counts = Counter(statuses)
    counts["interrupted"] += total - counts.total()
    return +counts


def _write_once(path: Path, content: str) -> None:
    """Writes the file unless it exists. Where several processes try, the first one writes and the others keep its file."""
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        temporary.write_text(content, encoding="utf-8")
        with suppress(FileExistsError):
            os.link(temporary, path)
    except OSError:  # a file system without hard links
        if not path.exists():
            write_atomically(path, content)
    finally:
        temporary.unlink(missing_ok=True)


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        out |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return out


def _shown(value: object) -> str:
    return "default" if value is None else str(value)
