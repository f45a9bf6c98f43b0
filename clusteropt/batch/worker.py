"""The task of a Dask worker. It imports jax only when it starts, because the process must be set up before."""

import sys
import threading
from typing import Any

from clusteropt.batch.items import Line, Parcel
from clusteropt.settings.config import MinimizeSettings

_at_work = threading.Lock()


def work(task: Parcel, settings: MinimizeSettings, common: dict[str, Any]) -> list[Line]:
    """Computes a task on as many cores as the worker has threads; one task at a time.

    `common` is the result of `made_of` on the client. Raises UsageError where this worker has another version of clusteropt, or
    where its files that the settings name have other contents.
    """
    with _at_work:
        if "jax" not in sys.modules:
            from distributed import get_worker

            from clusteropt.runtime import host

            host.prepare(get_worker().state.nthreads)
        from clusteropt.batch.chunk import computed, lines_of
        from clusteropt.batch.identity import made_of
        from clusteropt.errors import UsageError

        own = made_of(settings)
        if own != common:
            differing = ", ".join(name for name in own.keys() | common.keys() if own.get(name) != common.get(name))
            raise UsageError(
                f"a worker differs from the client in {differing}: install one version, and let all see the same files"
            )
        return [line for done in computed(task.given, settings) for line in lines_of(done, settings)]
