"""The form of the surrogate: Gupta's, with parameters for each pair of elements, in the calculator's lengths and energies.

A second-moment potential has few parameters, so that the values of a few quenches fit it, and its kernel costs next to nothing
beside a calculator. How well it orders the minima of a system is learned in use: `exploration/choice.py` spends the evaluations
where they bring most.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.potentials.base import Potential
from clusteropt.potentials.form import REDUCED_UNITS
from clusteropt.potentials.forms import gupta

N_KINDS = 4  # parameters of a pair: logarithms of A, xi, p and q
# Parameters before any value is known. p and q are usual ones of metals (Cleri and Rosato, see `forms/gupta.py`); with A and
# xi, an icosahedron of 13 atoms has its nearest neighbours at one length, and five energies an atom.
_USUAL = np.log([0.31, 2.77, 10.5, 3.0])


def usual(n_species: int) -> np.ndarray:
    """(N_KINDS, n_pairs) the parameters before any value is known."""
    return np.repeat(_USUAL[:, None], len(pairs_of(n_species)), 1)


def pairs_of(n_species: int) -> list[tuple[int, int]]:
    """The pairs of species, each once."""
    return [(a, b) for a in range(n_species) for b in range(a, n_species)]


def table_of(values: np.ndarray | Array, n_species: int) -> np.ndarray | Array:
    """(n_species, n_species) of values (n_pairs,)."""
    pairs = pairs_of(n_species)
    places = np.array([[pairs.index((min(a, b), max(a, b))) for b in range(n_species)] for a in range(n_species)])
    return values[places]


def tables_of(parameters: np.ndarray | Array, n_species: int) -> dict[str, np.ndarray | Array]:
    """The kernel's tables for parameters (N_KINDS, n_pairs), with every r_0 at one length. See `gupta.tables_from`."""
    log_a, log_xi, log_p, log_q = (table_of(row, n_species) for row in parameters)
    exponential = np.exp if isinstance(parameters, np.ndarray) else jnp.exp
    p, q = exponential(log_p), exponential(log_q)
    return {"repulsion_log": log_a + p, "repulsion_decay": p, "hopping_log": log_xi + q, "hopping_decay": q}


def potential_of(parameters: np.ndarray, n_species: int) -> Potential:
    """The surrogate with parameters (N_KINDS, n_pairs). Its species are numbers, so that all elements share its programs."""
    return Potential(
        parameters=tables_of(parameters, n_species),  # type: ignore[arg-type]  numpy
        form=gupta.FORM.name,
        name="surrogate",
        elements=tuple(str(k) for k in range(n_species)),
        energy_unit=REDUCED_UNITS["energy"],
        length_unit=REDUCED_UNITS["length"],
        length=1.0,
        energy=1.0,
        cutoff=None,
    )
