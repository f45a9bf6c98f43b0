"""`clusteropt fit`: reads structures, fits a potential to them, writes it, and says how good it is.

The module imports little, so that signals are handled while the libraries are loading.
"""

import math
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clusteropt.commands.plans import SHOW, Show
from clusteropt.commands.process import prepare
from clusteropt.commands.time_limit import seconds_left
from clusteropt.console import say, warn
from clusteropt.errors import ExitCode, InputError, Interrupted, Stopped, UsageError
from clusteropt.fitting.settings import PLAIN, FitSettings
from clusteropt.runtime.files import check_writable, write_atomically
from clusteropt.runtime.signals import Signals, remembered
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.merging import merged

if TYPE_CHECKING:
    from clusteropt.fitting.course import Course
    from clusteropt.fitting.loop import Plan
    from clusteropt.fitting.reading import Given
    from clusteropt.fitting.setup import Setup

_REPORTS = 10  # in the course of a fit
_SAVE_EVERY = 20.0  # seconds


@dataclass
class FitJob:
    """The files of a fit, its messages, and the reasons to stop it before its end."""

    out: Path
    plot: Path | None = None
    resume: bool = False
    force: bool = False
    show: Show = SHOW
    deadline: float = math.inf  # time.monotonic() after which no check begins
    signals: Signals = field(default_factory=Signals)

    @property
    def checkpoint(self) -> Path:
        return self.out.with_name(f"{self.out.stem}.checkpoint.h5")

    @property
    def stops(self) -> bool:
        return bool(self.signals.heard) or time.monotonic() > self.deadline

    def say(self, message: str) -> None:
        if not self.show.quiet:
            say(message)


class Work(NamedTuple):
    """A fit with all that it is made from."""

    given: "Given"
    files: list[str]
    settings: FitSettings
    setup: "Setup"
    plans: "tuple[Plan, ...]"
    mark: str  # of its checkpoint


def fit(
    files: list[str],
    given: dict[str, Any],
    reading: dict[str, Any],
    job: FitJob,
    devices: dict[str, Any],
    time_limit: str | None,
) -> ExitCode:
    """Fits to the last step; NOT_CONVERGED where the fit diverged, and its best is kept.

    Raises UsageError for invalid options, InputError for structures that cannot be fitted to, Stopped or Interrupted after the
    time limit or a signal; the best so far is written first.
    """
    begin = time.monotonic()
    settings, understood = merged(FitSettings, None, given), merged(ReadingSettings, None, reading)
    _check_files(job)
    left = seconds_left(time_limit)
    job.deadline = math.inf if left is None else begin + left
    with remembered(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, patient=True) as job.signals:
        prepare(devices)
        work = _prepared(files, understood, settings, job)
        course, seconds = _carried_out(work, job)
        return _finished(work, course, seconds, job)


def _check_files(job: FitJob) -> None:
    """Raises UsageError where the files cannot be written, or belong to a fit that can go on."""
    if job.out.suffix != ".h5":
        raise UsageError(f"{job.out}: fitted potentials end in .h5, by which --potential knows them")
    goes_on = job.resume and job.checkpoint.exists()
    if job.checkpoint.is_file() and not (goes_on or job.force):
        raise UsageError(f"{job.checkpoint}: exists already: go on from it with --resume, or begin anew with --force")
    for path, option in ((job.out, "--out"), (job.checkpoint, "--out"), (job.plot, "--plot")):
        if path is not None:
            check_writable(path, job.force or goes_on, option)


def _prepared(files: list[str], reading: ReadingSettings, settings: FitSettings, job: FitJob) -> Work:
    from clusteropt.fitting import checkpoint, course, setup
    from clusteropt.fitting.reading import given
    from clusteropt.optimizers.learned import weights

    learned = None if settings.optimizer in PLAIN else weights.named(settings.optimizer)
    labelled = _labelled(files, reading, job)
    found = given(labelled, settings.cutoff)
    job.say(_words(found))
    if len(found.potentials) > 1:
        several = ", ".join(found.potentials)
        warn(
            f"energies of several potentials ({several}) do not agree with each other: compute all with one",
            job.show.quiet,
        )
    mark = checkpoint.mark_of(found.samples, settings, None if learned is None else learned.theta)
    made = setup.prepared(found.samples, len(found.elements), settings)
    return Work(found, files, settings, made, course.plans_of(settings, learned), mark)


def _labelled(files: list[str], reading: ReadingSettings, job: FitJob) -> list[tuple[str, Any]]:
    """All structures with their labels. Raises InputError for one that cannot be read."""
    from clusteropt.io.reading import Unreadable, frames, wishes_of

    found, noted = [], set()
    for one in (frame for name in files for frame in frames(name, wishes_of(reading, None))):
        if isinstance(one, Unreadable):
            raise InputError(f"{one.label}: {one.problem}")
        if one.note and (one.source, one.note) not in noted:
            noted.add((one.source, one.note))
            job.say(f"{one.source}: {one.note}")
        found.append((one.label, one.atoms))
    return found


def _words(found: "Given") -> str:
    from clusteropt.words import counted

    sizes = sorted({len(s.positions) for s in found.samples.structures})
    forces = sum(f is not None for f in found.samples.forces)
    of = f" of {', '.join(found.potentials)}" if found.potentials else ""
    many = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
    what = f"{counted(len(found.samples.energies), 'structure')} of {many} atoms of {'-'.join(found.elements)}"
    return f"{what}, energies{of}, {forces} with forces"


def _carried_out(work: Work, job: FitJob) -> tuple["Course", float]:
    """The course at its end, or where it was stopped, and the seconds that it took. The checkpoint is written now and then."""
    from clusteropt.fitting import checkpoint
    from clusteropt.fitting import course as courses

    course, before = _begun(work, job)
    since, saved, told = time.monotonic(), time.monotonic(), course.steps
    while not courses.finished(work.settings, course) and not job.stops:
        course = courses.advanced(work.setup, work.settings, course)
        seconds = before + time.monotonic() - since
        if course.steps - told >= course.all_steps / _REPORTS or courses.finished(work.settings, course):
            told = course.steps
            job.say(_progress(work, course, seconds))
        if time.monotonic() - saved > _SAVE_EVERY:
            checkpoint.save(job.checkpoint, course, seconds, work.mark)
            saved = time.monotonic()
    seconds = before + time.monotonic() - since
    checkpoint.save(job.checkpoint, course, seconds, work.mark)
    return course, seconds


def _begun(work: Work, job: FitJob) -> tuple["Course", float]:
    from clusteropt.fitting import checkpoint
    from clusteropt.fitting import course as courses

    if job.resume and job.checkpoint.exists():
        course, seconds = checkpoint.load(job.checkpoint, work.setup, work.plans, work.mark)
        job.say(f"{job.checkpoint}: going on after step {course.steps} of {course.all_steps}")
        return course, seconds
    if job.resume:
        job.say(f"{job.checkpoint}: not there: beginning with step 1")
    return courses.begin(work.setup, work.plans), 0.0


def _progress(work: Work, course: "Course", seconds: float) -> str:
    from clusteropt.fitting.accuracy import accuracies
    from clusteropt.report.fits import errors_in_words

    left = seconds / course.steps * (course.all_steps - course.steps)
    words = errors_in_words(accuracies(work.setup, course.now.best.weights), work.given.units)
    return f"step {course.steps} of {course.all_steps} ({course.plan.kind}), best so far: {words}; {left:.0f} s left"


def _finished(work: Work, course: "Course", seconds: float, job: FitJob) -> ExitCode:
    """Writes the potential and prints the table. Raises Stopped or Interrupted where the fit was stopped."""
    from clusteropt.fitting import accuracy
    from clusteropt.fitting import course as courses
    from clusteropt.potentials import fitted
    from clusteropt.report import fits

    found = accuracy.accuracies(work.setup, course.best.weights)
    fitted.save(job.out, _fit(work, course, found, seconds))
    if job.plot is not None:
        n_atoms = _sizes(work)
        pairs = accuracy.parities(work.setup, course.best.weights, work.given.samples.energies, n_atoms)
        write_atomically(job.plot, fits.parity_picture(pairs, work.given.units["energy"], job.plot.suffix))
    for remark in _remarks(course, work.settings):
        warn(remark, job.show.quiet)
    fits.show(found, course, work.given.units, job.show.json, job.show.wide)
    job.say(f"{job.out}: best weights, of step {course.best.step}, {course.best.weights.size} numbers")
    if not courses.finished(work.settings, course):
        where = f"after step {course.steps} of {course.all_steps}: the best so far is in {job.out}; go on with --resume"
        raise Interrupted(f"interrupted {where}") if job.signals.heard == signal.SIGINT else Stopped(f"stopped {where}")
    return ExitCode.NOT_CONVERGED if course.now.diverged else ExitCode.OK


def _remarks(course: "Course", settings: FitSettings) -> list[str]:
    found = []
    if course.now.diverged:
        found.append(
            f"the fit diverged by step {course.now.step} and ended there; its best weights are kept: "
            "lower --rate or --force-weight"
        )
    if len(course.bests) > 1:
        own, plain = course.bests
        better = "adam" if plain.error < own.error else settings.optimizer
        errors = (
            f"validation error {own.error:.3g} of {settings.optimizer}, {plain.error:.3g} of adam at as many gradients"
        )
        found.append(f"{errors}: {better} is better and its weights are taken")
    return found


def _sizes(work: Work) -> Any:
    import numpy as np

    return np.array([len(s.positions) for s in work.given.samples.structures])


def _fit(work: Work, course: "Course", found: Any, seconds: float) -> Any:
    """The potential with its card."""
    from clusteropt import __version__
    from clusteropt.fitting.setup import tables_from
    from clusteropt.potentials.fitted import Fit

    sizes, scales, given = _sizes(work), work.setup.scales, work.given
    card = {
        "files": work.files,
        "structures": len(sizes),
        "sizes": [int(sizes.min()), int(sizes.max())],
        "elements": list(given.elements),
        "potentials": list(given.potentials),
        "distances": [scales.closest, scales.farthest],
        "errors": {one.part: one._asdict() for one in found},
        "settings": asdict(work.settings),
        "optimizer": "adam" if len(course.bests) > 1 and course.best is course.bests[-1] else work.settings.optimizer,
        "steps": course.steps,
        "seconds": round(seconds, 1),
        "version": __version__,
    }
    tables = tables_from(course.best.weights, work.setup)
    return Fit(tables, given.elements, scales.length, scales.energy, given.units, card)
