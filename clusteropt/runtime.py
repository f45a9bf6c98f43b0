"""Everything that touches the environment, `jax.config` or devices. Other modules ask here.

`prepare` is for a process of our own (the command line, a worker): it must run before jax and numpy are imported. In a
host program, `double_precision` wraps our computations and leaves the program's own settings alone.
"""

import hashlib
import os
import stat
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clusteropt.errors import ClusterOptError, Deserted, UsageError

if TYPE_CHECKING:
    import numpy as np
    from jax.sharding import Mesh

# Loops whose buffers are smaller than this become one compiled function, not a list of kernels called one by one: measured,
# an L-BFGS step of 64 clusters of 13 atoms takes 16 microseconds instead of 60. Unknown names in this list are ignored.
_XLA_EXTRA = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000000"
_WIDE_VECTORS = {"xla_cpu_prefer_vector_width": 512}  # only a preference: processors without them use what they have
CACHE_SWITCH = "CLUSTEROPT_CACHE"
_TO_JOIN = 120  # seconds that the processes of a run have to find each other
_HEARTBEAT = 10  # seconds of silence after which one counts as dead


def free_memory() -> float:
    """Bytes that this process may still take, by what the machine and its control group say; infinite where nothing is said."""
    free = [float("inf")]
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * float(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    with suppress(OSError, ValueError, StopIteration):
        groups = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
        own = Path("/sys/fs/cgroup") / next(line for line in groups if line.startswith("0::")).removeprefix("0::/")
        for group in (own, *own.parents):
            free.append(_left_in(group))
    return min(free)


def _left_in(group: Path) -> float:
    """Bytes below the limit of a control group (version 2); what it keeps of files can be dropped."""
    try:
        limit, used = (float((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):  # no limit, or no such group
        return float("inf")
    cached = [float(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file "))]
    return limit - used + sum(cached)


def n_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(threads: int = 1) -> None:
    """Sets up a process of our own: one jax device per thread, double precision, quiet libraries, the compilation cache."""
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    ask_for_fast_loops()
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", threads)
    folder = cache_folder()
    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def ask_for_fast_loops() -> None:
    """Adds our option to XLA_FLAGS. Without effect on a jax that is already running: then loops are slower, not wrong."""
    flags = os.environ.get("XLA_FLAGS", "")
    if "jax" not in sys.modules and "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_XLA_EXTRA}".strip()


@contextmanager
def double_precision() -> Iterator[None]:
    """Double precision for the duration, in this thread: a host program's own setting of jax stays as it is."""
    ask_for_fast_loops()
    import jax

    with jax.enable_x64(True):
        yield


@cache
def compiler_options() -> dict[str, int]:
    """The compiler options that the installed jaxlib knows, out of those wanted."""
    import jax

    if jax.default_backend() != "cpu":
        return {}
    try:
        with warnings.catch_warnings():  # a slow machine keeps even this one, and a full disk may have torn it
            warnings.simplefilter("ignore")
            jax.jit(lambda x: x, compiler_options=_WIDE_VECTORS).lower(1.0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return _WIDE_VECTORS


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
    """Whether Slurm (`srun`) or Open MPI (`mpirun`) has started this process as one of several."""
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


def cache_folder() -> Path | None:
    """A private folder for compiled programs, made if need be; None where switched off or not private.

    Named by versions and processor, because the keys of the cache do not tell processors apart.
    """
    if os.environ.get(CACHE_SWITCH, "").lower() in ("off", "0", "no"):
        return None
    import jaxlib.version

    flags = _processor()
    tag = f"{jaxlib.version.__version__}-{hashlib.sha256(flags.encode()).hexdigest()[:12]}"
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clusteropt"
        folder = base / f"jax-{tag}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):  # no home, or no room in it
        return None
    private = status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o077
    return folder if private and os.access(folder, os.W_OK) else None


def cache_in_use() -> Path | None:
    """The folder, where `prepare` has told jax to keep compiled programs there; None in a host program."""
    import jax

    folder = cache_folder()
    in_use: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    return folder if folder is not None and in_use == str(folder) else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        import platform

        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def versions() -> dict[str, str]:
    """The versions that a bug report needs."""
    from importlib.metadata import version

    from clusteropt import __version__

    packages = ("jax", "jaxlib", "numpy", "ase", "h5py", "optax", "typer", "rich")
    return {"clusteropt": __version__, "python": sys.version.split()[0]} | {name: version(name) for name in packages}


def compiles_correctly() -> bool:
    """Whether large batched products come out right; jax 0.10.2 and 0.11.0 fail here (jax-ml/jax#39103)."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    matrices, vectors = rng.normal(size=(512, 24, 28)), rng.normal(size=(512, 28, 40))
    product = jax.jit(jax.vmap(lambda a, b: jnp.tanh(a @ b)))(matrices, vectors)
    return bool(np.allclose(product, np.tanh(matrices @ vectors), atol=1e-9))


def describe_devices() -> str:
    """What jax computes on."""
    import jax

    devices = jax.devices()
    return f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})"


def clear_cache() -> None:
    """Deletes the compiled programs of this machine and these versions."""
    folder = cache_folder()
    for file in folder.iterdir() if folder is not None else ():
        if file.is_file():
            file.unlink(missing_ok=True)
