"""What a training run is made of."""

from dataclasses import dataclass, field

from clusteropt.errors import UsageError, suggest
from clusteropt.optimizers.learned.settings import LearnedSettings

LOSSES = ("final", "mean", "soft-min")
OUTER = ("adam", "rmsprop", "adafactor", "sgd")


@dataclass(frozen=True)
class TrainSettings:
    """A training run by evolution strategies."""

    tasks: tuple[str, ...] = ("X13",)  # formulas; each outer step takes the next one
    steps: int = 60  # outer steps
    trajectory: int = 300  # inner steps of a trajectory
    clusters: int = 64  # trajectories for the loss of one candidate
    pairs: int = 8  # antithetic pairs of candidates for one outer step
    sigma: float = 0.1  # spread of the perturbations of theta
    rate: float = 0.02  # first step length of the outer optimizer; it falls to a tenth in a straight line
    outer: str = "adam"
    loss: str = "final"  # energy at the end of a trajectory, its mean over all steps, or a soft minimum over the batch
    temperature: float = 2.0  # of the soft minimum, in energy scales
    density: float = 0.7  # of the random starts, atoms per cubed length
    seed: int = 0
    network: LearnedSettings = field(default_factory=LearnedSettings)

    def __post_init__(self) -> None:
        for name, allowed in (("loss", LOSSES), ("outer", OUTER)):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(f"{name} cannot be '{value}'; {suggest(value, allowed)}")
        if not self.tasks:
            raise UsageError("tasks must name at least one formula, as X13")
        for name in ("steps", "trajectory", "clusters", "pairs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("sigma", "rate", "temperature", "density"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name} must be a positive number, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be between 0 and {2**32 - 1}, got {self.seed}")
