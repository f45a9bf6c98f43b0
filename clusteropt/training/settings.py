"""Settings of a training run."""

from dataclasses import dataclass, field
from functools import partial

from clusteropt.errors import UsageError
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.runtime import plugins
from clusteropt.settings.options import AT_LEAST_1, NOT_NEGATIVE, POSITIVE, SEED, SHARE, Choices, check, one_of, option

LOSSES = ("final", "mean", "soft-min")
OUTER = ("adam", "rmsprop", "adafactor", "sgd")


@dataclass(frozen=True)
class TrainSettings:
    """A training run."""

    strategy: str = option(
        "es",
        "Strategy that finds theta, the numbers of the network.",
        Choices(lambda: tuple(plugins.known("strategies")), partial(plugins.is_known, "strategies")),
    )
    tasks: tuple[str, ...] = option(
        ("X13",),
        "Tasks to train on, separated by commas; each outer step takes the next one. X13 means trajectories from "
        "random starts, hop:X13 hops from minima, net:sine trajectories of the weights of a small network.",
    )
    held_out: tuple[str, ...] = option(
        (),
        "Tasks to measure the weights on later: none of them may be trained on. The weights keep their names.",
        usual="none",
    )
    steps: int = option(
        80, "Number of outer steps. With --resume it may change, but not to fewer steps than are done.", AT_LEAST_1
    )
    trajectory: int = option(300, "Inner steps of a trajectory, one evaluation each.", AT_LEAST_1)
    hop_steps: int = option(80, "Inner steps of a hop.", AT_LEAST_1)
    hop_begin: float = option(0.7, "Fraction of a trajectory that is over when a hop begins.", SHARE)
    clusters: int = option(64, "Number of trajectories that make up the loss of a candidate.", AT_LEAST_1)
    pairs: int = option(8, "Half the number of candidates in an outer step.", AT_LEAST_1)
    sigma: float = option(0.15, "Spread of the perturbations of theta.", POSITIVE)
    sigma_end: float = option(1.0, "Fraction of sigma that is left when it has fallen.", SHARE)
    rate: float = option(0.04, "First step length of the outer optimizer; it falls linearly to a tenth.", POSITIVE)
    decay_steps: int = option(
        0,
        "Outer steps over which sigma and rate fall, with a report after each tenth of them; 0 means all of --steps.",
        NOT_NEGATIVE,
    )
    outer: str = option("adam", f"Outer optimizer: {', '.join(OUTER)}.", one_of(*OUTER))
    loss: str = option(
        "final",
        "Loss: final (energy at the end), mean (over all steps) or soft-min (over the batch, at the end).",
        one_of(*LOSSES),
    )
    temperature: float = option(2.0, "Temperature of the soft minimum.", POSITIVE, unit="the potential's energy scale")
    density: float = option(
        0.7, "Density of the random starts.", POSITIVE, unit="atoms per cubed length of the potential"
    )
    warm_start: str = option(
        "",
        "Weights to start from: the name of a shipped optimizer, or a .h5 file. Wider layers and more features begin "
        "without effect.",
        usual="random weights",
    )
    seed: int = option(0, "Seed of all random numbers.", SEED, "no unit")
    patience: int = option(
        0, "Stop after so many outer steps in which no task had a new lowest loss; 0 means never.", NOT_NEGATIVE
    )
    network: LearnedSettings = field(default_factory=LearnedSettings)

    def __post_init__(self) -> None:
        check(self)
        if not self.tasks:
            raise UsageError("tasks must be a list that names at least one formula, as X13")
        if both := sorted({*self.tasks} & {*self.held_out}):
            raise UsageError(f"{both[0]} is among tasks and held_out: a task that is held out must not be trained on")

    @property
    def schedule(self) -> int:
        """The outer steps over which sigma and rate fall; they stay afterwards."""
        return self.decay_steps or self.steps


DEFAULTS = {"es": TrainSettings(), "ga": TrainSettings("ga", sigma=0.3)}  # certain of LJ13 within a minute


def defaults(strategy: str) -> TrainSettings:
    """The settings that a run by this strategy begins with. Raises UsageError for an unknown one."""
    return DEFAULTS.get(strategy) or TrainSettings(strategy)
