"""The cores and the memory that the machine and its control groups (Linux cgroups) allow this process."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_MEMORY = Path("/proc/meminfo")


def n_cores() -> int:
    """The number of cores that this process may use: its affinity, limited by the CPU quotas of its control groups.

    A quota of a fraction of a core is rounded up.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return math.ceil(min([allowed, *map(_quota, _groups("cpu"))]))


def free_memory() -> float:
    """Bytes that this process may still allocate; infinite where the system states no limit."""
    free = [float("inf")]
    with suppress(OSError, ValueError, StopIteration):
        lines = _MEMORY.read_text(encoding="ascii").splitlines()
        free.append(1024 * float(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    return min(free + [_left_in(group) for group in _groups("memory")])


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of its parents, in version 2 and in version 1 of cgroups."""
    try:
        lines = _OWN.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        controllers, colon, path = line.partition(":")[2].partition(":")
        if not colon or (controllers and controller not in controllers.split(",")):
            continue
        root = _GROUPS / controller if controllers else _GROUPS
        own = root / path.lstrip("/")
        yield from (group for group in (own, *own.parents) if group.is_relative_to(root))


def _quota(group: Path) -> float:
    """The number of cores that a control group may use; infinite without a quota."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((group / name).read_text(encoding="ascii") for name in names)
        cores = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # no limit ('max'), or no such group
        return float("inf")
    return cores if cores > 0 else float("inf")  # -1 means no limit


def _left_in(group: Path) -> float:
    """Bytes left below the limit of a control group (version 2). Cached files count as free."""
    try:
        limit, used = (float((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):  # no limit, or no such group
        return float("inf")
    cached = [float(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file "))]
    return limit - used + sum(cached)
