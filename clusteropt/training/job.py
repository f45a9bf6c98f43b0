"""The options of a training run. No heavy imports: signals must be heard while the libraries are being loaded."""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from clusteropt.console import say
from clusteropt.runtime.signals import Signals


@dataclass
class TrainingJob:
    """The files of a run, its messages, and the reasons to stop it before its end."""

    out: Path | None = None  # the weights; the other files are called after it
    resume: bool = False
    force: bool = False
    with_picture: bool = True
    quiet: bool = False
    deadline: float = math.inf  # time.monotonic() after which no step begins
    signals: Signals = field(default_factory=Signals)  # after one is heard, the step in progress is the last

    writes: bool = True  # files and messages; of several processes only the first does

    def beside(self, ending: str) -> Path | None:
        return None if self.out is None else self.out.with_name(self.out.stem + ending)

    @property
    def stops(self) -> bool:
        return bool(self.signals.heard) or time.monotonic() > self.deadline

    def say(self, message: str) -> None:
        if self.writes and not self.quiet:
            say(message)
