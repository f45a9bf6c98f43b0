"""A batch from its inputs to its folder: what is not done yet is done, a chunk at a time, until all is done or it has to stop."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from clusteropt import __version__, weights
from clusteropt.batch import chunk, merge
from clusteropt.batch.folder import Folder, counts_of
from clusteropt.batch.inputs import Given, Inputs, Item, files_of
from clusteropt.batch.job import RETRY_MAY_CHANGE, Job, stopped
from clusteropt.batch.progress import Progress
from clusteropt.batch.shards import share
from clusteropt.batch.writer import Writer
from clusteropt.config import OPTIMIZERS
from clusteropt.console import emit, say
from clusteropt.errors import ExitCode, Stopped
from clusteropt.potentials import sets
from clusteropt.report import batch_table, show

_CHUNK = 8192  # structures at most, that are read and then computed
_CHUNK_ATOMS = 400_000


def batch(job: Job) -> ExitCode:
    """`clusteropt batch`. Raises Stopped or Interrupted where it did not get to the end, after what is done is written.

    Raises UsageError and ClusterOptError for what cannot be.
    """
    common = made_of(job)
    files, left_out = files_of(job.names, job.out)
    if left_out and not job.quiet:
        say(f"{len(left_out)} files in folders have no ending of a structure file and are left out: {left_out[0]}, ...")
    folder = Folder(job.out)
    folder.open(common, job.restart, job.may_differ)
    inputs = Inputs(files, fingerprint(common))
    progress = Progress(job, folder)
    try:
        items = inputs.survey()
        folder.write_inputs(items)
        own = share(items, job.shard)
        progress.begin(own, folder.results())
        _work(_chunks(inputs, progress.todo), progress, job)
    except KeyboardInterrupt:
        job.signals.patient = True
        progress.write("stopped")
        raise stopped(job.signals, f"{progress.words}: the same command goes on") from None
    progress.write("finished")
    return _finish(job, folder, items, own)


def made_of(job: Job) -> dict[str, Any]:
    """What all results of a folder share: settings, and the contents of the files that they name."""
    name, files = job.settings.optimizer, {}
    if name not in OPTIMIZERS:
        files["optimizer_sha256"] = hashlib.sha256(weights.named(name).theta.tobytes()).hexdigest()[:16]
    if job.settings.potential is not None:
        text = json.dumps(sets.load(job.settings.potential).record())
        files["potential_sha256"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {"clusteropt": __version__, "settings": asdict(job.settings), **files}


def fingerprint(common: dict[str, Any]) -> str:
    """Of what makes two results of a structure the same."""
    settings = {name: value for name, value in common["settings"].items() if name not in RETRY_MAY_CHANGE}
    fixed = common | {"settings": settings}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()


def _work(chunks: Iterator[list[Given]], progress: Progress, job: Job) -> None:
    """Computes, here or on other hosts, and writes meanwhile. Raises KeyboardInterrupt after what is done is written."""
    if job.scheduler is None and job.scheduler_file is None:
        portions: Iterator[Any] = (done for given in chunks for done in chunk.computed(given, job.settings))
        writer = Writer[Any](lambda done: progress.keep(chunk.lines_of(done, job.settings)))
    else:
        from clusteropt.batch import hosts

        portions, writer = hosts.computed(chunks, job), Writer[Any](progress.keep)
    try:
        for portion in portions:
            writer.put(portion)
            if job.signals.heard:
                raise KeyboardInterrupt
    finally:
        job.signals.patient = True
        writer.close()


def _chunks(inputs: Inputs, todo: dict[str, int]) -> Iterator[list[Given]]:
    """What is to be done, some thousand structures at a time."""
    given: list[Given] = []
    taken: set[str] = set()
    n_atoms = 0
    for one in inputs:
        if one.item.key not in todo or one.item.key in taken:
            continue
        taken.add(one.item.key)
        given.append(one)
        n_atoms += one.item.n_atoms
        if len(given) >= _CHUNK or n_atoms > _CHUNK_ATOMS:
            yield sorted(given, key=_size)
            given, n_atoms = [], 0
    if given:
        yield sorted(given, key=_size)


def _size(given: Given) -> int:
    """The small ones first: what takes long or much memory costs the others nothing then."""
    return given.item.n_atoms


def _finish(job: Job, folder: Folder, items: list[Item], own: list[Item]) -> ExitCode:
    """Joins the results where this run was all of the batch, shows how it went, and chooses the exit code."""
    places = folder.results()
    statuses = [places[item.key].status for item in own if item.key in places]
    counts = counts_of(statuses, len(own))
    if job.shard.total == 1:
        summary = merge.merge(folder, items, places)
        if not job.quiet:
            say("potentials: " + ", ".join(f"{name} {count:,}" for name, count in summary["potentials"].items()))
    else:
        summary = merge.summary_of(counts, len(own)) | {"shard": str(job.shard)}
        if not job.quiet:
            say(f"shard {job.shard} is done: when all are, `clusteropt merge {job.out}` joins them")
    if job.json:
        emit(json.dumps(summary, indent=1))
    else:
        show(batch_table(counts))
    if counts["interrupted"]:
        raise Stopped(
            f"{counts['interrupted']} structures changed while they were being read: run the same command again"
        )
    return merge.exit_code(counts, job.tolerated)
