"""Batches of numpy arrays on the host, whatever problem they belong to: the last axis counts instances."""

from typing import Any, TypeVar

import jax
import numpy as np

_Batch = TypeVar("_Batch")


def take(batch: _Batch, columns: np.ndarray, dtype: np.dtype | type = np.float64) -> _Batch:
    """Those columns as a new batch, numbers as `dtype`; an instance without units where a column is -1."""
    empty = columns < 0

    def chosen(array: Any) -> np.ndarray:
        own = np.asarray(array)[..., columns]
        with np.errstate(over="ignore"):  # what single precision cannot hold is infinite, and ends as non-finite
            return own.astype(dtype) if np.issubdtype(own.dtype, np.floating) else own

    taken: Any = jax.tree.map(chosen, batch)
    return taken._replace(mask=taken.mask & ~empty, free=taken.free & ~empty)


def at(batch: Any, positions: np.ndarray) -> Any:
    """The same instances at other `positions` (n_components, n_units, n_instances)."""
    return batch._replace(positions=positions)
