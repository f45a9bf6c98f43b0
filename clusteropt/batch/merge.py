"""Joins the results of a batch: one line per structure and one file of minima per input, in the order of the inputs."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from clusteropt import __version__
from clusteropt.batch.folder import MINIMA, ONE_FILE, RESULTS, SCHEMA, SUMMARY, Folder, Place, counts_of
from clusteropt.batch.items import Item
from clusteropt.batch.job import VOCABULARY
from clusteropt.errors import Stopped
from clusteropt.io.extxyz import pair_of
from clusteropt.runtime.files import stem_of, write_atomically, writing
from clusteropt.words import counted

_NAME = "clusteropt_structure"  # the key in the comment; an input may use the key `structure` itself
_NAMED = re.compile(rf""" {_NAME}=(?:"(?:[^"\\]|\\.)*"|[^"\s]+)(?= |$)""")


@dataclass
class _Totals:
    """Sums over the results of a batch."""

    potentials: dict[str, int] = field(default_factory=dict)
    evaluations: int = 0
    flat: dict[str, int] = field(default_factory=dict)
    outside_fit: int = 0  # structures outside the distances of a fit
    first_outside: tuple[str, str] | None = None  # the first of these structures, and what lies outside the fit

    def add(self, label: str, record: dict[str, Any]) -> None:
        """Adds one line of the results."""
        self.evaluations += record["evaluations"]
        by = (record["evaluations"] and record["potential"]) or "none"
        for counts, name in ((self.potentials, by), (self.flat, record.get("flat"))):
            if name:
                counts[name] = counts.get(name, 0) + 1
        outside = record.get("outside_fit")
        if outside:
            self.outside_fit += 1
            self.first_outside = self.first_outside or (label, outside)


def merge(folder: Folder, items: list[Item], places: dict[str, Place], one_file: bool | None = None) -> dict[str, Any]:
    """Writes `results.jsonl`, the minima and `summary.json`, and returns the summary.

    The minima go to `minima.xyz` with `one_file`, else to a file per input below `minima/`; None repeats the last choice. Raises
    Stopped where a structure has no result, and then writes nothing. Raises InputError for a damaged part.
    """
    missing = [item for item in items if item.key not in places]
    if missing:
        raise Stopped(
            f"{folder.path}: {len(missing):,} of {counted(len(items), 'structure')} without a result, the first is "
            f"{missing[0].label}: run the batch, or its shards, to the end"
        )
    one_file = (folder.path / ONE_FILE).exists() if one_file is None else one_file
    outputs = outputs_of(list(dict.fromkeys(item.source for item in items)))
    totals = _Totals()
    with_frames: set[Path] = set()
    with ExitStack() as stack:
        lines = stack.enter_context(writing(folder.path / RESULTS))
        whole = stack.enter_context(writing(folder.path / ONE_FILE)) if one_file else None
        found = folder.lines((item, places[item.key]) for item in items)
        for source, group in groupby(found, key=lambda line: line[0].source):
            some = _one_input(group, folder.path / MINIMA / outputs[source], lines, totals, whole)
            with_frames |= {outputs[source]} if some else set()
    _remove_old(folder.path, with_frames, one_file)
    counts = counts_of((places[item.key].status for item in items), len(items))
    different = len({item.key for item in items})
    summary = summary_of(counts, len(items)) | asdict(totals) | {"different": different}
    write_atomically(folder.path / SUMMARY, json.dumps(summary, indent=1) + "\n")
    return summary


def _one_input(
    group: Iterator[tuple[Item, dict[str, Any], str]],
    path: Path,
    lines: Any,
    totals: _Totals,
    whole: BinaryIO | None,
) -> bool:
    """Writes the lines and frames of one input file, and adds to the totals. True where `path` got frames.

    Where the file `whole` is given, it gets the frames, each with the name of its structure.
    """
    minima = None
    with ExitStack() as stack:
        for item, record, frame in group:
            about = {"structure": item.label, "file": item.source, "frame": item.frame} | record
            lines.write((json.dumps(about) + "\n").encode())
            totals.add(item.label, record)
            if frame and whole is not None:
                whole.write(_named(frame, item.label).encode())
            elif frame:
                path.parent.mkdir(parents=True, exist_ok=True)
                minima = minima or stack.enter_context(writing(path))
                minima.write(frame.encode())
    return minima is not None


def _named(frame: str, label: str) -> str:
    """The frame with the name of its structure in the comment. It replaces a name that an earlier batch has written."""
    count, comment, rows = frame.split("\n", 2)
    return f"{count}\n{_NAMED.sub('', comment)} {pair_of(_NAME, label)}\n{rows}"


def _remove_old(folder: Path, with_frames: set[Path], one_file: bool) -> None:
    """Removes the minima of files that are not inputs any more, and the files that the other choice of `one_file` wrote."""
    for path in (folder / MINIMA).rglob("*.min.xyz"):
        if path.relative_to(folder / MINIMA) not in with_frames:
            path.unlink()
    if one_file:
        for path in sorted((p for p in (folder / MINIMA).rglob("*") if p.is_dir()), reverse=True):
            with suppress(OSError):  # the folder holds other files
                path.rmdir()
        with suppress(OSError):
            (folder / MINIMA).rmdir()
    else:
        (folder / ONE_FILE).unlink(missing_ok=True)


def summary_of(counts: Counter[str], total: int) -> dict[str, Any]:
    """The number of structures with each status. The numbers add up to `total`."""
    return {
        "schema": SCHEMA,
        "clusteropt": __version__,
        "structures": total,
        "counts": {status: counts[status] for status in VOCABULARY},
    }


def outputs_of(sources: list[str]) -> dict[str, Path]:
    """The file below `minima/` for every input: its path relative to the common folder, with the name <stem>.min.xyz.

    Where two inputs would share a file, their whole names replace the stems.
    """
    whole = {source: os.path.abspath(source) for source in sources}
    common = os.path.commonpath([os.path.dirname(path) for path in whole.values()]) if whole else ""
    places = {source: Path(os.path.relpath(path, common)) for source, path in whole.items()}
    outputs = {source: place.with_name(stem_of(place.name) + ".min.xyz") for source, place in places.items()}
    while len(outputs) > len(often := Counter(outputs.values())):
        outputs |= {
            s: places[s].with_name(places[s].name + ".min.xyz") for s, path in outputs.items() if often[path] > 1
        }
    return outputs
