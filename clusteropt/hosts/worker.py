"""The process of a Dask worker. The module imports little, because the process must be set up before jax is imported."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clusteropt.errors import UsageError

if TYPE_CHECKING:
    from clusteropt.potentials.calculators.recipe import Recipe

_at_work = threading.Lock()


@contextmanager
def at_work() -> Iterator[None]:
    """Inside this context the process is set up for as many cores as the worker has threads, and does one task at a time."""
    with _at_work:
        if "jax" not in sys.modules:
            from distributed import get_worker

            from clusteropt.runtime import host

            host.prepare(get_worker().state.nthreads)
        yield


def use_calculator(recipe: "Recipe | None") -> None:
    """Tells this process of the calculator, if there is one: processes of its own for as many cores as the worker has threads.

    Raises UsageError where it cannot be made here.
    """
    if recipe is not None:
        from distributed import get_worker

        from clusteropt.potentials.calculators import known

        known.use(recipe, get_worker().state.nthreads)


def check_alike(own: dict[str, Any], common: dict[str, Any]) -> None:
    """Raises UsageError where what this worker computes with (`identity.contents`) is not `common`, that of the client."""
    if own != common:
        differing = ", ".join(name for name in own.keys() | common.keys() if own.get(name) != common.get(name))
        raise UsageError(
            f"a worker differs from the client in {differing}: install one version, and let all see the same files"
        )


def wanted() -> Callable[[], bool]:
    """A function that says whether a client still waits for the task that calls this. It may be called in any thread."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def still() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing"

    return still
