"""The settings of an evaluation: its limits, and the search of a learned optimizer."""

from dataclasses import dataclass
from typing import TypedDict

from clusteropt.settings.options import AT_LEAST_1, NOT_NEGATIVE, POSITIVE, SEED, check, option

NETWORK_TASK = "net:"  # begins the names of tasks whose inner parameters are the weights of networks


@dataclass(frozen=True)
class EvaluationSettings:
    """The limits of a measurement, and changes of the learned searches."""

    steps: int | None = option(
        None, "Steps of a learned trajectory.", NOT_NEGATIVE, usual="7.5 for each atom, up to 1000"
    )
    hops: int | None = option(None, "Most hops after a trajectory.", NOT_NEGATIVE, usual="200")
    hop_steps: int | None = option(None, "Learned steps after a displacement in a hop.", NOT_NEGATIVE, usual="none")
    hits: int = option(
        20, "Hits after which no chain begins; chains that have begun run to their ends, and may hit too.", AT_LEAST_1
    )
    evaluations: float = option(
        3e6, "Evaluations for each task and method, after which all chains are cut off.", POSITIVE
    )
    seconds: float = option(
        300.0,
        "Time for each task and method, after which all chains are cut off; such a score does not repeat.",
        POSITIVE,
        unit="seconds",
    )
    chains: int = option(64, "Number of chains that run side by side.", AT_LEAST_1)
    networks: int = option(10, "Networks of each net: task, each with a seed of its own.", AT_LEAST_1)
    seed: int = option(0, "Seed of the starts and hops.", SEED, "no unit")

    def __post_init__(self) -> None:
        check(self)


class EvaluationChanges(TypedDict, total=False):
    """The settings as keyword arguments, for type checkers."""

    steps: int | None
    hops: int | None
    hop_steps: int | None
    hits: int
    evaluations: float
    seconds: float
    chains: int
    networks: int
    seed: int
