"""`clusteropt train`, in one process or several.

The module imports little, so that signals are handled while the libraries are loading.
"""

import os
import re
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from clusteropt.commands.process import prepare
from clusteropt.commands.time_limit import seconds_left
from clusteropt.console import complain
from clusteropt.errors import ClusterOptError, Deserted, ExitCode, Interrupted, Stopped, UsageError
from clusteropt.runtime import processes
from clusteropt.runtime.signals import remembered
from clusteropt.settings.merging import merged
from clusteropt.training.job import TrainingJob
from clusteropt.training.settings import TrainSettings, defaults


class Rank(NamedTuple):
    """The position of this process among the processes of a training run."""

    coordinator: str  # HOST:PORT that the first process serves
    number: int  # counts from 0
    total: int


def train(
    strategy: str,
    file: Path | None,
    given: dict[str, Any],
    job: TrainingJob,
    rank: Rank | None,
    devices: dict[str, Any],
    time_limit: str | None,
) -> None:
    """Trains to the last step. Raises UsageError for invalid options, Stopped or Interrupted after a signal or the time limit."""
    begin = time.monotonic()
    settings = merged(TrainSettings, file, given, defaults(strategy))
    if settings.strategy != strategy:
        raise UsageError(
            f"{file}: is for the strategy '{settings.strategy}': use `clusteropt train {settings.strategy}`"
        )
    left = seconds_left(time_limit)
    if left is not None:
        job.deadline = begin + left
    with remembered(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, patient=True) as job.signals:
        joins = rank is not None or processes.several_processes()
        prepare(devices, alone=not joins)
        if joins:
            _join(job, rank)
        _run(settings, job)


def _join(job: TrainingJob, rank: Rank | None) -> None:
    """Waits until all processes of the run are connected. Only the first one writes files."""
    from clusteropt.training.runs import check_files

    if rank is not None and rank.number == 0:
        check_files(job)
        job.say(f"waiting for {rank.total - 1} other processes to connect to {rank.coordinator}")
    processes.join(*(rank or (None, None, None)))
    job.writes = processes.process() == 0


def _run(settings: TrainSettings, job: TrainingJob) -> None:
    from clusteropt.training.runs import carry_out

    try:
        carry_out(settings, job)
    except BaseException as problem:
        together = isinstance(problem, (Stopped, Interrupted)) and not isinstance(problem, Deserted)
        if processes.n_processes() == 1 or together:
            raise
        _leave(problem)


def _leave(problem: BaseException) -> NoReturn:
    """Ends the process at once. A normal exit would wait for the other processes, which wait for this one."""
    if isinstance(problem, ClusterOptError):
        complain(str(problem))
    else:
        traceback.print_exception(problem)
    sys.stderr.flush()
    os._exit(problem.exit_code if isinstance(problem, ClusterOptError) else ExitCode.FAILURE)


def rank_of(coordinator: str | None, process: str | None) -> Rank | None:
    """The rank that the two options name; None without them. Raises UsageError where one is missing or invalid."""
    if coordinator is None and process is None:
        return None
    if coordinator is None or process is None:
        raise UsageError("--coordinator and --process go together: give both, as --coordinator HOST:PORT --process 2/4")
    if not re.fullmatch(r"[^\s:/]+:\d+|\[[0-9a-fA-F:]+\]:\d+", coordinator):
        raise UsageError(f"--coordinator cannot be '{coordinator}': write HOST:PORT")
    match = re.fullmatch(r"(\d+)/(\d+)", process)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--process cannot be '{process}': write 2/4 for the second of four, counted from 1")
    return Rank(coordinator, int(match[1]) - 1, int(match[2]))
