"""What a Dask worker does with a task. Light until it is at work: a process has to be set up before jax is loaded.

So a task comes and goes packed, and nothing of it is unpacked (which would load jax) before that.
"""

import pickle
import sys
import threading

_at_work = threading.Lock()


def work(packed: bytes) -> bytes:
    """The lines of a task (structures, settings, what results share), on as many cores as the worker has threads.

    One task at a time. Raises UsageError where this worker has another version, or other contents of files that settings name.
    """
    with _at_work:
        if "jax" not in sys.modules:
            from distributed import get_worker

            from clusteropt import runtime

            runtime.prepare(get_worker().state.nthreads)
        from clusteropt.batch.chunk import computed, lines_of
        from clusteropt.batch.identity import made_of
        from clusteropt.errors import UsageError

        # what the scheduler hands over is trusted as Dask itself trusts it
        given, settings, common = pickle.loads(packed)  # noqa: S301
        own = made_of(settings)
        if own != common:
            differing = ", ".join(name for name in own.keys() | common.keys() if own.get(name) != common.get(name))
            raise UsageError(f"a worker differs in {differing}: install one version, and let all see the same files")
        return pickle.dumps([line for done in computed(given, settings) for line in lines_of(done, settings)])
