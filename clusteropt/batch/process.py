"""Does the process that wrote a file still live? Its number alone does not tell: numbers are given out again."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Process(NamedTuple):
    """A process, known from all others that have had its number."""

    number: int
    namespace: str = ""  # where numbers count: since this start of the machine, and in this container; empty if unknown
    started: str = ""  # clock ticks from the start of the machine to that of the process


def this() -> Process:
    """The process that asks."""
    number = os.getpid()
    return Process(number, _namespace(), _started(number) or "")


def lives(process: Process) -> bool | None:
    """True where it is there, and no zombie; None where that cannot be seen from here, as on another machine."""
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
    """When a process began; None where there is none, or one that has ended and was not waited for."""
    try:
        text = (_PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return None if state in "ZX" else fields[18]


def _hidden(number: int) -> bool:
    """True where it is somebody else's; some machines show everybody their own only."""
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except OSError:
        pass
    return False
