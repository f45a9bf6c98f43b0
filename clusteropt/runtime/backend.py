"""The kind of device that a program is for: the forms of the reductions and the number of lanes follow from it."""

from contextlib import AbstractContextManager, nullcontext

import jax

KINDS = ("cpu", "gpu")
_CHOSEN = jax.make_user_context(default_value=None)  # part of the key of jax's own caches


def backend() -> str:
    """The kind of device, one of `KINDS`: the kind that jax computes on, unless `computing_for` has named another."""
    if _CHOSEN.value is not None:
        return _CHOSEN.value
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def computing_for(kind: str) -> AbstractContextManager:
    """For the duration, in this thread, programs are made as for that kind of device, wherever they will run."""
    return nullcontext() if kind == backend() else _CHOSEN(kind)
