"""Several processes of one run: how they find each other, and what they tell each other."""

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from clusteropt.errors import ClusterOptError, Deserted, UsageError
from clusteropt.runtime import host

if TYPE_CHECKING:
    import numpy as np

_TO_JOIN = 120  # seconds that the processes of a run have to find each other
_HEARTBEAT = 10  # seconds of silence after which one counts as dead


def several_processes() -> bool:
    """True where Slurm (`srun`) or Open MPI (`mpirun`) has started this process as one of several."""
    counts = (os.environ.get(name, "") for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"))
    return any(count.isdigit() and int(count) > 1 for count in counts)


def join(coordinator: str | None = None, number: int | None = None, total: int | None = None) -> None:
    """Joins the processes of a run, after `prepare` and before anything is computed.

    They are found by jax, from what Slurm or MPI says, or named: the address that the first of them serves, `number` from 0.
    Raises ClusterOptError where they do not all come, UsageError where they have different numbers of devices.
    """
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM from us
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), 1)  # the library that connects them talks on stdout, where only results belong
    try:
        jax.distributed.initialize(
            coordinator, total, number, initialization_timeout=_TO_JOIN, heartbeat_timeout_seconds=_HEARTBEAT
        )
    except (RuntimeError, ValueError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ClusterOptError(
            f"the processes of this run do not find each other ({reason}): are all of them started?"
        ) from None
    with host.said_in_a_line():
        counts = sorted(set(Counter(device.process_index for device in jax.devices()).values()))
    if len(counts) > 1:
        raise UsageError(
            f"the processes of this run have different numbers of cores, {counts}: give all the same --threads"
        )


def n_processes() -> int:
    """How many have joined."""
    import jax

    return jax.process_count()


def process() -> int:
    """The number of this process among those that have joined, from 0."""
    import jax

    return jax.process_index()


def gathered(array: "np.ndarray") -> "np.ndarray":
    """(n_processes, ...), the arrays of all processes in their order. Raises Deserted where one of them has gone."""
    import jax

    if jax.process_count() == 1:
        return array[None]
    from jax.experimental.multihost_utils import process_allgather

    try:
        return process_allgather(array)
    except (RuntimeError, ValueError) as problem:
        reason = " ".join(str(problem).split())[:120]
        raise Deserted(
            f"another process of this run has gone ({reason}): start all of them again with --resume"
        ) from None
