"""Everything that touches the environment, `jax.config` or devices. Other modules ask here.

`prepare` is for a process of our own (the command line, a worker): it must run before jax and numpy are imported. In a
host program, `double_precision` wraps our computations and leaves the program's own settings alone.
"""

import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clusteropt import cachedir, fast_loops
from clusteropt.errors import ClusterOptError, Deserted, UsageError

if TYPE_CHECKING:
    import numpy as np
    from jax.sharding import Mesh

_WIDE_VECTORS = {"xla_cpu_prefer_vector_width": 512}  # only a preference: processors without them use what they have
# of the variables that begin with JAX_, those that choose what to compute on and that join processes
_HEARD = (
    "JAX_PLATFORMS",
    "JAX_COORDINATOR",
    "JAX_NUM_PROCESSES",
    "JAX_PROCESS_ID",
    "JAX_LOCAL_DEVICE",
    "JAX_CPU_COLLECTIVES",
)
_one_at_a_time = threading.Lock()
_TO_JOIN = 120  # seconds that the processes of a run have to find each other
_HEARTBEAT = 10  # seconds of silence after which one counts as dead


def prepare(threads: int = 1, *, alone: bool = True) -> None:
    """Sets up a process of our own: one jax device per thread, double precision, quiet libraries, the compilation cache.

    The user's settings of jax and XLA are for his programs: of them, only the choice of the platform is heard. Raises
    ClusterOptError where jax does not start; with `alone=False` that is left to `join`.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in [name for name in os.environ if name.startswith("JAX_") and not name.startswith(_HEARD)]:
        del os.environ[name]
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ["XLA_FLAGS"] = fast_loops.FLAG  # an unknown flag would end the process, others change results
    with _said_in_a_line():
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_num_cpu_devices", threads)
        folder = cachedir.folder()
        if folder is not None:
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        if alone:
            jax.local_devices()


@contextmanager
def _said_in_a_line() -> Iterator[None]:
    """Turns what keeps jax from starting into a ClusterOptError that names the cure."""
    try:
        yield
    except Exception as problem:  # noqa: BLE001  libraries that do not fit together fail in any way
        platforms = os.environ.get("JAX_PLATFORMS", "cpu")
        reason = " ".join(str(problem).split()).partition(" (")[0][:200] or type(problem).__name__
        if platforms != "cpu":
            raise ClusterOptError(
                f"JAX_PLATFORMS={platforms}: jax cannot compute on that here ({reason}):"
                " unset the variable, or install what jax needs for it"
            ) from None
        raise ClusterOptError(
            f"jax does not start ({reason}): try `pip install --force-reinstall jax jaxlib numpy`"
        ) from None


@contextmanager
def double_precision() -> Iterator[None]:
    """Double precision for the duration, in this thread, and jax as it is without settings.

    A host program's own settings of jax stay as they are. Raises ClusterOptError where jax does not start, and in a process
    that was forked after the first use, where jax would wait for ever.
    """
    if _first_user() != os.getpid():
        raise ClusterOptError(
            "this process was forked from one that has computed, in which jax cannot go on:"
            " start the pool by multiprocessing.get_context('spawn'), or 'forkserver'"
        )
    fast_loops.ask()
    start()
    import jax

    with ExitStack() as settings:
        settings.enter_context(jax.enable_x64(True))
        settings.enter_context(jax.disable_jit(False))
        settings.enter_context(jax.transfer_guard("allow"))
        settings.enter_context(jax.debug_nans(False))
        settings.enter_context(jax.debug_infs(False))
        settings.enter_context(jax.check_tracer_leaks(False))
        settings.enter_context(jax.numpy_rank_promotion("allow"))
        settings.enter_context(jax.numpy_dtype_promotion("standard"))
        settings.enter_context(jax.default_matmul_precision(None))
        settings.enter_context(jax.default_device(None))
        yield


@cache
def _first_user() -> int:
    """The process that was the first to compute: this one, or one that it was forked from."""
    return os.getpid()


@cache
def start() -> None:
    """Has jax find its devices. Raises ClusterOptError where it does not start."""
    with _said_in_a_line():
        import jax

        jax.local_devices()


def compiler_options() -> dict[str, int]:
    """The compiler options that the installed jaxlib knows, out of those wanted; warns once where loops cannot be fast."""
    with _one_at_a_time:
        return _compiler_options()


@cache
def _compiler_options() -> dict[str, int]:
    import jax

    if jax.default_backend() != "cpu":
        return {}
    if not _loops_are_fast():
        warnings.warn(
            "jax had computed before clusteropt was imported: last bits differ from the command line's, which can lead a"
            " search elsewhere, and loops are slower. Import clusteropt before the first use of jax",
            RuntimeWarning,
            stacklevel=3,
        )
    try:
        with warnings.catch_warnings():  # a slow machine keeps even this one, and a full disk may have torn it
            warnings.simplefilter("ignore")
            jax.jit(lambda x: x, compiler_options=_WIDE_VECTORS).lower(1.0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return _WIDE_VECTORS


@cache
def _loops_are_fast() -> bool:
    """True where this jax makes one function of a loop, as `fast_loops` has asked."""
    if fast_loops.IN_TIME:
        return True
    import jax

    loop = jax.jit(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: jax.numpy.sin(y) + 2 * y[::-1], x))
    return "small_call" in (loop.lower(jax.numpy.zeros((32, 32))).compile().as_text() or "")


def mesh(n_devices: int) -> "Mesh":
    """The first `n_devices` devices in a row, axis 'lanes'."""
    import jax
    from jax.sharding import AxisType, Mesh

    return Mesh(jax.local_devices()[:n_devices], ("lanes",), axis_types=(AxisType.Auto,))


def n_devices() -> int:
    """The devices that this process has."""
    import jax

    return jax.local_device_count()


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


def cache_in_use() -> Path | None:
    """The folder, where `prepare` has told jax to keep compiled programs there; None in a host program."""
    import jax

    folder = cachedir.folder()
    in_use: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    return folder if folder is not None and in_use == str(folder) else None


def own_cache() -> Path | None:
    """The folder for the programs of a host program; None where those would not be the command line's, to the last bit."""
    import jax

    plain = os.environ.get("XLA_FLAGS", "") == fast_loops.FLAG and jax.default_backend() == "cpu"
    return cachedir.folder() if plain and _loops_are_fast() else None


@contextmanager
def quiet_compiler() -> Iterator[None]:
    """Without what XLA says of a program that it loads: that vector instructions which it avoids are not the processor's."""
    try:
        from jaxlib import utils  # type: ignore[attr-defined]
    except ImportError:  # this jaxlib has it elsewhere, and talks
        yield
        return
    with _one_at_a_time:
        utils.absl_set_min_log_level(3)
        try:
            yield
        finally:
            utils.absl_set_min_log_level(int(os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1")))


def versions() -> dict[str, str]:
    """The versions that a bug report needs."""
    from importlib.metadata import version

    from clusteropt import __version__

    packages = ("jax", "jaxlib", "numpy", "ase", "h5py", "optax", "typer", "rich")
    return {"clusteropt": __version__, "python": sys.version.split()[0]} | {name: version(name) for name in packages}


def compiles_correctly() -> bool:
    """True where large batched products come out right; jax 0.10.2 and 0.11.0 fail here (jax-ml/jax#39103)."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    matrices, vectors = rng.normal(size=(512, 24, 28)), rng.normal(size=(512, 28, 40))
    product = jax.jit(jax.vmap(lambda a, b: jnp.tanh(a @ b)))(matrices, vectors)
    return bool(np.allclose(product, np.tanh(matrices @ vectors), atol=1e-9))


def describe_devices() -> str:
    """The devices that jax computes on."""
    import jax

    devices = jax.devices()
    return f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})"
