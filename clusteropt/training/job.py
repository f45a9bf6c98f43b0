"""What the caller of a training run decides; light, so that signals are heard while the libraries are being loaded."""

import math
import signal
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusteropt.console import say


@dataclass
class Job:
    """Where a run leaves its files, what it says, and when it stops before its end."""

    out: Path | None = None  # the weights; the other files are called after it
    resume: bool = False
    force: bool = False
    with_picture: bool = True
    quiet: bool = False
    deadline: float = math.inf  # time.monotonic() after which no step begins
    heard: int = 0  # the signal that came, SIGINT or SIGTERM

    def beside(self, ending: str) -> Path | None:
        return None if self.out is None else self.out.with_name(self.out.stem + ending)

    @property
    def stops(self) -> bool:
        return bool(self.heard) or time.monotonic() > self.deadline

    def say(self, message: str) -> None:
        if not self.quiet:
            say(message)


@contextmanager
def signals_stop(job: Job) -> Iterator[None]:
    """Ctrl-C and SIGTERM let the step in progress end; a second Ctrl-C does not."""

    def hear(number: int, frame: types.FrameType | None) -> None:
        if job.heard and number == signal.SIGINT:
            raise KeyboardInterrupt
        job.heard = number

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
