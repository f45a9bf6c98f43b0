"""Batches of numpy arrays on the host, for any problem; the last axis counts instances."""

from typing import Any, TypeVar

import jax
import numpy as np

_Batch = TypeVar("_Batch")


def take(batch: _Batch, columns: np.ndarray, dtype: np.dtype | type = np.float64) -> _Batch:
    """The given columns as a new batch, floating-point numbers as `dtype`. A column of -1 makes an instance without units."""
    empty = columns < 0

    def chosen(array: Any) -> np.ndarray:
        own = np.asarray(array)[..., columns]
        with np.errstate(over="ignore"):  # too large for single precision: infinite, and found to be so later
            return own.astype(dtype) if np.issubdtype(own.dtype, np.floating) else own

    taken: Any = jax.tree.map(chosen, batch)
    return taken._replace(mask=taken.mask & ~empty, free=taken.free & ~empty)


def in_single_precision(batch: _Batch) -> _Batch:
    """The same batch with floating-point numbers of 32 bits."""
    return take(batch, np.arange(jax.tree.leaves(batch)[0].shape[-1]), np.float32)


def at(batch: Any, positions: np.ndarray) -> Any:
    """The batch with its instances at `positions` (n_components, n_units, n_instances)."""
    return batch._replace(positions=positions)
