"""The set-up of jax: environment variables, `jax.config` and devices. No other room touches them.

`prepare` sets up a process that belongs to clusteropt (the command line, a Dask worker). It must run before jax and numpy
are imported. `double_precision` is for host programs: it wraps each computation and keeps the program's settings of jax.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from clusteropt.errors import ClusterOptError
from clusteropt.runtime import cachedir, devices, fast_loops

# The JAX_ variables that `prepare` keeps: they choose the platform or connect processes. It deletes all others.
_HEARD = (
    "JAX_PLATFORMS",
    "JAX_COORDINATOR",
    "JAX_NUM_PROCESSES",
    "JAX_PROCESS_ID",
    "JAX_LOCAL_DEVICE",
    "JAX_CPU_COLLECTIVES",
)


def prepare(threads: int = 1, device: str | None = None, *, alone: bool = True) -> None:
    """Sets up a process that belongs to clusteropt: devices, double precision, quiet libraries, the compilation cache.

    `device` is 'cpu' or 'gpu'. None takes the platform that JAX_PLATFORMS names, or else the CPU. On a CPU, jax gets one
    device for each of the `threads`. The user's other settings of jax and XLA are ignored, because they are meant for other
    programs. Raises ClusterOptError where jax does not start or finds no such device. With `alone=False`, `processes.join`
    finds the devices later.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # a GPU may have other users
    for name in [name for name in os.environ if name.startswith("JAX_") and not name.startswith(_HEARD)]:
        del os.environ[name]
    os.environ["JAX_PLATFORMS"] = platforms = _platforms(device)
    # an unknown flag would end the process, and a known one may change results
    os.environ["XLA_FLAGS"] = fast_loops.FLAG if platforms.startswith("cpu") else ""
    with said_in_a_line("--device gpu" if device == "gpu" else None):
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_num_cpu_devices", threads)
        folder = cachedir.folder()
        if folder is not None:
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        if alone:
            jax.local_devices()


def _platforms(device: str | None) -> str:
    """The value of JAX_PLATFORMS for `device`. For a GPU the user's own value is kept, unless it names a CPU."""
    named = os.environ.get("JAX_PLATFORMS", "")
    if device == "gpu":
        return named if named and "cpu" not in named else "cuda"
    return device or named or "cpu"


@contextmanager
def said_in_a_line(option: str | None = None) -> Iterator[None]:
    """Turns an error at the start of jax into a ClusterOptError of one line, with the cure.

    `option` is the command-line option that chose the device; None without one.
    """
    try:
        yield
    except Exception as problem:  # noqa: BLE001  incompatible versions of libraries raise errors of any type
        platforms = os.environ.get("JAX_PLATFORMS", "cpu")
        reason = " ".join(str(problem).split()).partition(" (")[0][:200] or type(problem).__name__
        if option is not None:
            detail = f" ({reason})" if str(problem) else ""
            raise ClusterOptError(
                f"{option}: jax sees no GPU here{detail}: install jax[cuda13] for an NVIDIA GPU, or leave the option out"
            ) from None
        if platforms != "cpu":
            raise ClusterOptError(
                f"JAX_PLATFORMS={platforms}: jax cannot use that platform here ({reason}):"
                " unset the variable, or install what jax needs for it"
            ) from None
        raise ClusterOptError(
            f"jax does not start ({reason}): try `pip install --force-reinstall jax jaxlib numpy`"
        ) from None


@contextmanager
def double_precision() -> Iterator[None]:
    """Inside this context, this thread computes in double precision with the default settings of jax.

    Afterwards the host program's own settings hold again. Raises ClusterOptError where jax does not start, and in a process
    that was forked after the first computation, because jax would hang there.
    """
    if _first_user() != os.getpid():
        raise ClusterOptError(
            "this process was forked after a computation, and jax cannot compute in such a fork:"
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
        # by default a GPU rounds the factors of single-precision products to ten bits
        settings.enter_context(jax.default_matmul_precision(None if jax.default_backend() == "cpu" else "highest"))
        settings.enter_context(jax.default_device(None))
        yield


@cache
def _first_user() -> int:
    """The id of the process that computed first: this one, or the one that it was forked from."""
    return os.getpid()


@cache
def start() -> None:
    """Makes jax find its devices. Raises ClusterOptError where jax does not start."""
    with said_in_a_line():
        import jax

        jax.local_devices()


def cache_in_use() -> Path | None:
    """The folder that `prepare` has given to jax for compiled programs; None in a host program."""
    import jax

    folder = cachedir.folder()
    in_use: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    return folder if folder is not None and in_use == str(folder) else None


def own_cache() -> Path | None:
    """The folder for programs that a host program compiles.

    None where their results could differ from the command line's in the last bits.
    """
    import jax

    plain = os.environ.get("XLA_FLAGS", "") == fast_loops.FLAG and jax.default_backend() == "cpu"
    return cachedir.folder() if plain and devices.loops_are_fast() else None


@contextmanager
def quiet_compiler() -> Iterator[None]:
    """Silences XLA while it loads a program: it warns of vector instructions that the program does not even use."""
    try:
        from jaxlib import utils  # type: ignore[attr-defined]
    except ImportError:  # this jaxlib keeps the function elsewhere, and its warnings remain
        yield
        return
    with devices.one_at_a_time:
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
