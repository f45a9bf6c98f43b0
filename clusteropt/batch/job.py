"""The options of a batch. The module imports little, so that signals are handled while the libraries are loading."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from clusteropt.errors import ExitCode, Interrupted, Stopped, UsageError, suggest
from clusteropt.hosts.scheduler import Scheduler
from clusteropt.runtime.signals import Signals, stopped
from clusteropt.settings.config import MinimizeSettings, ReadingSettings

RETRY_MAY_CHANGE = ("max_steps",)
_NEAR = 300.0  # seconds: signals that come later than this before the end of a Slurm job are about its time
_UNUSABLE = ("unreadable", "no-potential", "invalid-structure", "out-of-memory")
_CALCULATOR = "calculator-failed"
_UNFINISHED = ("not-converged", "fragmented", "non-finite")
VOCABULARY = (
    "converged",
    *_UNFINISHED,
    *_UNUSABLE,
    _CALCULATOR,
    "interrupted",
)  # the labels of engine.step.Status; every structure ends in one of them
_RETRIES = ("failed", *_UNFINISHED, *_UNUSABLE, _CALCULATOR)


class Shard(NamedTuple):
    """One of `total` shares of the batch; `number` counts from 1."""

    number: int = 1
    total: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


ALL = Shard()


@dataclass
class BatchJob:
    """The inputs, output folder, settings and other options of a batch."""

    names: list[str]  # files, folders, patterns; '-' for a list from standard input
    out: Path
    settings: MinimizeSettings
    shard: Shard = ALL
    retry: str | None = None  # repeat structures with this status; 'failed' for all that have not converged
    restart: bool = False
    tolerated: float | None = None  # share of failures up to which the exit code is 0
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    scheduler: Scheduler | None = None  # whose workers compute; None for this process
    json: bool = False
    quiet: bool = False
    one_file: bool | None = (
        None  # all minima in one file, not one file per input; None keeps the choice of the run before
    )
    report: Path | None = None  # page about the results, at the end
    command: str = ""  # as the folder is to remember it
    signals: Signals = field(default_factory=Signals)

    def repeats(self, status: str) -> bool:
        """True where --retry asks to compute a structure with that status again."""
        return self.retry is not None and (status == self.retry or (self.retry == "failed" and status != "converged"))

    @property
    def may_differ(self) -> frozenset[str]:
        """The settings that may differ from the settings of the existing results."""
        return frozenset(f"settings.{name}" for name in RETRY_MAY_CHANGE) if self.retry else frozenset()


def shard_of(text: str | None) -> Shard:
    """The shard that `text` names: '3/16', 'auto' for the task of an array job, None for the whole batch.

    Raises UsageError for any other text, and where the environment names no shard.
    """
    if text is None:
        return ALL
    if text == "auto":
        return _shard_from(os.environ)
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None:
        raise UsageError(f"--shard cannot be '{text}': write 3/16 for the third of sixteen, or auto in an array job")
    shard = Shard(int(match[1]), int(match[2]))
    if not 1 <= shard.number <= shard.total:
        raise UsageError(f"--shard cannot be {shard}: shards are counted from 1 to {shard.total}")
    return shard


def _shard_from(environment: Mapping[str, str]) -> Shard:
    """The shard that CLUSTEROPT_SHARD names, or else the task of an array job of Slurm, Grid Engine or LSF."""
    named = environment.get("CLUSTEROPT_SHARD", "")
    if named and named != "auto":
        return shard_of(named)
    for names in (
        ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP"),
        ("SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE"),
        ("LSB_JOBINDEX", None, "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP"),
    ):
        own, first, last, step = ("1" if name is None else environment.get(name, "") for name in names)
        if own.isdigit() and last.isdigit():
            stride = int(step) if step.isdigit() and int(step) else 1
            begin = int(first) if first.isdigit() else 1
            shard = Shard((int(own) - begin) // stride + 1, (int(last) - begin) // stride + 1)
            count = environment.get("SLURM_ARRAY_TASK_COUNT", "")
            if count.isdigit() and int(count) != shard.total:
                raise UsageError(
                    f"--shard auto needs an array without gaps: write the shard of the full array, as --shard {shard}"
                )
            if shard.total:  # LSF sets 0 outside of arrays
                return shard_of(str(shard))
    raise UsageError(
        "--shard auto needs an array job of Slurm, Grid Engine or LSF: elsewhere set CLUSTEROPT_SHARD=3/16, or write --shard 3/16"
    )


def retry_of(text: str | None) -> str | None:
    """The option --retry, checked. Raises UsageError unless it is a status or 'failed'."""
    if text is not None and text not in _RETRIES:
        raise UsageError(f"--retry cannot be '{text}'; {suggest(text, _RETRIES)}")
    return text


def exit_code(counts: Counter[str], tolerated: float | None) -> ExitCode:
    """OK where at most the share `tolerated` has not converged; else INPUT with unusable structures, else NOT_CONVERGED."""
    failed = counts.total() - counts["converged"]
    if failed <= (tolerated or 0) * counts.total():
        return ExitCode.OK
    return ExitCode.INPUT if any(counts[status] for status in _UNUSABLE) else ExitCode.NOT_CONVERGED


def tolerated_of(text: str | None) -> float | None:
    """The share that '5%' or '0.05' names, 0 to 1. Raises UsageError for any other text."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(%?)", text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--fail-if-more-than cannot be '{text}': write a share as 5% or 0.05")
    return share


def far_from_end() -> bool:
    """True in a Slurm job that has more than five minutes left. Then a signal has another reason than the time."""
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return end.isdigit() and float(end) - time.time() > _NEAR


def too_short(signals: Signals, message: str) -> UsageError:
    """The error of a batch that runs out of time again and again without progress.

    Its exit code is USAGE, so that job scripts do not requeue the job.
    """
    cause = str(stopped(signals, message))
    return UsageError(
        f"{cause}: allow more time (--time-limit, or --time of the job), or less work (--trajectories, --hops)"
    )


def unbegun(signals: Signals) -> UsageError | Stopped | Interrupted:
    """The error of a batch that a signal has ended before the first computation."""
    at_its_time = signals.heard in (signal.SIGALRM, signal.SIGUSR1) and not far_from_end()
    return (too_short if at_its_time else stopped)(signals, "no structure was begun")
