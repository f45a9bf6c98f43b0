"""`clusteropt status` and `clusteropt merge`: how far a batch is, read from its folder."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clusteropt.batch import merge
from clusteropt.batch.folder import Folder, counts_of, failures_of
from clusteropt.batch.job import exit_code
from clusteropt.batch.process import Process, lives
from clusteropt.console import emit, say
from clusteropt.errors import ExitCode
from clusteropt.io import doubts
from clusteropt.report.results import batch_table
from clusteropt.report.tables import show
from clusteropt.words import counted, listed

_SILENT = 120.0  # seconds without an update after which a run counts as silent


def in_words(failures: Mapping[str, str]) -> str:
    """One line on the structures that have not converged: the first labels with their statuses, and the number of others."""
    named = [f"{label} ({status})" for label, status in failures.items()]
    return f"{counted(len(named), 'structure')} not converged or unusable: {listed(named)}"


def doubts_of(summary: Mapping[str, Any]) -> list[str]:
    """Warnings about structures that have converged planar or linear, and about those outside the distances of a fit."""
    flat, outside, said = summary["flat"], summary["first_outside"], []
    total = sum(flat.values())
    if total:
        said.append(doubts.of_saddles(counted(total, "structure"), total, flat))
    if outside:
        label, what = outside
        said.append(doubts.outside(label, what, summary["outside_fit"]))
    return said


def merge_folder(path: Path, as_json: bool, one_file: bool | None) -> ExitCode:
    """`clusteropt merge`: joins the results and prints the summary. Raises as `merge.merge` and `Folder.manifest`."""
    folder = Folder(path)
    folder.manifest()
    summary = merge.merge(folder, folder.inputs(), folder.results(), one_file)
    if as_json:
        emit(json.dumps(summary, indent=1))
    else:
        show(batch_table(+Counter(summary["counts"])))
        for doubt in doubts_of(summary):
            say(doubt)
    return exit_code(Counter(summary["counts"]), None)


def status(path: Path, as_json: bool) -> None:
    """`clusteropt status`: prints how far the batch is. Raises as `Folder.manifest` and `Folder.inputs`."""
    folder = Folder(path)
    folder.manifest()
    items, places = folder.inputs(), folder.results()
    counts = counts_of((places[item.key].status for item in items if item.key in places), len(items))
    runs = [_run(run) for run in folder.runs()]
    rate = sum(run["rate"] for run in runs if run["state"] == "running")
    waiting = counts.pop("interrupted", 0)
    left = waiting / rate if rate and waiting else None
    failed = failures_of(items, places)
    if as_json:
        about: dict[str, Any] = merge.summary_of(counts, len(items)) | {"waiting": waiting}
        about |= {"runs": runs, "rate": rate, "seconds_left": left, "failures": failed}
        emit(json.dumps(about, indent=1))
        return
    show(batch_table(counts | Counter({"waiting": waiting} if waiting else {})))
    for run in runs:
        pace = f"{run['new']} new at {run['rate']:.3g}/s"
        say(f"shard {run['shard']}: {run['state']} on {run['host']}, {pace}, last update {run['age']:.0f} s ago")
    if failed:
        say(in_words(failed))
    if left is not None:
        say(f"{rate:.3g} structures/s, about {left:.0f} s left")


def _run(run: dict[str, Any]) -> dict[str, Any]:
    age = max(0.0, time.time() - run["updated"])  # never negative, even if a clock was set back
    state = run["state"]
    if state == "running":
        dead = lives(Process(run["process"], run.get("place", ""), run.get("started", ""))) is False
        state = "killed" if dead else "silent" if age > _SILENT else state
    rate = run["new"] / run["seconds"] if run["seconds"] else 0.0
    return run | {"state": state, "age": age, "rate": rate}
