"""The options of a training run; light, so that signals are heard while the libraries are being loaded."""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from clusteropt.console import say
from clusteropt.runtime.signals import Signals


@dataclass
class TrainingJob:
    """Where a run leaves its files, what it says, and when it stops before its end."""

    out: Path | None = None  # the weights; the other files are called after it
    resume: bool = False
    force: bool = False
    with_picture: bool = True
    quiet: bool = False
    deadline: float = math.inf  # time.monotonic() after which no step begins
    signals: Signals = field(default_factory=Signals)  # what has been heard: the step in progress ends

    writes: bool = True  # the files, and messages; of several processes only the first does

    def beside(self, ending: str) -> Path | None:
        return None if self.out is None else self.out.with_name(self.out.stem + ending)

    @property
    def stops(self) -> bool:
        return bool(self.signals.heard) or time.monotonic() > self.deadline

    def say(self, message: str) -> None:
        if self.writes and not self.quiet:
            say(message)
