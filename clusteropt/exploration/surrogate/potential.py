"""The surrogate as a potential: its parameters, their usual values, and the tables of its kernel `forms/surrogate.py`.

The form has few parameters, so that the values of a few quenches fit it, and its kernel costs next to nothing beside a
calculator. How well it orders the minima of a system is learned in use: `exploration/choice.py` spends the evaluations where
they bring most. Parameters are one vector: the logarithms of A, xi, p and q for each pair of elements, then the terms b, c, v
and t for each element, in the calculator's lengths and energies.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.potentials.base import Potential
from clusteropt.potentials.form import REDUCED_UNITS
from clusteropt.potentials.forms import surrogate

# Parameters before any value is known. p and q are usual ones of metals (Cleri and Rosato, see `forms/gupta.py`); with A and
# xi, an icosahedron of 13 atoms has its nearest neighbours at one length, and five energies an atom.
_USUAL = np.log([0.31, 2.77, 10.5, 3.0])
# How far parameters may lie from usual ones: errors that count as one, and the farthest. Densities are about 50.
_DRIFTS = np.array([0.7, 0.7, 0.7, 0.7])
_TERM_DRIFTS = np.array([0.05, 0.5, 0.2, 0.2])
_FARTHEST = 1.0  # change of a logarithm


def usual(n_species: int) -> np.ndarray:
    """(n_parameters,) the parameters before any value is known."""
    return _joined(_USUAL, np.zeros(len(_TERM_DRIFTS)), n_species)


def drifts(n_species: int) -> np.ndarray:
    """(n_parameters,) the change of each parameter that counts as an error of one."""
    return _joined(_DRIFTS, _TERM_DRIFTS, n_species)


def bounded(parameters: np.ndarray, n_species: int) -> np.ndarray:
    """The parameters, logarithms not too far from usual ones."""
    farthest = _joined(np.full(len(_USUAL), _FARTHEST), np.full(len(_TERM_DRIFTS), np.inf), n_species)
    return np.clip(parameters, usual(n_species) - farthest, usual(n_species) + farthest)


def _joined(pairs: np.ndarray, terms: np.ndarray, n_species: int) -> np.ndarray:
    return np.concatenate([np.repeat(pairs, len(pairs_of(n_species))), np.repeat(terms, n_species)])


def pairs_of(n_species: int) -> list[tuple[int, int]]:
    """The pairs of species, each once."""
    return [(a, b) for a in range(n_species) for b in range(a, n_species)]


def table_of(values: np.ndarray | Array, n_species: int) -> np.ndarray | Array:
    """(n_species, n_species) of values (n_pairs,)."""
    pairs = pairs_of(n_species)
    places = np.array([[pairs.index((min(a, b), max(a, b))) for b in range(n_species)] for a in range(n_species)])
    return values[places]


def tables_of(parameters: np.ndarray | Array, n_species: int) -> dict[str, np.ndarray | Array]:
    """The kernel's tables for parameters (n_parameters,), with every r_0 at one length. See `gupta.tables_from`."""
    n = len(_USUAL) * len(pairs_of(n_species))
    logs, terms = parameters[:n].reshape(len(_USUAL), -1), parameters[n:].reshape(-1, n_species)
    log_a, log_xi, log_p, log_q = (table_of(row, n_species) for row in logs)
    exponential = np.exp if isinstance(parameters, np.ndarray) else jnp.exp
    p, q = exponential(log_p), exponential(log_q)
    return {
        "repulsion_log": log_a + p,
        "repulsion_decay": p,
        "hopping_log": log_xi + q,
        "hopping_decay": q,
        "terms": terms,
    }


def potential_of(parameters: np.ndarray, n_species: int) -> Potential:
    """The surrogate with parameters (n_parameters,). Its species are numbers, so that all elements share its programs."""
    return Potential(
        parameters=tables_of(parameters, n_species),  # type: ignore[arg-type]  numpy
        form=surrogate.FORM.name,
        name="surrogate",
        elements=tuple(str(k) for k in range(n_species)),
        energy_unit=REDUCED_UNITS["energy"],
        length_unit=REDUCED_UNITS["length"],
        length=1.0,
        energy=1.0,
        cutoff=None,
    )
