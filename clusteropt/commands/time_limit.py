"""The time limit of a command: the option --time-limit, and the end of a Slurm job."""

import os
import re
import time

from clusteropt.errors import UsageError

_LAST_MINUTE = 60.0  # seconds at the end of a Slurm job that are kept for writing results
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_left(time_limit: str | None) -> float | None:
    """The seconds until the time limit, or until a minute before the end of a Slurm job, whichever comes first.

    None without either. Raises UsageError for an invalid limit, and in a Slurm job that ends within a minute.
    """
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    slurm = float(end) - time.time() - _LAST_MINUTE if end.isdigit() else None
    if slurm is not None and slurm <= 0:
        raise UsageError(
            f"this Slurm job ends in {max(0, slurm + _LAST_MINUTE):.0f} s (SLURM_JOB_END_TIME), and its last minute "
            "is kept for writing: no time is left to compute: ask for more, as sbatch --time=00:10:00"
        )
    return min((s for s in (seconds_in(time_limit), slurm) if s is not None), default=None)


def seconds_in(time_limit: str | None, option: str = "--time-limit") -> float | None:
    """The seconds that the text means; None for None. Raises UsageError where it is no time."""
    if time_limit is None:
        return None
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)([smh]?)", time_limit.strip())
    if match is None:
        raise UsageError(f"{option} cannot be '{time_limit}': write a number of seconds, or 90s, 30m, 2h")
    if float(match[1]) <= 0:
        raise UsageError(f"{option} must be above 0, got {time_limit}: write a number of seconds, or 90s, 30m, 2h")
    return float(match[1]) * _SECONDS[match[2]]
