"""`clusteropt batch`; light, so that signals are heard while the libraries are being loaded."""

from typing import Any

from clusteropt.batch.job import BatchJob, unbegun
from clusteropt.commands.process import prepare
from clusteropt.commands.time_limit import seconds_left
from clusteropt.errors import ExitCode, UsageError
from clusteropt.runtime.signals import STOPPING, remembered
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.merging import merged


def batch(
    job: BatchJob, reading: dict[str, Any], dry_run: bool, devices: dict[str, Any], time_limit: str | None
) -> ExitCode:
    """Does the batch, or only says what there is to do. Raises UsageError for what cannot be, Stopped and Interrupted."""
    if job.scheduler is not None and job.scheduler_file is not None:
        raise UsageError("--scheduler and --scheduler-file are two ways to name one scheduler: give one")
    if devices.get("device") and (job.scheduler or job.scheduler_file):
        raise UsageError("--device is for this machine: set JAX_PLATFORMS where the scheduler's workers start")
    if job.restart and job.shard.total > 1:
        raise UsageError("--restart with --shard would set aside what the other shards do: name another --out")
    job.reading = merged(ReadingSettings, None, reading)
    with remembered(*STOPPING, seconds=seconds_left(time_limit)) as signals:
        job.signals = signals
        try:
            prepare(devices)
            from clusteropt.batch import estimate, execution

            return estimate.dry_run(job) if dry_run else execution.batch(job)
        except KeyboardInterrupt:
            signals.patient = True
            raise unbegun(signals) from None
