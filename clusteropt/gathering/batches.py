"""The folder of a batch as records."""

import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clusteropt.batch.folder import Folder, Place
from clusteropt.batch.items import Item
from clusteropt.errors import UsageError
from clusteropt.gathering.origins import Made, origin_of
from clusteropt.io import extxyz
from clusteropt.records.batches import Batch, Ended, Shard
from clusteropt.records.minima import Model
from clusteropt.records.origin import Units
from clusteropt.settings.config import MinimizeSettings
from clusteropt.settings.options import options
from clusteropt.settings.values import shown
from clusteropt.words import counted

_UNKNOWN = Units("", "")
Line = tuple[Ended, str, str]  # a result, its potential, and its frame


def batch_of(path: Path, n_models: int) -> Batch:
    """The batch as far as it has come. Raises UsageError for a folder without one, InputError for a damaged one."""
    folder = Folder(path)
    made = folder.manifest()
    items, missing = _listed(folder)
    lines = [*_lines(folder, items)]
    potentials = [*dict.fromkeys(potential for _, potential, _ in lines if potential)]
    changed = _changed(made.get("settings", {}))
    command = " ".join(
        ["clusteropt batch INPUTS --out", path.name, *(f"{name} {value}".strip() for name, value in changed)]
    )
    seed = made.get("settings", {}).get("seed")
    own = Made(", ".join(potentials), [command], [made.get("clusteropt", "")], [] if seed is None else [seed])
    return Batch(
        path.resolve().name,
        len(items),
        tuple(ended for ended, _, _ in lines),
        origin_of(own),
        dict(changed),
        tuple(map(_shard, folder.runs())),
        _models(lines, n_models),
        tuple(missing + _missing(folder)),
    )


def _listed(folder: Folder) -> tuple[list[Item], list[str]]:
    """The structures of the batch, and what to say where there is no list of them."""
    try:
        return folder.inputs(), []
    except UsageError:
        return [], ["The batch has not listed its structures yet: it has just begun, or was stopped at once."]


def _lines(folder: Folder, items: Sequence[Item]) -> Iterator[Line]:
    places: dict[str, Place] = folder.results()
    for item, record, frame in folder.lines((item, places[item.key]) for item in items if item.key in places):
        units = record["units"] or {"energy": "", "length": ""}
        yield (
            Ended(
                item.label,
                str(record["status"]),
                int(record["n_atoms"]),
                str(record["formula"]),
                record["energy"],
                int(record["evaluations"]),
                Units(units["energy"], units["length"]),
                str(record["problem"] or ""),
            ),
            str(record["potential"] or ""),
            frame,
        )


def _models(lines: Sequence[Line], most: int) -> tuple[Model, ...]:
    """The lowest structure of each of the first formulas."""
    lowest: dict[str, Line] = {}
    for line in lines:
        ended, _, frame = line
        known = lowest[ended.formula][0].energy if ended.formula in lowest else None
        if frame and ended.energy is not None and ended.energy < (math.inf if known is None else known):
            lowest[ended.formula] = line
    some = [*lowest.values()][:most]
    return tuple(
        _model(ended, frame) for ended, _, frame in sorted(some, key=lambda line: (line[0].n_atoms, line[0].formula))
    )


def _model(ended: Ended, frame: str) -> Model:
    (block,) = extxyz.blocks(io.StringIO(frame))
    return Model(
        ended.formula, f"{ended.energy:.4f} {ended.units.shown.energy}, {ended.name}", extxyz.atoms_of(block, None)
    )


def _shard(run: dict[str, Any]) -> Shard:
    return Shard(str(run.get("shard", "")), str(run.get("state", "")), str(run.get("host", "")), int(run.get("new", 0)))


def _changed(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """The options that were not the default ones, as they are typed."""
    usual, found = MinimizeSettings(), []
    for each, _, about in options(MinimizeSettings):
        value = settings.get(each.name, getattr(usual, each.name))
        if json.dumps(value) != json.dumps(getattr(usual, each.name)):
            found.append((about.flag(each.name), shown(value)))
    return found


def _missing(folder: Folder) -> list[str]:
    n = len(folder.damaged)
    return [f"{counted(n, 'file')} with results are damaged: run the batch again to recompute them."] if n else []
