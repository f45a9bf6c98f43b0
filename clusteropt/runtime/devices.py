"""The devices that jax computes on, and the options of its compiler."""

import os
import subprocess
import sys
import threading
import warnings
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING

from clusteropt.runtime import fast_loops

if TYPE_CHECKING:
    from jax.sharding import Mesh

_WIDE_VECTORS = {"xla_cpu_prefer_vector_width": 512}  # a preference: a processor without them uses narrower ones
one_at_a_time = threading.Lock()


def compiler_options() -> dict[str, int]:
    """The wanted compiler options that the installed jaxlib knows. Warns once where loops cannot be compiled as one function."""
    with one_at_a_time:
        return _compiler_options()


@cache
def _compiler_options() -> dict[str, int]:
    import jax

    if jax.default_backend() != "cpu":
        return {}
    if not loops_are_fast():
        warnings.warn(
            "jax was used before clusteropt was imported: the last bits of results differ from the command line's, a"
            " search may find another minimum, and loops are slower: import clusteropt before the first use of jax",
            RuntimeWarning,
            stacklevel=3,
        )
    try:
        with (
            warnings.catch_warnings()
        ):  # a slow machine caches this program too, and a full disk may have truncated the entry
            warnings.simplefilter("ignore")
            jax.jit(lambda x: x, compiler_options=_WIDE_VECTORS).lower(1.0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return _WIDE_VECTORS


@cache
def loops_are_fast() -> bool:
    """True where this jax compiles a small loop into one function, as `fast_loops` has asked."""
    if fast_loops.IN_TIME:
        return True
    import jax

    loop = jax.jit(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: jax.numpy.sin(y) + 2 * y[::-1], x))
    return "small_call" in (loop.lower(jax.numpy.zeros((32, 32))).compile().as_text() or "")


def mesh(n_devices: int) -> "Mesh":
    """A mesh of the first `n_devices` devices of this process, with the single axis 'lanes'."""
    import jax
    from jax.sharding import AxisType, Mesh

    return Mesh(jax.local_devices()[:n_devices], ("lanes",), axis_types=(AxisType.Auto,))


def n_devices() -> int:
    """The number of devices of this process."""
    import jax

    return jax.local_device_count()


def compiles_correctly() -> bool:
    """True where jax computes large batched products correctly. jax 0.10.2 and 0.11.0 do not (jax-ml/jax#39103)."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    matrices, vectors = rng.normal(size=(512, 24, 28)), rng.normal(size=(512, 28, 40))
    product = jax.jit(jax.vmap(lambda a, b: jnp.tanh(a @ b)))(matrices, vectors)
    return bool(np.allclose(product, np.tanh(matrices @ vectors), atol=1e-9))


def describe_devices() -> str:
    """The number, platform and kind of the devices that jax computes on, as text."""
    import jax

    devices = jax.devices()
    return f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})"


def describe_gpus() -> str:
    """The GPUs that `--device gpu` would compute on, or the reason why jax cannot use a GPU; as text."""
    if find_spec("jax_plugins") is None and not entry_points(group="jax_plugins"):
        return "none: this jax computes on the CPU alone; install jax[cuda13] for a GPU by NVIDIA"
    code = "import jax; found = jax.devices('gpu'); print(len(found), 'x', found[0].device_kind)"
    environment = os.environ | {"JAX_PLATFORMS": "cuda", "XLA_FLAGS": ""}
    command = [sys.executable, "-c", code]  # in a new process, because jax in this one may be limited to the CPU
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"none that jax can use ({done.stderr.strip().rpartition(chr(10))[2][:200]})"
    return done.stdout.strip()
