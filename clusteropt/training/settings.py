"""Settings of a training run."""

from dataclasses import dataclass, field

from clusteropt.errors import UsageError, suggest
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.runtime import plugins

LOSSES = ("final", "mean", "soft-min")
OUTER = ("adam", "rmsprop", "adafactor", "sgd")


@dataclass(frozen=True)
class TrainSettings:
    """A training run."""

    strategy: str = "es"
    # X13: trajectories from random starts; hop:X13: hops from minima; each outer step takes the next one
    tasks: tuple[str, ...] = ("X13",)
    steps: int = 80  # outer steps
    trajectory: int = 300  # inner steps of a trajectory
    hop_steps: int = 80  # inner steps of a hop
    hop_begin: float = 0.7  # the part of a trajectory that is over when those begin
    clusters: int = 64  # trajectories for the loss of one candidate
    pairs: int = 8  # antithetic pairs of candidates for one outer step
    sigma: float = 0.15  # spread of the perturbations of theta
    sigma_end: float = 1.0  # what is left of it at the end, a fraction
    rate: float = 0.04  # first step length of the outer optimizer; it falls to a tenth in a straight line
    # outer steps over which sigma and rate fall, and of which a tenth lies between two reports; 0: all steps
    decay_steps: int = 0
    outer: str = "adam"
    loss: str = "final"  # energy at the end of a trajectory, its mean over all steps, or a soft minimum over the batch
    temperature: float = 2.0  # of the soft minimum, in energy scales
    density: float = 0.7  # of the random starts, atoms per cubed length
    warm_start: str = ""  # weights to begin with, a name or path, and go on from there; empty: random ones
    seed: int = 0
    patience: int = 0  # outer steps after which to stop when no task has had a loss below its lowest; 0: never
    network: LearnedSettings = field(default_factory=LearnedSettings)

    def __post_init__(self) -> None:
        if not plugins.is_known("strategies", self.strategy):
            known = tuple(plugins.known("strategies"))
            raise UsageError(f"strategy cannot be '{self.strategy}'; {suggest(self.strategy, known)}")
        for name, allowed in (("loss", LOSSES), ("outer", OUTER)):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(f"{name} cannot be '{value}'; {suggest(str(value), allowed)}")
        if not isinstance(self.warm_start, str):
            raise UsageError(f"warm_start must be text, a name or a path, got {self.warm_start!r}")
        if not self.tasks or isinstance(self.tasks, str):
            raise UsageError("tasks must be a list that names at least one formula, as X13")
        for name in ("steps", "trajectory", "hop_steps", "clusters", "pairs", "decay_steps", "patience", "seed"):
            if not isinstance(getattr(self, name), int):
                raise UsageError(f"{name} must be a whole number, got {getattr(self, name)!r}")
        for name in ("steps", "trajectory", "hop_steps", "clusters", "pairs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("sigma", "rate", "temperature", "density"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("hop_begin", "sigma_end"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must be between 0 and 1, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be between 0 and {2**32 - 1}, got {self.seed}")
        for name in ("patience", "decay_steps"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must not be negative, got {getattr(self, name)}")

    @property
    def schedule(self) -> int:
        """The outer steps over which sigma and rate fall; they stay afterwards."""
        return self.decay_steps or self.steps


DEFAULTS = {"es": TrainSettings(), "ga": TrainSettings("ga", sigma=0.3)}  # certain of LJ13 within a minute
