"""The kind of device that a program is compiled for. It decides the form of the reductions and the number of lanes."""

from contextlib import AbstractContextManager, nullcontext

import jax

KINDS = ("cpu", "gpu")
_CHOSEN = jax.make_user_context(default_value=None)  # part of the key of jax's own caches


def backend() -> str:
    """The kind of device, one of `KINDS`: the one that `computing_for` has named, or else the one that jax computes on."""
    if _CHOSEN.value is not None:
        return _CHOSEN.value
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def computing_for(kind: str) -> AbstractContextManager:
    """Inside this context, this thread compiles programs in the form for devices of `kind`, whatever device runs them."""
    return nullcontext() if kind == backend() else _CHOSEN(kind)
