"""Signals that ask a command to stop: remembered, and raised as KeyboardInterrupt where the work can bear it.

Light, so that signals are heard while the libraries are being loaded.
"""

import signal
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clusteropt.errors import Interrupted, Stopped

_AGAIN = 0.2  # seconds after which a signal that came at a bad moment is raised again
# what ends a command that keeps what it has finished; the alarm is the time limit's
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM)


@dataclass
class Signals:
    """The signals that have been heard."""

    heard: int = 0  # the signal that came first; 0 for none
    patient: bool = False  # signals are only noted, but for a second Ctrl-C
    owed: bool = False  # the exception is still to be raised
    interrupts: int = 0  # how often Ctrl-C has come

    @contextmanager
    def held(self) -> Iterator[None]:
        """Signals are only noted meanwhile. One that came before the end is raised soon after it."""
        before, self.patient = self.patient, True
        try:
            yield
        finally:
            self.patient = before
            if self.owed and not before:
                signal.setitimer(signal.ITIMER_REAL, _AGAIN)


@contextmanager
def remembered(*numbers: int, patient: bool = False, seconds: float | None = None) -> Iterator[Signals]:
    """Notes these signals, and raises KeyboardInterrupt unless it is `patient`; sends SIGALRM after so many seconds.

    It is raised for the first signal, and again only for a second Ctrl-C: others often come in pairs.

    The exception alone would be lost where a library's callback is at work, and break libraries that are just being imported.
    What came at such a moment is raised soon after it, by an alarm. SIGHUP stays ignored where it was, as below nohup.
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
    try:
        if seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
        yield signals
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def stopped(signals: Signals, message: str) -> Stopped | Interrupted:
    """The error with which a command ends after a signal."""
    if signals.heard in (0, signal.SIGINT):
        return Interrupted(f"interrupted: {message}")
    why = "time limit" if signals.heard == signal.SIGALRM else signal.Signals(signals.heard).name
    return Stopped(f"stopped ({why}): {message}")


def _in_a_library_that_cannot_bear_it(frame: types.FrameType | None) -> bool:
    """True while a module is being imported, a callback of the garbage collector runs, or a pool starts a thread.

    What the first two raise is lost or worse, and a thread that its pool does not know of is waited for at the end, for ever.
    """
    while frame is not None:
        code = frame.f_code
        pool = code.co_filename.endswith("futures/thread.py") and code.co_name == "submit"
        if "importlib" in code.co_filename or code.co_name == "_xla_gc_callback" or pool:
            return True
        frame = frame.f_back
    return False
