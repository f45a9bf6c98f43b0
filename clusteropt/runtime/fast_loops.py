"""The one compiler option that jax takes from the environment alone, before its first computation."""

import os
import sys

# Loops whose buffers are smaller than this become one compiled function, not a list of kernels called one by one: measured,
# an L-BFGS step of 64 clusters of 13 atoms takes 16 microseconds instead of 60. The last bits of results depend on it.
_OPTION = "xla_cpu_small_while_loop_byte_threshold"
FLAG = f"--xla_backend_extra_options={_OPTION}=100000000"
IN_TIME = "jax" not in sys.modules  # else jax may have begun to compute, and looks at the environment no more


def ask() -> None:
    """Adds our option to XLA_FLAGS, which a jax that has not computed anything yet still reads."""
    flags = os.environ.get("XLA_FLAGS", "")
    if _OPTION not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {FLAG}".strip()
