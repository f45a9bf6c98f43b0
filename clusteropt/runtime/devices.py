"""The devices that jax computes on, and what its compiler is asked for."""

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

_WIDE_VECTORS = {"xla_cpu_prefer_vector_width": 512}  # only a preference: processors without them use what they have
one_at_a_time = threading.Lock()


def compiler_options() -> dict[str, int]:
    """The compiler options that the installed jaxlib knows, out of those wanted; warns once where loops cannot be fast."""
    with one_at_a_time:
        return _compiler_options()


@cache
def _compiler_options() -> dict[str, int]:
    import jax

    if jax.default_backend() != "cpu":
        return {}
    if not loops_are_fast():
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
def loops_are_fast() -> bool:
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


def describe_gpus() -> str:
    """The GPUs that `--device gpu` would compute on, or why there is none."""
    if find_spec("jax_plugins") is None and not entry_points(group="jax_plugins"):
        return "none: this jax computes on the CPU alone; install jax[cuda13] for a GPU by NVIDIA"
    code = "import jax; found = jax.devices('gpu'); print(len(found), 'x', found[0].device_kind)"
    environment = os.environ | {"JAX_PLATFORMS": "cuda", "XLA_FLAGS": ""}
    command = [sys.executable, "-c", code]  # another process: in this one jax may have been told to use the CPU
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"none that jax can use ({done.stderr.strip().rpartition(chr(10))[2][:200]})"
    return done.stdout.strip()
