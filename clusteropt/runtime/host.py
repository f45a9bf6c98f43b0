"""Everything that touches the environment, `jax.config` or devices. Other modules ask here.

`prepare` is for a process of our own (the command line, a worker): it must run before jax and numpy are imported. In a
host program, `double_precision` wraps our computations and leaves the program's own settings alone.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clusteropt.errors import ClusterOptError
from clusteropt.runtime import cachedir, devices, fast_loops

if TYPE_CHECKING:
    pass

# of the variables that begin with JAX_, those that choose what to compute on and that join processes
_HEARD = (
    "JAX_PLATFORMS",
    "JAX_COORDINATOR",
    "JAX_NUM_PROCESSES",
    "JAX_PROCESS_ID",
    "JAX_LOCAL_DEVICE",
    "JAX_CPU_COLLECTIVES",
)


def prepare(threads: int = 1, device: str | None = None, *, alone: bool = True) -> None:
    """Sets up a process of our own: its devices, double precision, quiet libraries, the compilation cache.

    `device` is 'cpu' or 'gpu'; None is the CPU, unless JAX_PLATFORMS names another. On a CPU jax has one device per thread. The
    user's settings of jax and XLA are for his programs: of them, only the choice of the platform is heard. Raises
    ClusterOptError where jax does not start or sees no such device; with `alone=False` that is left to `join`.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # a GPU may have other users
    for name in [name for name in os.environ if name.startswith("JAX_") and not name.startswith(_HEARD)]:
        del os.environ[name]
    os.environ["JAX_PLATFORMS"] = platforms = _platforms(device)
    # an unknown flag would end the process, others change results
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
    """Jax's names for the device; for a GPU they are JAX_PLATFORMS, where the user has named one that is no CPU."""
    named = os.environ.get("JAX_PLATFORMS", "")
    if device == "gpu":
        return named if named and "cpu" not in named else "cuda"
    return device or named or "cpu"


@contextmanager
def said_in_a_line(option: str | None = None) -> Iterator[None]:
    """Turns what keeps jax from starting into a ClusterOptError that names the cure; `option` has chosen the device."""
    try:
        yield
    except Exception as problem:  # noqa: BLE001  libraries that do not fit together fail in any way
        platforms = os.environ.get("JAX_PLATFORMS", "cpu")
        reason = " ".join(str(problem).split()).partition(" (")[0][:200] or type(problem).__name__
        if option is not None:
            detail = f" ({reason})" if str(problem) else ""
            raise ClusterOptError(
                f"{option}: jax sees no GPU here{detail}: install jax[cuda13] for one by NVIDIA, or leave the option out"
            ) from None
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
        # a GPU would round the factors of products in single precision to ten bits
        settings.enter_context(jax.default_matmul_precision(None if jax.default_backend() == "cpu" else "highest"))
        settings.enter_context(jax.default_device(None))
        yield


@cache
def _first_user() -> int:
    """The process that was the first to compute: this one, or one that it was forked from."""
    return os.getpid()


@cache
def start() -> None:
    """Has jax find its devices. Raises ClusterOptError where it does not start."""
    with said_in_a_line():
        import jax

        jax.local_devices()


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
    return cachedir.folder() if plain and devices.loops_are_fast() else None


@contextmanager
def quiet_compiler() -> Iterator[None]:
    """Without what XLA says of a program that it loads: that vector instructions which it avoids are not the processor's."""
    try:
        from jaxlib import utils  # type: ignore[attr-defined]
    except ImportError:  # this jaxlib has it elsewhere, and talks
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
