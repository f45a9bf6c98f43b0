"""The one compiler option that jax reads only from the environment, and only before its first computation."""

import os
import sys

# A loop whose buffers hold fewer bytes than this is compiled into one function, not into kernels called one by one. An L-BFGS
# step of 64 clusters of 13 atoms then takes 16 microseconds instead of 60 (measured). The last bits of results depend on it.
_OPTION = "xla_cpu_small_while_loop_byte_threshold"
FLAG = f"--xla_backend_extra_options={_OPTION}=100000000"
IN_TIME = "jax" not in sys.modules  # else jax may have read the environment already


def ask() -> None:
    """Adds the option to XLA_FLAGS. jax reads the variable at its first computation."""
    flags = os.environ.get("XLA_FLAGS", "")
    if _OPTION not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {FLAG}".strip()
