"""The estimate that `batch --dry-run` prints: structures, buckets, programs, memory and, roughly, time."""

import json
from collections import Counter
from functools import cache
from typing import NamedTuple

import jax

from clusteropt.batch.folder import Folder
from clusteropt.batch.identity import fingerprint, made_of
from clusteropt.batch.inputs import Inputs, files_of
from clusteropt.batch.items import Given, Item
from clusteropt.batch.job import BatchJob
from clusteropt.batch.remarks import of_left_out
from clusteropt.batch.shards import share
from clusteropt.clusters.arrays import padded_sizes
from clusteropt.console import emit, say
from clusteropt.engine.lanes import QUEUE
from clusteropt.errors import ExitCode, UsageError
from clusteropt.io.reading import wishes_of
from clusteropt.io.structures import elements_of
from clusteropt.potentials import sets
from clusteropt.potentials.form import SECONDS_PER_PAIR, form_of
from clusteropt.report.tables import Column, show
from clusteropt.runtime import devices
from clusteropt.runtime.backend import n_lanes
from clusteropt.settings.config import MinimizeSettings
from clusteropt.settings.method import SearchSettings
from clusteropt.words import counted

_PROGRAMS = 3  # per bucket: evaluate, explore, polish; a search adds learned steps and moves
_COMPILATION = 2.5  # seconds to compile one program that is not in the cache; more cores hardly help (measured: 2 to 3)
_FIRST, _PER_ATOM = 50, 6  # evaluations of a local minimization: 50 + 6 n_atoms
_BEGIN = 2.0  # seconds until the program has started
_CHAIN, _DIRECTIONAL_CHAIN = 15, 100  # evaluations of one chain of the search, in units of a local minimization
_BASE_MEMORY = 350e6  # bytes of the libraries
_ARRAYS = 40  # double-precision arrays (3, n_atoms) per structure in a queue, with the history of L-BFGS
_PER_STRUCTURE = 4000  # bytes on the host per structure


class Bucket(NamedTuple):
    """The key of structures that are computed together."""

    potential: str
    form: str
    elements: tuple[str, ...]
    size: int  # padded
    shape: str  # all that programs know of the potential


class Estimate(NamedTuple):
    """The work of a batch, as `--json` prints it."""

    structures: int
    different: int
    done: int
    unusable: int
    buckets: int
    programs: int
    memory: int  # bytes
    seconds: float
    seconds_compiling: float  # upper bound: no program is in the cache


def dry_run(job: BatchJob) -> ExitCode:
    """`clusteropt batch --dry-run`: reads the inputs and prints the estimate. Computes no structure and writes no file."""
    items, buckets = _surveyed(job)
    done = _done(job, items)
    counts = Counter(buckets[key] for key in {item.key for item in items} - done)
    unusable = counts.pop(None, 0)
    here = job.scheduler is None  # a Dask worker gets one size at a time
    search = job.settings.method().search
    found = _padded(counts, few=here and search is None)
    estimate = _estimate(items, found, search)._replace(done=len(done), unusable=unusable)
    if job.json:
        emit(json.dumps(estimate._asdict(), indent=1))
    else:
        show(_table(found))
        for line in _summary(estimate):
            say(line)
    return ExitCode.OK


def _surveyed(job: BatchJob) -> tuple[list[Item], dict[str, Bucket | None]]:
    """The items of this shard, and the bucket of each key. Reports the files that are left out."""
    files, left_out = files_of(job.names, job.out)
    for message in [] if job.quiet else of_left_out(left_out):
        say(message)
    buckets: dict[str, Bucket | None] = {}

    def observe(given: Given) -> None:
        buckets[given.item.key] = _bucket(given, job.settings)

    wishes = wishes_of(job.reading, job.settings.potential)
    with Inputs(files, fingerprint(made_of(job.settings)), wishes) as inputs:
        return share(inputs.survey(observe), job.shard), buckets


def _done(job: BatchJob, items: list[Item]) -> set[str]:
    """The keys that already have a result. Raises UsageError where the folder holds results with other settings."""
    folder = Folder(job.out)
    if not folder.begun or job.restart:
        return set()
    folder.compare(made_of(job.settings), job.may_differ)
    places = folder.results()
    return {item.key for item in items if item.key in places and not job.repeats(places[item.key].status)}


def _estimate(items: list[Item], found: dict[Bucket, int], search: SearchSettings | None) -> Estimate:
    """The estimate for `items`; `found` has the number of structures still to compute in each bucket."""
    work = sum(_seconds(bucket, count, search) for bucket, count in found.items())
    programs = sum({(bucket.shape, bucket.size): _n_programs(bucket, search) for bucket in found}.values())
    return Estimate(
        structures=len(items),
        different=len({item.key for item in items}),
        done=0,
        unusable=0,
        buckets=len(found),
        programs=programs,
        memory=round(_BASE_MEMORY + _PER_STRUCTURE * len(items) + _memory(list(found))),
        seconds=round(_BEGIN + work / devices.n_devices(), 1),
        seconds_compiling=round(programs * _COMPILATION, 1),
    )


def _summary(work: Estimate) -> list[str]:
    return [
        f"{counted(work.structures, 'structure')}, {work.different:,} different, {work.done:,} done already, "
        f"{work.unusable:,} of the different ones unusable: {counted(work.buckets, 'bucket')}, "
        f"{counted(work.programs, 'program')}",
        f"memory about {work.memory / 1e9:.1f} GB; time very roughly {work.seconds:.0f} s on "
        f"{counted(devices.n_devices(), 'core')}, and up to {work.seconds_compiling:.0f} s more for programs "
        "that are not in the cache",
    ]


def _bucket(given: Given, settings: MinimizeSettings) -> Bucket | None:
    """The bucket of a structure, with its own number of atoms as size; None where it cannot be computed."""
    if given.atoms is None or not len(given.atoms):
        return None
    alike = _alike(elements_of(given.atoms), settings.potential)
    return None if alike is None else alike._replace(size=given.item.n_atoms)


@cache
def _alike(elements: tuple[str, ...], potential: str | None) -> Bucket | None:
    """The bucket of structures of these elements, with size 0. Cached, because reading parameter files is slow."""
    try:
        chosen = sets.serving(elements, potential)
        own = chosen.at_rest(elements)
        return Bucket(own.name, own.form, elements, 0, str(jax.tree.structure(own)))
    except UsageError:
        return None


def _padded(counts: Counter[Bucket | None], few: bool) -> dict[Bucket, int]:
    """The counts of structures by padded size, from `counts` by number of atoms."""
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
    """Seconds that one core needs for `count` structures of a bucket."""
    evaluations = _FIRST + _PER_ATOM * bucket.size
    if search is not None:
        chain = _DIRECTIONAL_CHAIN if form_of(bucket.form).directional else _CHAIN
        evaluations *= 1 + chain * search.chains
    return count * evaluations * SECONDS_PER_PAIR * form_of(bucket.form).cost * bucket.size**2


def _n_programs(bucket: Bucket, search: SearchSettings | None) -> int:
    """The number of programs of a bucket; the moves of a search are those of its styles (`search/policy.py`)."""
    if search is None:
        return _PROGRAMS
    if len(bucket.elements) > 1:
        return _PROGRAMS + 4  # learned steps, moves over the surface, rebuilt surfaces, exchanges
    return _PROGRAMS + (1 if form_of(bucket.form).directional else 3)  # silicon is only displaced


def _memory(buckets: list[Bucket]) -> float:
    """Bytes for the largest queue of structures on the devices."""
    queues = [b.size * (QUEUE * n_lanes(b.size) if n_lanes(b.size) > 1 else 1) for b in buckets]
    return max(queues, default=0) * 3 * 8 * _ARRAYS * devices.n_devices()


def _table(found: dict[Bucket, int]) -> list[Column]:
    return [
        Column("potential", [bucket.potential for bucket in found], folds=True),
        Column("elements", ["-".join(bucket.elements) for bucket in found]),
        Column("atoms up to", [str(bucket.size) for bucket in found], right=True),
        Column("structures", [f"{count:,}" for count in found.values()], right=True),
    ]
