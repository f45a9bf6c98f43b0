"""Runs a batch: computes the structures without a result, chunk by chunk, until all are done or a signal stops it."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from clusteropt.batch import chunk, merge
from clusteropt.batch.folder import RESULTS, Folder, Place, counts_of, failures_of
from clusteropt.batch.identity import fingerprint, made_of
from clusteropt.batch.inputs import Inputs, files_of
from clusteropt.batch.items import Given, Item
from clusteropt.batch.job import BatchJob, exit_code, too_short
from clusteropt.batch.overview import doubts_of, in_words
from clusteropt.batch.remarks import Remarks, of_left_out
from clusteropt.batch.shards import difference_of, share
from clusteropt.batch.tally import Tally
from clusteropt.batch.writer import Writer
from clusteropt.console import emit, say, warn
from clusteropt.engine import programs
from clusteropt.errors import ClusterOptError, ExitCode, Stopped
from clusteropt.io.reading import wishes_of
from clusteropt.potentials import sets
from clusteropt.report.results import batch_table
from clusteropt.report.tables import show
from clusteropt.runtime.signals import stopped
from clusteropt.words import counted

_CHUNK = 8192  # structures in a chunk, at most
_CHUNK_ATOMS = 400_000  # atoms after which a chunk is closed


def batch(job: BatchJob) -> ExitCode:
    """`clusteropt batch`. Raises UsageError for invalid options, and ClusterOptError where structures fail unexpectedly.

    Raises Stopped or Interrupted after a signal. Finished results are written first.
    """
    common = made_of(job.settings)
    warn(sets.doubt(job.settings.potential), job.quiet)
    files, left_out = files_of(job.names, job.out)
    for message in [] if job.quiet else of_left_out(left_out):
        say(message)
    folder = Folder(job.out)
    folder.open(common, job.restart, job.may_differ)
    inputs = Inputs(files, fingerprint(common), wishes_of(job.reading, job.settings.potential))
    tally = Tally(job, folder)
    try:
        with inputs:
            items = _listed(inputs, folder, job)
            own = share(items, job.shard)
            tally.begin(own, folder.results())
            _work(_chunks(inputs, tally.todo), tally, job)
    except KeyboardInterrupt:
        raise _stopped(tally, job) from None
    except Exception:
        with suppress(ClusterOptError):  # the disk may be full
            tally.write("failed")
        raise
    if tally.failed:
        tally.write("failed")
        without = counted(len(tally.failed), "structure")
        raise ClusterOptError(
            f"{without} without a result because of an unexpected error; {tally.words}: run the same command to try again"
        )
    tally.write("finished")
    return _finish(job, folder, items, own)


def _listed(inputs: Inputs, folder: Folder, job: BatchJob) -> list[Item]:
    """Reads all inputs and writes their list to the folder. Prints remarks on labels, units and boxes."""
    remarks = Remarks(job.settings)
    items = inputs.survey(remarks.observe)
    for message in [] if job.quiet else remarks.messages:
        say(message)
    before = folder.write_inputs(items)
    if before is not None and job.shard.total > 1 and not job.quiet:
        _warn_of_other_inputs(before, items)
    return items


def _stopped(tally: Tally, job: BatchJob) -> ClusterOptError:
    """Ends the run after a signal; the error with its progress."""
    job.signals.patient = True
    programs.drop_waiting()
    if tally.stop():
        return too_short(job.signals, f"{tally.words}, and the last {tally.fruitless} runs have finished no structure")
    return stopped(job.signals, f"{tally.words}: run the same command to continue")


def _warn_of_other_inputs(before: list[Item], items: list[Item]) -> None:
    """Warns where this shard has other inputs than the run before. Names of files may differ, contents may not."""
    difference = difference_of([item.key for item in before], [item.key for item in items])
    if difference:
        first, what = difference
        where = f"; the first difference is {items[first].label}" if first < len(items) else ""
        say(
            f"warning: the inputs differ from the previous run's ({what}{where}): check that all shards see the same files"
        )


def _work(chunks: Iterator[list[Given]], tally: Tally, job: BatchJob) -> None:
    """Computes the chunks, here or on other hosts, and writes results meanwhile.

    Raises KeyboardInterrupt after a signal, when finished results are written.
    """
    if job.scheduler is None:
        portions: Iterator[Any] = (done for given in chunks for done in chunk.computed(given, job.settings))
        keep = lambda done: tally.keep(chunk.lines_of(done, job.settings))  # noqa: E731
    else:
        from clusteropt.batch import hosts

        portions, keep = hosts.computed(chunks, job.scheduler, job.settings, job.quiet), tally.keep
    writer = Writer[Any](keep, lambda: tally.write("running"))
    try:
        for portion in portions:
            writer.put(portion)
            if job.signals.heard:
                raise KeyboardInterrupt
    finally:
        job.signals.patient = True
        writer.close()


def _chunks(inputs: Inputs, todo: dict[str, int]) -> Iterator[list[Given]]:
    """The structures in `todo`, each once, in chunks."""
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
    """The sort key of a chunk: small structures first, so that a large one that fails costs them nothing."""
    return given.item.n_atoms


def _finish(job: BatchJob, folder: Folder, items: list[Item], own: list[Item]) -> ExitCode:
    """Joins the results unless this run was one shard of several, prints the summary, and returns the exit code."""
    places = folder.results()
    counts = counts_of((places[item.key].status for item in own if item.key in places), len(own))
    if counts["interrupted"]:
        raise Stopped(
            f"{counted(counts['interrupted'], 'structure')} changed while being read: run the same command again"
        )
    summary = _joined(job, folder, items, places) if job.shard.total == 1 else _of_shard(job, counts, len(own))
    if job.json:
        emit(json.dumps(summary, indent=1))
    else:
        show(batch_table(counts))
    failed = failures_of(own, places)
    if failed and not job.quiet:
        where = f"see {job.out / RESULTS}" if job.shard.total == 1 else f"see `clusteropt status {job.out}`"
        say(f"{in_words(failed)}: {where}, and --retry failed")
    return exit_code(counts, job.tolerated)


def _joined(job: BatchJob, folder: Folder, items: list[Item], places: dict[str, Place]) -> dict[str, Any]:
    """Joins the results in the folder, and returns the summary."""
    summary = merge.merge(folder, items, places, job.one_file)
    if not job.quiet:
        say("potentials: " + ", ".join(f"{name} {count:,}" for name, count in summary["potentials"].items()))
        for doubt in doubts_of(summary):
            say(doubt)
    return summary


def _of_shard(job: BatchJob, counts: Counter[str], total: int) -> dict[str, Any]:
    """The summary of one shard. Prints the command that joins the shards."""
    if not job.quiet:
        option = {None: "", True: " --one-file", False: " --many-files"}[job.one_file]
        say(f"shard {job.shard} is done: when all shards are, join them with `clusteropt merge {job.out}{option}`")
    return merge.summary_of(counts, total) | {"shard": str(job.shard)}
