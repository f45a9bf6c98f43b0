"""Several processes of one training run: how they connect, and how they exchange arrays."""

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from clusteropt.errors import ClusterOptError, Deserted, UsageError, in_a_line
from clusteropt.runtime import host

if TYPE_CHECKING:
    import numpy as np

_TO_JOIN = 120  # seconds within which all processes of a run must connect
_HEARTBEAT = 10  # seconds without a sign of life after which a process counts as dead


def several_processes() -> bool:
    """True where Slurm (`srun`) or Open MPI (`mpirun`) has started this process as one of several."""
    counts = (os.environ.get(name, "") for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"))
    return any(count.isdigit() and int(count) > 1 for count in counts)


def join(coordinator: str | None = None, number: int | None = None, total: int | None = None) -> None:
    """Connects this process with the others of its run. Call it after `prepare` and before the first computation.

    `coordinator` is the address HOST:PORT that the first process serves, `number` is this process's rank (from 0), `total` the
    number of processes. Where they are None, jax takes all three from Slurm or MPI. Raises ClusterOptError where a process is
    missing after two minutes, UsageError where the processes have different numbers of devices.
    """
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # that service would catch SIGTERM before us
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), 1)  # the connecting library prints on stdout, where only results belong
    try:
        jax.distributed.initialize(
            coordinator, total, number, initialization_timeout=_TO_JOIN, heartbeat_timeout_seconds=_HEARTBEAT
        )
    except (RuntimeError, ValueError) as problem:
        reason = in_a_line(problem)
        raise ClusterOptError(
            f"the processes of this run did not connect ({reason}): check that all of them are started"
        ) from None
    with host.said_in_a_line():
        counts = sorted(set(Counter(device.process_index for device in jax.devices()).values()))
    if len(counts) > 1:
        raise UsageError(
            f"the processes of this run have different numbers of cores, {counts}: give all the same --threads"
        )


def n_processes() -> int:
    """The number of processes in this run."""
    import jax

    return jax.process_count()


def process() -> int:
    """The rank of this process in its run, from 0."""
    import jax

    return jax.process_index()


def gathered(array: "np.ndarray") -> "np.ndarray":
    """The arrays of all processes, stacked by rank: (n_processes, ...). Raises Deserted where a process has ended."""
    import jax

    if jax.process_count() == 1:
        return array[None]
    from jax.experimental.multihost_utils import process_allgather

    try:
        return process_allgather(array)
    except (RuntimeError, ValueError) as problem:
        reason = in_a_line(problem, 120)
        raise Deserted(
            f"another process of this run has ended ({reason}): start all processes again with --resume"
        ) from None
