"""The log of a training run: one JSON record a line, and a picture of the records."""

import json
from pathlib import Path
from typing import Any

from clusteropt.errors import ClusterOptError
from clusteropt.records.costs import HitRate, Loss, Training
from clusteropt.runtime.files import write_atomically

# step, and: task, loss, seconds; or hits, energies, trajectories of a report; or validated, energies, trajectories, shipped
Record = dict[str, Any]


class Log:
    """Records in memory, and in a file where a path is given. The file keeps them when the process is killed."""

    def __init__(self, path: Path | None, last_step: int = 0) -> None:
        """Continues a file after its records up to `last_step`, and drops all later ones.

        It also drops the validation at the end of a run: a run that goes on has another.
        """
        there = [] if path is None else _read(path)
        self.records = [r for r in there if r["step"] <= last_step and "validated" not in r]
        self._path = path
        if path is not None:
            write_atomically(path, "".join(map(_line, self.records)))

    def append(self, **record: Any) -> None:
        """Adds a record, to the file too. Raises ClusterOptError where the file cannot be written."""
        self.records.append(record)
        if self._path is not None:
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(_line(record))
            except OSError as problem:
                raise ClusterOptError(
                    f"{self._path}: cannot be written: {problem.strerror}: make room, then --resume"
                ) from None

    @property
    def hits(self) -> dict[str, float]:
        """The hit rates of the last report."""
        return next((record["hits"] for record in reversed(self.records) if "hits" in record), {})


def _line(record: Record) -> str:
    return json.dumps(record) + "\n"


def _read(path: Path) -> list[Record]:
    """The records of a file, without damaged or foreign lines."""
    records = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise ClusterOptError(f"{path}: cannot be read: {problem.strerror}") from None
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records


def picture(records: list[Record], path: Path) -> None:
    """The losses of every task over the steps, and the hit rates below, as PNG."""
    from clusteropt.pictures.costs import course
    from clusteropt.pictures.style import content

    write_atomically(path, content(course(_course(records)), ".png", "clusteropt train"))


def _course(records: list[Record]) -> Training:
    losses = [Loss(r["task"], r["step"], r["loss"]) for r in records if "task" in r and r["loss"] is not None]
    hits = [HitRate(name, r["step"], share) for r in records if "hits" in r for name, share in r["hits"].items()]
    kept = [r for r in records if r.get("shipped")]
    hits += [HitRate(name, r["step"], share, True) for r in kept for name, share in r["validated"].items()]
    return Training(tuple(losses), tuple(hits))
