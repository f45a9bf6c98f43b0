"""`clusteropt batch`. The module imports little, so that signals are handled while the libraries are loading."""

from typing import Any

from clusteropt.batch.job import BatchJob, unbegun
from clusteropt.commands.process import prepare, typed
from clusteropt.commands.reports import check_page, reported
from clusteropt.commands.time_limit import seconds_left
from clusteropt.errors import ExitCode, UsageError
from clusteropt.runtime.signals import STOPPING, remembered
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.merging import merged


def batch(
    job: BatchJob, reading: dict[str, Any], dry_run: bool, devices: dict[str, Any], time_limit: str | None
) -> ExitCode:
    """Runs the batch, or with `dry_run` only estimates it.

    Raises UsageError for options that exclude each other, Stopped or Interrupted after a signal.
    """
    if job.restart and job.shard.total > 1:
        raise UsageError("--restart with --shard would set aside the results of other shards: name another --out")
    if job.report is not None:
        if dry_run:
            raise UsageError("--dry-run computes nothing to report: drop --report")
        check_page(job.report, option="--report")
    job.reading, job.command = merged(ReadingSettings, None, reading), typed()
    with remembered(*STOPPING, seconds=seconds_left(time_limit)) as signals:
        job.signals = signals
        try:
            prepare(devices)
            from clusteropt.batch import estimate, execution

            return estimate.dry_run(job) if dry_run else _reported(job, execution.batch(job))
        except KeyboardInterrupt:
            signals.patient = True
            raise unbegun(signals) from None


def _reported(job: BatchJob, code: ExitCode) -> ExitCode:
    """Writes the report, if one is wanted; the exit code, which says if that failed."""
    if job.report is None or reported(str(job.out), job.report, job.quiet):
        return code
    return code or ExitCode.FAILURE
