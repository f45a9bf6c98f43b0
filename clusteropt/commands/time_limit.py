"""The time that a command has."""

import os
import re
import time

from clusteropt.errors import UsageError

_LAST_MINUTE = 60.0  # seconds, for what is under way at the end of a job
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_left(time_limit: str | None) -> float | None:
    """Until the time limit, or until a minute before the end of a Slurm job, whichever comes first; None without either.

    Raises UsageError for a limit that is no time, and in a Slurm job that has no more than that minute.
    """
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    slurm = float(end) - time.time() - _LAST_MINUTE if end.isdigit() else None
    if slurm is not None and slurm <= 0:
        raise UsageError(
            f"this Slurm job ends in {max(0, slurm + _LAST_MINUTE):.0f} s (SLURM_JOB_END_TIME), and the last minute "
            "is kept for writing: nothing can be computed: ask for more time, as sbatch --time=00:10:00"
        )
    return min((s for s in (_seconds_of(time_limit), slurm) if s is not None), default=None)


def _seconds_of(time_limit: str | None) -> float | None:
    if time_limit is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", time_limit.strip())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--time-limit cannot be '{time_limit}': write seconds, or as 90s, 30m or 2h")
    return float(match[1]) * _SECONDS[match[2]]
