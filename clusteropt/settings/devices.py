"""The devices that a command computes on."""

from dataclasses import dataclass

from clusteropt.settings.options import AT_LEAST_1, check, one_of, option


@dataclass(frozen=True)
class DeviceSettings:
    """Cores, or a GPU. Results agree to the last bit for all numbers of cores, and to rounding between a CPU and a GPU."""

    threads: int | None = option(None, "Number of cores to use.", AT_LEAST_1, usual="all that the process may use")
    device: str | None = option(
        None,
        "Kind of device to compute on: cpu or gpu.",
        one_of("cpu", "gpu"),
        usual="cpu, or what JAX_PLATFORMS names",
    )

    def __post_init__(self) -> None:
        check(self)
