"""A training run with its messages and its files: weights, checkpoint, log and picture."""

import json
import math
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from clusteropt import __version__, runtime, weights
from clusteropt.errors import ClusterOptError, Interrupted, Stopped, UsageError, suggest
from clusteropt.files import check_writable
from clusteropt.training import checkpoint, loop
from clusteropt.training.checkpoint import Checkpoint
from clusteropt.training.hits import hit_rates
from clusteropt.training.job import Job
from clusteropt.training.log import Log, picture
from clusteropt.training.loop import Progress
from clusteropt.training.settings import DEFAULTS, TrainSettings
from clusteropt.training.tasks import HOP

_REPORTS = 10  # in the course of a run
_TRIED, _TRIED_LAST = 64, 256  # trajectories for a hit rate
_SAVE_EVERY = 20.0  # seconds


def train_es(
    settings: TrainSettings | None = None, out: Path | str | None = None, **fields: Any
) -> weights.LearnedOptimizer:
    """Trains by evolution strategies, with `settings` or the defaults, changed by `fields`: train_es(tasks=("X13",), steps=10).

    With `out`, the weights, checkpoint, log and picture are written, which must not exist. Raises UsageError where they do, or
    for settings that cannot be.
    """
    return _train("es", settings, out, fields)


def train_ga(
    settings: TrainSettings | None = None, out: Path | str | None = None, **fields: Any
) -> weights.LearnedOptimizer:
    """Trains by a genetic algorithm; else as `train_es`."""
    return _train("ga", settings, out, fields)


def _train(
    strategy: str, settings: TrainSettings | None, out: Path | str | None, values: dict[str, Any]
) -> weights.LearnedOptimizer:
    known = tuple(get_type_hints(TrainSettings))
    for name in values:
        if name not in known:
            raise UsageError(f"no setting '{name}' of a training run; {suggest(name, known)}")
    chosen = replace(settings or DEFAULTS[strategy], **values)
    if chosen.strategy != strategy:
        raise UsageError(f"these settings are for the strategy '{chosen.strategy}': call train_{chosen.strategy}")
    return run(chosen, Job(None if out is None else Path(out), quiet=True))


def check(job: Job) -> None:
    """Raises UsageError where the files could not be written, or belong to a run that can go on."""
    if job.out is None or not job.writes:
        return
    if job.out.suffix != ".h5":
        raise UsageError(f"{job.out}: weights files end in .h5, by which `minimize --optimizer` knows them")
    stored = job.beside(".checkpoint.h5")
    assert stored is not None
    goes_on = job.resume and stored.exists()
    if stored.is_file() and not (goes_on or job.force):
        raise UsageError(f"{stored}: exists already: go on from it with --resume, or begin anew with --force")
    for path in (job.out, stored, job.beside(".log.jsonl"), job.beside(".png")):
        assert path is not None
        check_writable(path, job.force or goes_on)


def run(settings: TrainSettings, job: Job) -> weights.LearnedOptimizer:
    """Trains to the end, or until the job stops it.

    Raises Stopped or Interrupted where it did, after everything is written; UsageError, InputError and ClusterOptError for what
    cannot be.
    """
    start, before = _together(settings, job)
    since = time.monotonic() - before
    log = Log(job.beside(".log.jsonl") if job.writes else None, start.step)
    saved = warm = time.monotonic()
    every, progress = max(1, settings.steps // _REPORTS), start
    with _bar(settings, start, job.quiet or not job.writes) as show:
        for progress in loop.train(settings, start):
            seconds, done = time.monotonic() - since, loop.finished(settings, progress)
            loss = progress.loss if math.isfinite(progress.loss) else None
            log.append(step=progress.step, task=progress.task, loss=loss, seconds=round(seconds, 3))
            due = done or progress.step % every == 0
            if due and job.writes:
                count = _TRIED_LAST if done else _TRIED
                log.append(step=progress.step, hits=hit_rates(progress.theta, settings, count), trajectories=count)
            show(progress.step)
            if progress.step == start.step + 1:
                warm = time.monotonic()  # the first step has made the programs
            if due or progress.step == start.step + 1:
                speed = (progress.step - start.step - 1) / max(time.monotonic() - warm, 1e-9)
                job.say(_line(settings, progress, log.hits if due else {}, speed))
            stopped = bool(runtime.gathered(np.array([job.stops])).any()) and not done
            if done or stopped or time.monotonic() - saved > _SAVE_EVERY:
                _save(settings, job, Checkpoint(progress, time.monotonic() - since))
                saved = time.monotonic()
            if stopped:
                break
    card = card_of(settings, time.monotonic() - since, progress.step, log.hits, progress.earlier)
    optimizer = weights.LearnedOptimizer(progress.theta, settings.network, card)
    _finish(job, optimizer, log)
    _tell_the_end(settings, job, progress)
    return optimizer


def _together(settings: TrainSettings, job: Job) -> Checkpoint:
    """The beginning, the same in all processes of the run. Raises ClusterOptError where one cannot begin, or elsewhere."""
    try:
        check(job)
        start, problem = _begin(settings, job), None
    except ClusterOptError as reason:
        start, problem = None, reason
    same = json.dumps([asdict(settings), __version__]).encode()
    state = b"" if start is None else start.progress.theta.tobytes() + str(start.progress.step).encode()
    marks = [start is not None, zlib.crc32(same), zlib.crc32(state)]
    begun, alike, at = runtime.gathered(np.array(marks, np.int64)).T
    if problem is not None:
        raise problem
    if start is None or not begun.all():
        raise ClusterOptError("another process of this run cannot begin: see what it says")
    if (alike != alike[0]).any():
        raise UsageError(
            "the processes of this run have different settings or versions: give all of them the same command"
        )
    if (at != at[0]).any():
        raise ClusterOptError(
            "the processes of this run see different checkpoints or weights: --out must be on a file system they share"
        )
    return start


def _begin(settings: TrainSettings, job: Job) -> Checkpoint:
    stored = job.beside(".checkpoint.h5")
    if job.resume and stored is not None:
        if stored.exists():
            found = checkpoint.load(stored, settings)
            job.say(f"{stored}: going on after step {found.progress.step} of {settings.steps}")
            return found
        job.say(f"{stored}: not there: beginning with step 1")
    fresh = Checkpoint(loop.begin(settings), 0.0)
    _save(settings, job, fresh)
    return fresh


def _save(settings: TrainSettings, job: Job, now: Checkpoint) -> None:
    stored = job.beside(".checkpoint.h5")
    if stored is not None and job.writes:
        checkpoint.save(stored, settings, now)


def _finish(job: Job, optimizer: weights.LearnedOptimizer, log: Log) -> None:
    if job.out is not None and job.writes:
        weights.save(job.out, optimizer)
        image = job.beside(".png")
        if job.with_picture and image is not None:
            picture(log.records, image)
        job.say(f"{optimizer.theta.size} numbers written to {job.out}")


def _tell_the_end(settings: TrainSettings, job: Job, progress: Progress) -> None:
    if loop.finished(settings, progress):
        if progress.step < settings.steps:
            job.say(f"no task has had a lower loss for {settings.patience} steps: ended with step {progress.step}")
        return
    where = f"after step {progress.step} of {settings.steps}: go on with --resume"
    if job.signals.heard == signal.SIGINT:
        raise Interrupted(f"interrupted {where}")
    raise Stopped(f"stopped {where}")


def card_of(
    settings: TrainSettings, seconds: float, steps: int, hits: dict[str, float], earlier: Sequence[str] = ()
) -> dict[str, Any]:
    """What a weights file says about itself; `earlier` are the tasks that the weights it began with were trained on."""
    return {
        "tasks": sorted({*earlier, *(name.removeprefix(HOP) for name in settings.tasks)}),
        "training": asdict(settings),
        "seconds": round(seconds, 1),
        "steps": steps,
        "hits": hits,
    }


def _line(settings: TrainSettings, progress: Progress, hits: dict[str, float], speed: float) -> str:
    shares = "".join(f", hits {name} {100 * share:.0f} %" for name, share in hits.items())
    pace = f", {speed:.3g} steps/s, {(settings.steps - progress.step) / speed:.0f} s left" if speed else ""
    return f"step {progress.step} of {settings.steps}: {progress.task} loss {progress.loss:.4f} energy scales{shares}{pace}"


@contextmanager
def _bar(settings: TrainSettings, progress: Progress, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where someone watches; gives a function to call with the number of steps done."""
    if quiet or not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("steps", total=settings.steps, completed=progress.step)
        yield lambda step: bar.update(task, completed=step)
