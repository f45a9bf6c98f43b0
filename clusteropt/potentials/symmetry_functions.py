"""Symmetry functions: numbers about the surroundings of an atom that do not change when the cluster is turned or renumbered.

Every atom sums over its neighbours within the cutoff, for each element of the neighbours by itself,

    radial:   g_k(r) = exp(-(ln r - c_k)^2 / (2 D^2)) f(r),   f(r) = (1 - r^2 / r_cut^2)^3,
    angular:  moments h_n(r) e and h_n(r) e e of the unit vectors e, where h_n is the sum of some neighbouring g_k,

and contracts the moments to invariants of order two and three. So angles cost no loop over triples. Radial sums and angles:
J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), doi:10.1103/PhysRevLett.98.146401; moments and their
contraction: A. V. Shapeev, Multiscale Model. Simul. 14, 1153 (2016), doi:10.1137/15M1054183. Centres at equal steps of ln r
are dense where forces are strong; three exponentials make all functions.

Below the distance `closest`, which is the shortest that a fit has seen, functions get a distance that stays near it, and the
pair repels by B (1 - r / closest)^3. All is smooth to the second derivative.
"""

import math
from functools import partial
from itertools import combinations_with_replacement, pairwise
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, neighbour_sums
from clusteropt.potentials.form import Core, softens

Tables = dict[str, Array]
_STIFFNESS = 0.1  # below `closest`, the distance that functions get stays above (1 - this) of it
_FACES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # the components of a symmetric matrix
_PER_ANGULAR = 3 + len(_FACES)
_MOST_SUMS = 64


class Counts(NamedTuple):
    """The numbers of elements and functions, which the shapes of the tables tell."""

    elements: int
    radial: int
    angular: int

    @property
    def sums(self) -> int:
        """Sums over neighbours for each element of the neighbours."""
        return self.radial + _PER_ANGULAR * self.angular


def counts_of(tables: Tables) -> Counts:
    """The numbers of elements and functions of the tables of a form."""
    return Counts(tables["offset"].shape[0], tables["radial"].shape[0], tables["angular"].shape[0])


def members(counts: Counts) -> list[tuple[int, ...]]:
    """The elements of the neighbours that each descriptor is about, in the order of the descriptors. Radial ones come first."""
    found = [(s,) for s in range(counts.elements) for _ in range(counts.radial)]
    for _ in range(counts.angular):
        found += [pair for pair in _pairs(counts) for _ in range(2)]
        found += [(s,) for s in range(counts.elements) for _ in range(2)]
    return found


def _pairs(counts: Counts) -> list[tuple[int, int]]:
    return list(combinations_with_replacement(range(counts.elements), 2))


def sums_over_neighbours(tables: Tables, clusters: Clusters, core: Core) -> tuple[Array, ...]:
    """The repulsion of every atom, and `Counts.sums` sums for each element: planes (n_atoms, n_clusters)."""
    counts = counts_of(tables)
    found = []
    for group in _portions(counts):
        n_sums = len(group) * counts.sums + (0 in group)
        found += neighbour_sums(clusters, (clusters.species,), n_sums, partial(_terms, tables, core, group))
    return tuple(found)


def _portions(counts: Counts) -> list[range]:
    """Elements whose sums are made together. A loop over neighbours with more sums is compiled badly."""
    at_once = max(1, _MOST_SUMS // counts.sums)
    return [range(s, min(s + at_once, counts.elements)) for s in range(0, counts.elements, at_once)]


def _terms(tables: Tables, core: Core, group: range, pair: Pair) -> tuple[Array, ...]:
    """Sums over the neighbours of some elements, after the repulsion where the first element is among them."""
    near = _near(tables, core, pair)
    functions = [_summed([near.bells.values[k] for k in each]) for each in _groups(counts_of(tables))]
    found = []
    for s in group:
        cut = near.cut * _is_of(tables, s, pair.there[0], near.cut.dtype)
        found += [cut * g for g in near.bells.values]
        found += [part for h in functions for part in _moments(cut * h, near.e)]
    return (near.repulsion / 2, *found) if 0 in group else tuple(found)


def _is_of(tables: Tables, element: int, species: Array, dtype: Any) -> Array | float:
    return 1.0 if counts_of(tables).elements == 1 else (species == element).astype(dtype)


def descriptors(counts: Counts, sums: tuple[Array, ...]) -> Array:
    """The invariants (n_descriptors, ...) of the sums of all elements, in the order of `members`."""
    own = [sums[s * counts.sums : (s + 1) * counts.sums] for s in range(counts.elements)]
    found = [value for each in own for value in each[: counts.radial]]
    for n in range(counts.angular):
        first = counts.radial + _PER_ANGULAR * n
        vectors, matrices = [e[first : first + 3] for e in own], [e[first + 3 : first + _PER_ANGULAR] for e in own]
        for s, t in _pairs(counts):
            found += [_dot(vectors[s], vectors[t]), _inner(matrices[s], matrices[t])]
        for v, m in zip(vectors, matrices, strict=True):
            turned, squared = _times(m, v), _square(m)
            found += [_dot(v, turned), _inner(squared, m)]
    return jnp.stack(found)


def gradient(tables: Tables, clusters: Clusters, core: Core, slopes: tuple[Array, ...]) -> Array:
    """The gradient (3, n_atoms, n_clusters) of an energy with these `slopes` in the sums (1 in the repulsion)."""
    counts = counts_of(tables)
    found = jnp.zeros_like(clusters.positions)
    for group in _portions(counts):
        own = (clusters.species, *slopes[group.start * counts.sums : group.stop * counts.sums])
        found += jnp.stack(neighbour_sums(clusters, own, 3, partial(_slope_terms, tables, core, group)))
    return found


def _slope_terms(tables: Tables, core: Core, group: range, pair: Pair) -> tuple[Array, ...]:
    """The gradient of a pair that comes from sums over some elements: over j in the sums of i, over i in those of j."""
    counts, near = counts_of(tables), _near(tables, core, pair)
    mine = [
        _of_elements(tables, group, one[1:], other[0])
        for one, other in ((pair.here, pair.there), (pair.there, pair.here))
    ]
    factors = [a + b for a, b in zip(*(m[: counts.radial] for m in mine), strict=True)]
    sideways = [jnp.zeros_like(near.cut)] * 3
    for n, functions in enumerate(_groups(counts)):
        first = counts.radial + _PER_ANGULAR * n
        a, b = (m[first : first + _PER_ANGULAR] for m in mine)
        vector = [x - y for x, y in zip(a[:3], b[:3], strict=True)]
        turned = _times([x + y for x, y in zip(a[3:], b[3:], strict=True)], near.e, halved=True)
        value = _dot(vector, near.e) + _dot(turned, near.e)
        for k in functions:
            factors[k] = factors[k] + value
        own = near.cut * _summed([near.bells.values[k] for k in functions])
        sideways = [x + own * (v + 2 * t) for x, v, t in zip(sideways, vector, turned, strict=True)]
    return _push(near, pair, _sum_and_slope(near.bells, factors), sideways, 1.0 if 0 in group else 0.0)


def _of_elements(tables: Tables, group: range, slopes: tuple[Array, ...], species: Array) -> list[Array]:
    """The slopes in the sums over the element of `species`; 0 where it is not of the group."""
    n = counts_of(tables).sums
    masks = [_is_of(tables, s, species, slopes[0].dtype) for s in group]
    return [_summed([slopes[k * n + i] * mask for k, mask in enumerate(masks)]) for i in range(n)]


def _push(near: "_Near", pair: Pair, along: tuple[Array, Array], sideways: list[Array], hard: Any) -> tuple[Array, ...]:
    """The gradient of the pair from the functions' sum and slope, their slopes in the direction, and the repulsion."""
    push = near.cut_slope * along[0] + near.cut * along[1] - _dot(sideways, near.e) * near.inverse
    push = push * near.bend + near.repulsion_slope * hard
    return tuple(push * d + near.inverse * side for d, side in zip(pair.d, sideways, strict=True))


class _Bells(NamedTuple):
    """Gaussians of y whose centres are whole numbers from `-middle`, of width 1; `rate` is dy/dr."""

    values: list[Array]
    y: Array
    middle: int
    rate: Array


class _Near(NamedTuple):
    """A pair as its symmetry functions see it."""

    e: tuple[Array, ...]  # direction; shorter than 1 below `closest`
    inverse: Array  # of the distance that functions get
    bend: Array  # the derivative of that distance, over the true distance
    cut: Array
    cut_slope: Array
    bells: _Bells
    repulsion: Array
    repulsion_slope: Array  # over the distance


def _near(tables: Tables, core: Core, pair: Pair) -> _Near:
    """Quotients of scalars are taken first: a product costs a tenth of a quotient."""
    closest, cutoff = jnp.maximum(tables["closest"], core), tables["cutoff"]
    r2 = jnp.maximum(pair.r2, jnp.finfo(pair.r2.dtype).tiny ** 0.5)
    r = jnp.sqrt(r2)
    over = 1 / r
    z = jnp.maximum(1 - r * (1 / closest), 0)
    root = jnp.sqrt(1 / (1 + z * z * (1 / _STIFFNESS**2)))
    seen = jnp.where(z > 0, closest * (1 - z * root), r)
    inverse = 1 / seen
    inside = jnp.maximum(1 - seen * seen * (1 / cutoff**2), 0)
    squared = inside * inside
    return _Near(
        tuple(d * inverse for d in pair.d),
        inverse,
        root * root * root * over,
        squared * inside,
        seen * squared * (-6 / cutoff**2),
        _bells(tables["radial"], jnp.log(jnp.minimum(seen, cutoff)), inverse),
        *_repulsion(tables["repulsion"], closest, core, pair.r2, r, over),
    )


def _repulsion(strength: Array, closest: Array, core: Core, r2: Array, r: Array, over: Array) -> tuple[Array, Array]:
    """Energy of the pair, and its slope over the distance. Inside the core the energy is a straight line in r^2."""
    far, over = (jnp.maximum(r, core), jnp.minimum(over, 1 / core)) if softens(core) else (r, over)
    z = jnp.maximum(1 - far * (1 / closest), 0)
    slope = (-3 * strength / closest) * z * z * over
    energy = strength * z * z * z
    return (energy + slope * (r2 - far * far) / 2 if softens(core) else energy), slope


def _groups(counts: Counts) -> list[range]:
    """The radial functions whose sum is each of the angular ones: as many each, side by side."""
    ends = [k * counts.radial // counts.angular for k in range(counts.angular + 1)]
    return [range(*pair) for pair in pairwise(ends)]


def _bells(centres: Array, log: Array, inverse: Array) -> _Bells:
    """All functions from three exponentials: exp(-(y - j)^2 / 2) = exp(-(y - j + 1)^2 / 2) exp(y) exp(1/2 - j)."""
    n = centres.shape[0]
    middle, rate = n // 2, 1 / (centres[1] - centres[0])
    y = (log - centres[middle]) * rate
    up, down = jnp.exp(y), jnp.exp(-y)
    values = {0: jnp.exp(y * y * -0.5)}
    for j in range(1, n - middle):
        values[j] = values[j - 1] * (up * math.exp(0.5 - j))
    for j in range(1, middle + 1):
        values[-j] = values[1 - j] * (down * math.exp(0.5 - j))
    return _Bells([values[j] for j in range(-middle, n - middle)], y, middle, inverse * rate)


def _sum_and_slope(bells: _Bells, factors: list[Array]) -> tuple[Array, Array]:
    """The weighted sum of the functions, and its derivative with respect to the distance."""
    parts = [a * v for a, v in zip(factors, bells.values, strict=True)]
    total = _summed(parts)
    shifted = sum(((k - bells.middle) * part for k, part in enumerate(parts)), jnp.zeros_like(total))
    return total, (shifted - bells.y * total) * bells.rate


def _summed(values: list[Array]) -> Array:
    return sum(values[1:], values[0])


def _moments(h: Array, e: tuple[Array, ...]) -> list[Array]:
    vector = [h * x for x in e]
    return [*vector, *(vector[a] * e[b] for a, b in _FACES)]


def _dot(a, b) -> Array:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _inner(a, b) -> Array:
    """The sum of all products of the entries of two symmetric matrices."""
    return _dot(a, b) + 2 * _dot(a[3:], b[3:])


def _times(m, v, halved: bool = False) -> list[Array]:
    """The product with a vector. `halved`: the entries off the diagonal count both places, as a derivative has them."""
    o = [x / 2 for x in m[3:]] if halved else m[3:]
    return [
        m[0] * v[0] + o[0] * v[1] + o[1] * v[2],
        o[0] * v[0] + m[1] * v[1] + o[2] * v[2],
        o[1] * v[0] + o[2] * v[1] + m[2] * v[2],
    ]


def _square(m) -> list[Array]:
    rows = [(m[0], m[3], m[4]), (m[3], m[1], m[5]), (m[4], m[5], m[2])]
    return [_dot(rows[a], rows[b]) for a, b in _FACES]
