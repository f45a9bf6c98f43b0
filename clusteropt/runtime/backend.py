"""The kind of device that a program is compiled for. It decides the form of the reductions and the number of lanes."""

from contextlib import AbstractContextManager, nullcontext

import jax

KINDS = ("cpu", "gpu")
# (largest padded size, lanes); above the last size there is one lane. A CPU gets 64 lanes while the arrays and the history fit
# into the caches of a core. With one lane the vectors run along the atoms, so that a single large structure does not pay for
# empty lanes. With 2 to 16 lanes the loops do not vectorize (measured). A GPU gets so many lanes that atoms times lanes are some
# tens of thousands, with a thread for each.
_LANES = {"cpu": ((45, 64), (200, 32)), "gpu": ((45, 1024), (200, 256), (1000, 32))}
_CHOSEN = jax.make_user_context(default_value=None)  # part of the key of jax's own caches


def backend() -> str:
    """The kind of device, one of `KINDS`: the one that `computing_for` has named, or else the one that jax computes on."""
    if _CHOSEN.value is not None:
        return _CHOSEN.value
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def computing_for(kind: str) -> AbstractContextManager:
    """Inside this context, this thread compiles programs in the form for devices of `kind`, whatever device runs them."""
    return nullcontext() if kind == backend() else _CHOSEN(kind)


def n_lanes(size: int) -> int:
    """The number of instances of padded `size` that one program computes side by side on each device."""
    return next((lanes for largest, lanes in _LANES[backend()] if size <= largest), 1)
