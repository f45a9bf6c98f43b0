"""The options of a batch; light, so that signals are heard while the libraries are being loaded."""

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
from clusteropt.runtime.signals import Signals, stopped
from clusteropt.settings.config import MinimizeSettings, ReadingSettings

RETRY_MAY_CHANGE = ("max_steps",)
_NEAR = 300.0  # seconds before the end of a job, in which a scheduler sends its signals
_UNUSABLE = ("unreadable", "no-potential", "invalid-structure", "out-of-memory")
_UNFINISHED = ("not-converged", "fragmented", "non-finite")
VOCABULARY = (
    "converged",
    *_UNFINISHED,
    *_UNUSABLE,
    "interrupted",
)  # labels of engine.step.Status; a structure ends in one of them
_RETRIES = ("failed", *_UNFINISHED, *_UNUSABLE)


class Shard(NamedTuple):
    """A share of the batch, counted from 1."""

    number: int = 1
    total: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


ALL = Shard()


@dataclass
class BatchJob:
    """Inputs, output folder, settings, and how to go about it."""

    names: list[str]  # files, folders, patterns; '-' for a list from standard input
    out: Path
    settings: MinimizeSettings
    shard: Shard = ALL
    retry: str | None = None  # 'failed' or a status
    restart: bool = False
    tolerated: float | None = None  # share of failures below which the exit code is 0
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    scheduler: str | None = None  # address of a Dask scheduler
    scheduler_file: Path | None = None  # that it has written
    json: bool = False
    quiet: bool = False
    verbose: bool = False  # with the log lines of Dask
    one_file: bool | None = None  # of minima, in place of one for each input; None for as before
    signals: Signals = field(default_factory=Signals)

    def repeats(self, status: str) -> bool:
        """True where a structure with that status is to be done again."""
        return self.retry is not None and (status == self.retry or (self.retry == "failed" and status != "converged"))

    @property
    def may_differ(self) -> frozenset[str]:
        """The settings that may differ from those of the results that are there."""
        return frozenset(f"settings.{name}" for name in RETRY_MAY_CHANGE) if self.retry else frozenset()


def shard_of(text: str | None) -> Shard:
    """'3/16', 'auto' for what the environment says, None for all. Raises UsageError for what cannot be."""
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
    """The share of this task of an array job, by the variables of Slurm, Grid Engine, LSF, or our own."""
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
                    f"--shard auto needs an array without gaps: write --shard {shard}, or as it was in the whole array"
                )
            if shard.total:  # LSF says 0 outside of arrays
                return shard_of(str(shard))
    raise UsageError(
        "--shard auto needs an array job of Slurm, Grid Engine or LSF: elsewhere set CLUSTEROPT_SHARD=3/16, or write --shard 3/16"
    )


def retry_of(text: str | None) -> str | None:
    """Raises UsageError for what is no status."""
    if text is not None and text not in _RETRIES:
        raise UsageError(f"--retry cannot be '{text}'; {suggest(text, _RETRIES)}")
    return text


def exit_code(counts: Counter[str], tolerated: float | None) -> ExitCode:
    """0 where everything converged, or no larger share failed than is tolerated."""
    failed = counts.total() - counts["converged"]
    if failed <= (tolerated or 0) * counts.total():
        return ExitCode.OK
    return ExitCode.INPUT if any(counts[status] for status in _UNUSABLE) else ExitCode.NOT_CONVERGED


def tolerated_of(text: str | None) -> float | None:
    """'5%' or '0.05'. Raises UsageError for what is neither."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(%?)", text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--fail-if-more-than cannot be '{text}': write a share as 5% or 0.05")
    return share


def far_from_end() -> bool:
    """True in a Slurm job that has minutes left, so that it was stopped for another reason than its time."""
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return end.isdigit() and float(end) - time.time() > _NEAR


def too_short(signals: Signals, message: str) -> UsageError:
    """The error of a batch that would be stopped at the same place again, with a code for which job scripts do not requeue."""
    cause = str(stopped(signals, message))
    return UsageError(
        f"{cause}: allow more time (--time-limit, or --time of the job), or less work (--trajectories, --hops)"
    )


def unbegun(signals: Signals) -> UsageError | Stopped | Interrupted:
    """The error of a batch that a signal has ended while the libraries were being loaded or the inputs looked for."""
    at_its_time = signals.heard in (signal.SIGALRM, signal.SIGUSR1) and not far_from_end()
    return (too_short if at_its_time else stopped)(signals, "nothing was begun")
