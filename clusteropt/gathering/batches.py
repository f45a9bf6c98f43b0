"""The folder of a batch as records."""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clusteropt.batch.folder import RESULTS, Folder, Place
from clusteropt.batch.items import Item
from clusteropt.errors import InputError, UsageError
from clusteropt.gathering.origins import Made, origin_of
from clusteropt.io import extxyz
from clusteropt.records.batches import Batch, Ended, Shard
from clusteropt.records.minima import Model, note_of
from clusteropt.records.origin import Units
from clusteropt.settings.config import MinimizeSettings
from clusteropt.settings.options import options
from clusteropt.settings.values import shown

_UNKNOWN = Units("", "")
Line = tuple[Ended, str, str]  # a result, its potential, and its frame


def batch_of(path: Path, n_models: int) -> Batch:
    """The batch as far as it has come. Raises UsageError for a folder without one, InputError for a damaged one."""
    folder = Folder(path)
    made = folder.manifest()
    items, missing = _listed(folder)
    lines, damaged = _lines(folder, items)
    potentials = [*dict.fromkeys(potential for _, potential, _ in lines if potential)]
    changed = _changed(made.get("settings", {}))
    runs = folder.runs()
    commands = [str(run["command"]) for run in runs if run.get("command")] or [_derived(path, changed)]
    packages = [str(run.get("calculator", "")) for run in runs]
    seed = made.get("settings", {}).get("seed")
    own = Made(potentials, (), commands, [made.get("clusteropt", ""), *packages], [] if seed is None else [seed])
    return Batch(
        path.resolve().name,
        len(items),
        tuple(ended for ended, _, _ in lines),
        origin_of(own),
        dict(changed),
        tuple(map(_shard, runs)),
        _models(lines, n_models),
        tuple(missing + _missing(folder, damaged)),
    )


def _listed(folder: Folder) -> tuple[list[Item], list[str]]:
    """The structures of the batch, and what to say where there is no list of them."""
    try:
        return folder.inputs(), []
    except UsageError:
        return [], ["The batch has not listed its structures yet: it has just begun, or was stopped at once."]


def _derived(path: Path, changed: Sequence[tuple[str, str]]) -> str:
    """The command of a batch that does not tell it, with INPUTS for the structures."""
    words = ["clusteropt batch INPUTS --out", path.name, *(f"{name} {value}".strip() for name, value in changed)]
    return " ".join(words)


def _lines(folder: Folder, items: Sequence[Item]) -> tuple[list[Line], int]:
    """The results, and how many of them are damaged."""
    places: dict[str, Place] = folder.results()
    there = [(item, places[item.key]) for item in items if item.key in places]
    try:
        return [_line(*one) for one in folder.lines(there)], 0
    except InputError:  # one after the other, to see which
        found = [*filter(None, (_single(folder, one) for one in there))]
        return found, len(there) - len(found)


def _single(folder: Folder, one: tuple[Item, Place]) -> Line | None:
    try:
        return next(_line(*each) for each in folder.lines([one]))
    except (InputError, KeyError, TypeError, ValueError):
        return None


def _line(item: Item, record: dict[str, Any], frame: str) -> Line:
    units = record["units"] or {"energy": "", "length": ""}
    ended = Ended(
        item.label,
        str(record["status"]),
        int(record["n_atoms"]),
        str(record["formula"]),
        record["energy"],
        int(record["evaluations"]),
        Units(units["energy"], units["length"]),
        str(record["problem"] or ""),
    )
    return ended, str(record["potential"] or ""), frame


def _models(lines: Sequence[Line], most: int) -> tuple[Model, ...]:
    """The lowest structure of each of the first formulas."""
    lowest: dict[str, tuple[float, Ended, str]] = {}
    for ended, _, frame in lines:
        known = lowest[ended.formula][0] if ended.formula in lowest else math.inf
        if frame and ended.energy is not None and ended.energy < known:
            lowest[ended.formula] = ended.energy, ended, frame
    some = [*lowest.values()][:most]
    return tuple(_model(*one) for one in sorted(some, key=lambda one: (one[1].n_atoms, one[1].formula)))


def _model(energy: float, ended: Ended, frame: str) -> Model:
    (block,) = extxyz.blocks(io.StringIO(frame))
    return Model(ended.formula, note_of(energy, ended.units.shown.energy, ended.name), extxyz.atoms_of(block, None))


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


def _missing(folder: Folder, n_lines: int) -> list[str]:
    """The damage, a sentence each."""
    parts = [path for path in folder.damaged if path.parent.name == "parts"]
    said = []
    if parts:
        are = "file with results is" if len(parts) == 1 else "files with results are"
        said.append(f"{len(parts):,} {are} damaged: run the batch again to recompute them.")
    if n_lines:
        are = "result is" if n_lines == 1 else "results are"
        said.append(f"{n_lines:,} {are} damaged and left out: delete the part, and run the batch again.")
    said += [
        f"{path.relative_to(folder.path)} is damaged, which tells of a run: its shard is left out of the table."
        for path in folder.damaged
        if path not in parts
    ]
    if _is_damaged(folder.path / RESULTS):
        said.append(f"{RESULTS} is damaged, and the report does not need it: `clusteropt merge` writes it again.")
    return said


def _is_damaged(path: Path) -> bool:
    """True for a file that is there, and not a JSON object in each of its lines."""
    try:
        with path.open(encoding="utf-8") as file:
            return not all(isinstance(json.loads(line), dict) for line in file)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
