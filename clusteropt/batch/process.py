"""Tells whether a process still runs. Its number (PID) alone does not tell, because systems reuse numbers."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Process(NamedTuple):
    """A process, distinguished from every other one that had its number."""

    number: int
    namespace: str = ""  # boot id and PID namespace, in which the number is unique; empty if unknown
    started: str = ""  # clock ticks between the boot and the start of the process; empty if unknown


def this() -> Process:
    """The process that runs this code."""
    number = os.getpid()
    return Process(number, _namespace(), _started(number) or "")


def lives(process: Process) -> bool | None:
    """True where the process runs and is not a zombie. None where this process cannot see it, as on another machine."""
    if not process.namespace or not process.started or process.namespace != _namespace():
        return None
    started = _started(process.number)
    return None if started is None and _hidden(process.number) else started == process.started


def _namespace() -> str:
    with suppress(OSError):
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
    return ""


def _started(number: int) -> str | None:
    """The start of a process in clock ticks after the boot; None for a zombie, and where no such process is visible."""
    try:
        text = (_PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # the name in front may contain any character
    return None if state in "ZX" else fields[18]


def _hidden(number: int) -> bool:
    """True where the process belongs to another user. Some machines show each user only the own processes in /proc."""
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except OSError:
        pass
    return False
