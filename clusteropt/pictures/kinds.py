"""Any kind of picture by its name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from clusteropt.pictures import batches, costs, minima, series, shapes
from clusteropt.records.batches import Batch
from clusteropt.records.costs import Costs
from clusteropt.records.minima import Composition, Minima
from clusteropt.records.origin import Units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawing = Callable[[], "Figure"]


def of_minima(found: Minima) -> dict[str, Drawing]:
    """The pictures that there are of all compositions together, by kind."""
    known = [one for one in found.series if one.energy is not None]
    able = {
        "series": (len(known) > 2, lambda: series.series(found.series, found.units)),
        "mixing": (any(one.excess for one in found.mixtures), lambda: shapes.mixing(found)),
    }
    return {name: draw for name, (can, draw) in able.items() if can}


def of_composition(own: Composition, units: Units) -> dict[str, Drawing]:
    """The pictures that there are of one composition, by kind."""
    own = own._replace(models=tuple(one for one in own.models if shapes.is_sound(one)))
    large = bool(own.models)
    able = {
        "ladder": (bool(own.levels), lambda: minima.ladder(own, units)),
        "hits": (any(one.n_reached for one in own.levels), lambda: minima.hits(own, units)),
        "progress": (any(one.energies for one in own.courses), lambda: minima.progress(own, units)),
        "radial": (large, lambda: shapes.radial(own, units)),
        "coordination": (large, lambda: shapes.coordination(own, units)),
        "segregation": (large and shapes.is_alloy(own), lambda: shapes.segregation(own, units)),
    }
    return {name: draw for name, (can, draw) in able.items() if can}


def of_batch(batch: Batch) -> dict[str, Drawing]:
    """The pictures that there are of a batch, by kind."""
    able = {
        "status": (batch.total > 0, lambda: batches.status(batch)),
        "energies": (any(one.energy is not None for one in batch.ended), lambda: batches.energies(batch)),
        "slowest": (bool(batch.slowest), lambda: batches.slowest(batch)),
    }
    return {name: draw for name, (can, draw) in able.items() if can}


def of_costs(found: Costs) -> dict[str, Drawing]:
    """The pictures that there are of scores, by kind."""
    able = {
        "scores": (bool(found.clusters), lambda: costs.per_hit(found.clusters)),
        "networks": (bool(found.networks), lambda: costs.errors(found.networks)),
    }
    return {name: draw for name, (can, draw) in able.items() if can}
