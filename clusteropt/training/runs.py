"""A training run with its messages and its files: weights, checkpoint, log and picture."""

import json
import math
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from clusteropt import __version__
from clusteropt.errors import ClusterOptError, Interrupted, Stopped, UsageError
from clusteropt.optimizers.learned import weights
from clusteropt.runtime import host, processes
from clusteropt.runtime.files import check_writable
from clusteropt.settings.keywords import changed
from clusteropt.training import checkpoint, loop, tasks
from clusteropt.training.candidates import Candidate, best, kept, validate
from clusteropt.training.checkpoint import Checkpoint
from clusteropt.training.job import TrainingJob
from clusteropt.training.log import Log, picture
from clusteropt.training.loop import TrainingState
from clusteropt.training.settings import TrainSettings, defaults
from clusteropt.training.tasks import HOP, named_task
from clusteropt.training.trials import Trial, reported, validated
from clusteropt.words import counted

_REPORTS = 10  # in the course of a run
_REPORTED, _VALIDATED = 64, 256  # trajectories of a theta in a report, and in the validation at the end
_SAVE_EVERY = 20.0  # seconds, at most


def train_es(
    settings: TrainSettings | None = None, out: Path | str | None = None, **fields: Any
) -> weights.LearnedOptimizer:
    """Trains by evolution strategies, with `settings` or the defaults, changed by `fields`: train_es(tasks=("X13",), steps=10).

    A task is a name, or an object as `training.tasks.ProblemTask(name, problem, starts)` for a problem of one's own. With `out`,
    the weights, checkpoint, log and picture are written; none of these files may exist. Raises UsageError where one does, or
    for a setting that is not allowed.
    """
    return _train("es", settings, out, fields)


def train_ga(
    settings: TrainSettings | None = None, out: Path | str | None = None, **fields: Any
) -> weights.LearnedOptimizer:
    """Trains by a genetic algorithm, in all else as `train_es`."""
    return _train("ga", settings, out, fields)


def _train(
    strategy: str, settings: TrainSettings | None, out: Path | str | None, values: dict[str, Any]
) -> weights.LearnedOptimizer:
    if "tasks" in values and not isinstance(values["tasks"], str):
        values = values | {"tasks": tuple(named_task(task) for task in values["tasks"])}
    chosen = changed(settings or defaults(strategy), values, f"train_{strategy}")
    if chosen.strategy != strategy:
        raise UsageError(f"these settings are for the strategy '{chosen.strategy}': call train_{chosen.strategy}")
    host.start()
    return carry_out(chosen, TrainingJob(None if out is None else Path(out), quiet=True))


def check_files(job: TrainingJob) -> None:
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


def carry_out(settings: TrainSettings, job: TrainingJob) -> weights.LearnedOptimizer:
    """Trains to the end, or until the job stops it. A finished run returns its best theta.

    A stopped run writes its files, with the last theta as weights, and then raises Stopped or Interrupted. Raises UsageError and
    InputError for settings or files that do not fit, ClusterOptError where training or writing fails.
    """
    settings, now = _begin_together(settings, job)
    first, since = now.state.step, time.monotonic() - now.seconds
    log = Log(job.beside(".log.jsonl") if job.writes else None, first)
    saved = warm = time.monotonic()
    pause = 0.0  # seconds until the next checkpoint; short at first, for a kill must not cost more than was done
    with _bar(settings, now.state, job.quiet or not job.writes) as show:
        for state in loop.train(settings, now.state):
            now, done = _noted(settings, log, state, now, since), loop.finished(settings, state)
            show(state.step)
            if state.step == first + 1:
                warm = time.monotonic()  # the first step has made the programs
            if done or _due(settings, state.step) or state.step == first + 1:
                speed = (state.step - first - 1) / max(time.monotonic() - warm, 1e-9)
                hits = log.hits if _due(settings, state.step) else {}
                job.say(_progress_line(settings, state, hits, speed))
            stopped = _stops(job) and not done
            if done or stopped or time.monotonic() - saved > pause:
                _save(settings, job, now)
                saved, pause = time.monotonic(), min(_SAVE_EVERY, 2 * pause or 1.0)
            if stopped:
                break
    optimizer = _last_optimizer(settings, log, now)
    if loop.finished(settings, now.state) and any(tasks.task_named(name).reports for name in settings.tasks):
        if job.out is not None and job.writes and (now.state.step > first or not job.out.exists()):
            weights.save(job.out, optimizer)  # a kill does not lose it
        optimizer = _best_by_validation(settings, job, log, now, optimizer)
    _finish(job, optimizer, log)
    _tell_the_end(settings, job, now.state)
    return optimizer


def _stops(job: TrainingJob) -> bool:
    """True where this process or another one of the run has to stop."""
    return bool(processes.gathered(np.array([job.stops])).any())


def _due(settings: TrainSettings, step: int) -> bool:
    """True where a report follows the step. The interval is that of the schedule: more steps do not change it."""
    return step % max(1, settings.schedule // _REPORTS) == 0


def _noted(settings: TrainSettings, log: Log, state: TrainingState, before: Checkpoint, since: float) -> Checkpoint:
    """The checkpoint after a step, which is noted in the log. Where a report is due, its theta becomes a candidate."""
    loss = state.loss if math.isfinite(state.loss) else None
    seconds = round(time.monotonic() - since, 3)
    log.append(step=state.step, task=state.task, loss=loss, seconds=seconds)
    candidates = before.candidates
    if _due(settings, state.step):
        trial = reported(state.theta, settings, _REPORTED)
        if trial.energies:
            log.append(step=state.step, hits=trial.hit_rates, **_trial_record(trial, _REPORTED))
            candidates = kept([*candidates, Candidate(state.step, state.theta, trial.rank)])
    return Checkpoint(state, time.monotonic() - since, candidates)


def _trial_record(trial: Trial, count: int) -> dict[str, Any]:
    energies = {name: round(float(energy.mean()), 6) for name, energy in trial.energies.items()}
    return {"energies": energies, "trajectories": count}


def _last_optimizer(settings: TrainSettings, log: Log, end: Checkpoint) -> weights.LearnedOptimizer:
    state = end.state
    card = card_of(settings, end.seconds, state.step, state.earlier)
    return weights.LearnedOptimizer(state.theta, settings.network, card | {"hits": log.hits})


def _best_by_validation(
    settings: TrainSettings, job: TrainingJob, log: Log, end: Checkpoint, last_one: weights.LearnedOptimizer
) -> weights.LearnedOptimizer:
    """The best theta by a validation. Raises Stopped or Interrupted where the job stops; --resume validates anew."""
    step, theta = end.state.step, end.state.theta
    n_thetas = len({step, *(candidate.step for candidate in end.candidates)})
    job.say(f"validating {counted(n_thetas, 'theta')} by {_VALIDATED} fresh trajectories of each task")
    found, tried = validate(end.candidates, step, theta, lambda theta: validated(theta, settings, _VALIDATED)), []
    while len(tried) < n_thetas:
        if _stops(job):
            raise _stop_error(job, f"in the validation after step {step}: go on with --resume")
        tried.append(next(found))
    chosen = best(tried)
    for one in tried:
        rates = one.trial.hit_rates
        log.append(step=one.step, validated=rates, **_trial_record(one.trial, _VALIDATED), shipped=one is chosen)
        last = " (the last)" if one is tried[-1] else ""
        job.say(f"{_VALIDATED} fresh trajectories: step {one.step}{last}{_shares(rates) or ', no best-known minimum'}")
    about = {
        "step": chosen.step,
        "hits": chosen.trial.hit_rates,
        "last_hits": tried[-1].trial.hit_rates,
        "trajectories": _VALIDATED,
    }
    return last_one._replace(theta=chosen.theta, card=last_one.card | about)


def _begin_together(settings: TrainSettings, job: TrainingJob) -> tuple[TrainSettings, Checkpoint]:
    """The settings and the first checkpoint, after a check that all processes of the run have the same.

    Raises ClusterOptError where a process cannot begin.
    """
    try:
        check_files(job)
        settings, start = _begin(settings, job)
        problem = None
    except ClusterOptError as reason:
        start, problem = None, reason
    same = json.dumps([asdict(settings), __version__]).encode()
    position = b"" if start is None else start.state.theta.tobytes() + str(start.state.step).encode()
    marks = [start is not None, zlib.crc32(same), zlib.crc32(position)]
    begun, alike, at = processes.gathered(np.array(marks, np.int64)).T
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
    return settings, start


def _begin(settings: TrainSettings, job: TrainingJob) -> tuple[TrainSettings, Checkpoint]:
    stored = job.beside(".checkpoint.h5")
    if job.resume and stored is not None:
        if stored.exists():
            settings = checkpoint.continued(stored, settings)
            found = checkpoint.load(stored, settings)
            job.say(f"{stored}: going on after step {found.state.step} of {settings.steps}")
            if settings.strategy == "es" and settings.schedule != settings.steps:
                job.say(f"sigma and rate fall over {settings.schedule} steps, as planned before, not {settings.steps}")
            return settings, found
        job.say(f"{stored}: not there: beginning with step 1")
    fresh = Checkpoint(loop.begin(settings), 0.0)
    _save(settings, job, fresh)
    return settings, fresh


def _save(settings: TrainSettings, job: TrainingJob, now: Checkpoint) -> None:
    stored = job.beside(".checkpoint.h5")
    if stored is not None and job.writes:
        checkpoint.save(stored, settings, now)


def _finish(job: TrainingJob, optimizer: weights.LearnedOptimizer, log: Log) -> None:
    if job.out is not None and job.writes:
        weights.save(job.out, optimizer)
        image = job.beside(".png")
        if job.with_picture and image is not None:
            picture(log.records, image)
        which = f"theta of step {optimizer.card['step']}" if "step" in optimizer.card else "the last theta"
        job.say(f"{job.out}: {which}, {optimizer.theta.size} numbers")


def _tell_the_end(settings: TrainSettings, job: TrainingJob, state: TrainingState) -> None:
    if loop.finished(settings, state):
        if state.step < settings.steps:
            job.say(f"no task has had a lower loss for {settings.patience} steps: ended with step {state.step}")
        return
    job.say(f"to end here, and ship the best theta so far: --resume --steps {state.step}")
    raise _stop_error(job, f"after step {state.step} of {settings.steps}: go on with --resume")


def _stop_error(job: TrainingJob, where: str) -> Stopped | Interrupted:
    return Interrupted(f"interrupted {where}") if job.signals.heard == signal.SIGINT else Stopped(f"stopped {where}")


def card_of(settings: TrainSettings, seconds: float, steps: int, earlier: Sequence[str] = ()) -> dict[str, Any]:
    """The record of a training for its weights file; `earlier` are the tasks in the card of its first weights."""
    return {
        "tasks": sorted({*earlier, *(name.removeprefix(HOP) for name in settings.tasks)}),
        "training": asdict(settings),
        "seconds": round(seconds, 1),
        "steps": steps,
    }


def _progress_line(settings: TrainSettings, state: TrainingState, hits: dict[str, float], speed: float) -> str:
    pace = f", {speed:.3g} steps/s, {(settings.steps - state.step) / speed:.0f} s left" if speed else ""
    loss = f"{state.task} loss {state.loss:.4f} energy scales"
    return f"step {state.step} of {settings.steps}: {loss}{_shares(hits)}{pace}"


def _shares(hits: dict[str, float]) -> str:
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in hits.items())
    return f", hits {shares}" if shares else ""


@contextmanager
def _bar(settings: TrainSettings, state: TrainingState, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where someone watches; gives a function to call with the number of steps done."""
    if quiet or not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("steps", total=settings.steps, completed=state.step)
        yield lambda step: bar.update(task, completed=step)
