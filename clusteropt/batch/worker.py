"""What a Dask worker does with a task. Light until it is at work: a process has to be set up before jax is loaded.

So a task comes and goes packed, and nothing of it is unpacked (which would load jax) before that.
"""

import pickle
import sys
import threading

_at_work = threading.Lock()


def work(packed: bytes) -> bytes:
    """The lines of a task (structures, settings), on as many cores as the worker has threads; one task at a time."""
    with _at_work:
        if "jax" not in sys.modules:
            from distributed import get_worker

            from clusteropt import runtime

            runtime.prepare(get_worker().state.nthreads)
        from clusteropt.batch.chunk import computed, lines_of

        # what the scheduler hands over is trusted as Dask itself trusts it
        given, settings = pickle.loads(packed)  # noqa: S301
        return pickle.dumps([line for done in computed(given, settings) for line in lines_of(done, settings)])
