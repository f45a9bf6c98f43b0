"""The work of a batch, told before it is done: structures, buckets, programs, memory and, roughly, time."""

import json
from collections import Counter
from functools import cache
from typing import NamedTuple

from clusteropt.batch.folder import Folder
from clusteropt.batch.identity import fingerprint, made_of
from clusteropt.batch.inputs import Inputs, files_of
from clusteropt.batch.items import Given
from clusteropt.batch.job import BatchJob
from clusteropt.batch.remarks import of_left_out
from clusteropt.batch.shards import share
from clusteropt.clusters.arrays import n_lanes, padded_sizes
from clusteropt.console import emit, say
from clusteropt.engine.lanes import QUEUE
from clusteropt.errors import ExitCode, UsageError
from clusteropt.io.reading import wishes_of
from clusteropt.io.structures import elements_of
from clusteropt.potentials import sets
from clusteropt.potentials.form import form_of
from clusteropt.report.tables import Column, show
from clusteropt.runtime import devices
from clusteropt.settings.config import MinimizeSettings
from clusteropt.settings.method import SearchSettings
from clusteropt.words import counted

_PLAIN_PROGRAMS, _SEARCH_PROGRAMS = 3, 5  # per bucket: look, explore, polish; learned steps and moves over the surface
_COMPILATION = 2.5  # seconds for a program, where the cache has none; more cores hardly help (measured: 2 to 3)
_PAIR = 5e-10  # seconds of one core for a pair of Lennard-Jones atoms and an evaluation in single precision
_FIRST, _PER_ATOM = 50, 6  # evaluations of a local minimization: 50 + 6 for each atom
_BEGIN = 2.0  # seconds for the start of the program
_CHAIN, _DIRECTIONAL_CHAIN = 15, 100  # local minimizations' worth of evaluations in a chain of the search
_BASE_MEMORY = 350e6  # bytes, of the libraries
_ARRAYS = 40  # double-precision planes of a structure in a queue, the history of L-BFGS included
_PER_STRUCTURE = 4000  # bytes on the host


class Bucket(NamedTuple):
    """Structures that share programs."""

    potential: str
    form: str
    elements: tuple[str, ...]
    size: int  # padded


def dry_run(job: BatchJob) -> ExitCode:
    """`clusteropt batch --dry-run`: says what there is to do; reads the inputs and computes and writes nothing."""
    common = made_of(job.settings)
    files, left_out = files_of(job.names, job.out)
    for message in [] if job.quiet else of_left_out(left_out):
        say(message)
    wishes = wishes_of(job.reading, job.settings.potential)
    buckets: dict[str, Bucket | None] = {}

    def look(given: Given) -> None:
        buckets[given.item.key] = _bucket(given, job.settings)

    with Inputs(files, fingerprint(common), wishes) as inputs:
        items = share(inputs.survey(look), job.shard)
    folder = Folder(job.out)
    done = set()
    if folder.begun and not job.restart:
        folder.compare(common, job.may_differ)
        places = folder.results()
        done = {item.key for item in items if item.key in places and not job.repeats(places[item.key].status)}
    keys = {item.key: item.n_atoms for item in items if item.key not in done}
    counts = Counter(buckets[key] for key in keys)
    unusable = counts.pop(None, 0)
    here = job.scheduler is None and job.scheduler_file is None  # a worker sees one size at a time
    search = job.settings.method().search
    found = _padded(counts, few=here and search is None)
    work = sum(_seconds(bucket, count, search) for bucket, count in found.items())
    seconds = _BEGIN + work / devices.n_devices()
    per_bucket = _PLAIN_PROGRAMS if search is None else _SEARCH_PROGRAMS
    summary = {
        "structures": len(items),
        "different": len({item.key for item in items}),
        "done": len(done),
        "unusable": unusable,
        "buckets": len(found),
        "programs": per_bucket * len(found),
        "memory": round(_BASE_MEMORY + _PER_STRUCTURE * len(items) + _memory(list(found))),
        "seconds": round(seconds, 1),
        "seconds_compiling": round(per_bucket * len(found) * _COMPILATION, 1),
    }
    if job.json:
        emit(json.dumps(summary, indent=1))
        return ExitCode.OK
    show(_table(found))
    say(
        f"{counted(len(items), 'structure')}, {summary['different']:,} different, {len(done):,} done already, "
        f"{unusable:,} of the different ones unusable: {counted(len(found), 'bucket')}, {counted(summary['programs'], 'program')}"
    )
    say(
        f"memory about {summary['memory'] / 1e9:.1f} GB; time very roughly {seconds:.0f} s on "
        f"{counted(devices.n_devices(), 'core')}, and up to {summary['seconds_compiling']:.0f} s more for programs "
        "that are not in the cache"
    )
    return ExitCode.OK


def _bucket(given: Given, settings: MinimizeSettings) -> Bucket | None:
    """By its own number of atoms; None for what cannot be computed."""
    if given.atoms is None or not len(given.atoms):
        return None
    alike = _alike(elements_of(given.atoms), settings.potential)
    return None if alike is None else alike._replace(size=given.item.n_atoms)


@cache
def _alike(elements: tuple[str, ...], potential: str | None) -> Bucket | None:
    """The bucket of all structures of these elements, without a size; reading the parameter files takes long."""
    try:
        chosen = sets.serving(elements, potential)
        return Bucket(chosen.potential(elements).name, chosen.form, elements, 0)
    except UsageError:
        return None


def _padded(counts: Counter[Bucket | None], few: bool) -> dict[Bucket, int]:
    """The structures counted by number of atoms, by padded size."""
    alike: dict[Bucket, dict[int, int]] = {}
    for bucket, count in counts.items():
        if bucket is not None:
            alike.setdefault(bucket._replace(size=0), {})[bucket.size] = count
    found: Counter[Bucket] = Counter()
    for bucket, numbers in alike.items():
        sizes = padded_sizes(numbers, few)
        for n, count in numbers.items():
            found[bucket._replace(size=sizes[n])] += count
    return dict(sorted(found.items()))


def _seconds(bucket: Bucket, count: int, search: SearchSettings | None) -> float:
    """Of one core."""
    evaluations = _FIRST + _PER_ATOM * bucket.size
    if search is not None:
        chain = _DIRECTIONAL_CHAIN if form_of(bucket.form).directional else _CHAIN
        evaluations *= 1 + chain * search.chains
    return count * evaluations * _PAIR * form_of(bucket.form).cost * bucket.size**2


def _memory(buckets: list[Bucket]) -> float:
    """Bytes for the largest queue."""
    queues = [b.size * (QUEUE * n_lanes(b.size) if n_lanes(b.size) > 1 else 1) for b in buckets]
    return max(queues, default=0) * 3 * 8 * _ARRAYS * devices.n_devices()


def _table(found: dict[Bucket, int]) -> list[Column]:
    return [
        Column("potential", [bucket.potential for bucket in found], folds=True),
        Column("elements", ["-".join(bucket.elements) for bucket in found]),
        Column("atoms up to", [str(bucket.size) for bucket in found], right=True),
        Column("structures", [f"{count:,}" for count in found.values()], right=True),
    ]
