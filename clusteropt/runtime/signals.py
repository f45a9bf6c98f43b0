"""Signals that ask a command to stop: noted, and raised as KeyboardInterrupt at a moment when that is safe.

This module imports little, so that signals are handled while the large libraries are still being imported.
"""

import signal
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clusteropt.errors import Interrupted, Stopped

_AGAIN = 0.2  # seconds after which a signal that came at an unsafe moment is raised
# the signals that end a command after it has written its finished results; SIGALRM comes from the time limit
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM)


@dataclass
class Signals:
    """The signals that this process has received, and how to treat the next one."""

    heard: int = 0  # the signal that came first; 0 before any came
    patient: bool = False  # a signal is only noted; a second Ctrl-C is raised nevertheless
    owed: bool = False  # KeyboardInterrupt has yet to be raised
    interrupts: int = 0  # how often the user has pressed Ctrl-C

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside this context signals are only noted. A signal that came inside is raised soon after the end."""
        before, self.patient = self.patient, True
        try:
            yield
        finally:
            self.patient = before
            if self.owed and not before:
                signal.setitimer(signal.ITIMER_REAL, _AGAIN)


_UNDER_WAY: list[Signals] = []  # those of the contexts that the main thread is in


@contextmanager
def remembered(*numbers: int, patient: bool = False, seconds: float | None = None) -> Iterator[Signals]:
    """Notes the signals `numbers` inside this context, and raises KeyboardInterrupt unless `patient` is set.

    `seconds` is the time limit, after which SIGALRM comes. The first signal raises KeyboardInterrupt, and later a second Ctrl-C
    does. Other repeated signals do not, because schedulers often send them in pairs.

    At an unsafe moment the exception would get lost in a library's callback, or leave a library half imported. Then an alarm
    raises it a little later. Where SIGHUP was ignored before, as under nohup, it stays ignored.
    """
    signals = Signals()
    numbers = tuple(n for n in numbers if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN)

    def hear(number: int, frame: types.FrameType | None) -> None:
        signals.interrupts += number == signal.SIGINT
        again = number == signal.SIGINT and signals.interrupts > 1
        if number in numbers and (not signals.heard or again):
            signals.heard, signals.owed = signals.heard or number, True
        if not signals.owed or (signals.patient and signals.interrupts < 2):
            return
        if _in_a_library_that_cannot_bear_it(frame):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            return
        signals.owed = False
        raise KeyboardInterrupt

    signals.patient = patient
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, hear) for number in {*numbers, signal.SIGALRM}}
    _UNDER_WAY.append(signals)
    try:
        if seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
        yield signals
    finally:
        _UNDER_WAY.remove(signals)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def alarm_in(seconds: float) -> None:
    """Moves the time limit of `remembered` to so many seconds from now. It does nothing in another thread than the main one.

    A signal that has yet to be raised comes first.
    """
    if threading.current_thread() is threading.main_thread():
        soon = _AGAIN if any(signals.owed for signals in _UNDER_WAY) else seconds
        signal.setitimer(signal.ITIMER_REAL, max(min(seconds, soon), 0.001))


def no_alarm() -> None:
    """Takes back the time limit of `remembered`. It does nothing in another thread than the main one."""
    if threading.current_thread() is threading.main_thread() and not any(signals.owed for signals in _UNDER_WAY):
        signal.setitimer(signal.ITIMER_REAL, 0)


def stopped(signals: Signals, message: str) -> Stopped | Interrupted:
    """The error that a command raises after a signal: Interrupted after Ctrl-C, else Stopped with the reason."""
    if signals.heard in (0, signal.SIGINT):
        return Interrupted(f"interrupted: {message}")
    why = "time limit" if signals.heard == signal.SIGALRM else signal.Signals(signals.heard).name
    return Stopped(f"stopped ({why}): {message}")


def _in_a_library_that_cannot_bear_it(frame: types.FrameType | None) -> bool:
    """True while Python imports a module, runs a callback of the garbage collector, or starts a thread of a pool.

    An exception breaks the import, and gets lost in the callback. In the pool it hides the new thread, and Python would wait
    for that thread for ever at exit.
    """
    while frame is not None:
        code = frame.f_code
        pool = code.co_filename.endswith("futures/thread.py") and code.co_name == "submit"
        if "importlib" in code.co_filename or code.co_name == "_xla_gc_callback" or pool:
            return True
        frame = frame.f_back
    return False
