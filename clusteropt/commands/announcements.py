"""The messages of `minimize` and `energy` about structures: how they are computed, and doubts about them."""

from collections.abc import Sequence

from clusteropt.io import cards, doubts
from clusteropt.io.reading import Frame
from clusteropt.optimizers.learned import weights
from clusteropt.potentials.base import Potential
from clusteropt.potentials.calculators import known
from clusteropt.result import Result
from clusteropt.search.local import criterion_for
from clusteropt.settings.config import MinimizeSettings
from clusteropt.words import counted, listed

Row = tuple[str, Result]  # label and result
_NAMED = 3  # structures that a message names


def before(potential: Potential, frames: Sequence[Frame], settings: MinimizeSettings, move: bool) -> list[str]:
    """Messages before structures with one potential are computed: the potential, the criterion of convergence, doubts."""
    how = ("as asked for " if settings.potential else "default for ") + "-".join(potential.elements)
    said = [f"potential {potential.name} ({how}; {potential.energy_unit}, {potential.length_unit})"]
    said += scales_of(potential) if move else []
    method = settings.method()
    searches = move and method.search is not None
    if move:
        criterion = criterion_for(method.local, potential)
        limit = f"{criterion.norm} <= {criterion.tolerance:.3g} {potential.force_unit}"
        by = "" if searches and all(frame.atoms.pbc.all() for frame in frames) else f", by {settings.optimizer}"
        said.append(f"converged at {limit}{by}")
    units = _of_units(frames, potential) if move or not potential.calculator else []  # else no length is known
    return said + (_of_boxes(frames, potential) if searches else []) + units


def scales_of(potential: Potential) -> list[str]:
    """A message about the scales of a calculator; none about other potentials."""
    if not potential.calculator:
        return []
    length, energy = (
        f"{potential.length:.3g} {potential.length_unit}",
        f"{potential.energy:.3g} {potential.energy_unit}",
    )
    why = "these scales set the lengths of steps; for molecules give those of a bond, as --calculator-scales 1,4"
    return [f"calculator {potential.name}: nearest neighbours at {length}, {energy} a bond; {why}"]


def _of_boxes(frames: Sequence[Frame], potential: Potential) -> list[str]:
    """Messages that periodic boxes are not searched: one per kind, each with its first structure."""
    first: dict[str, Frame] = {}
    for frame in frames:
        first.setdefault(doubts.of_box(frame.atoms, potential), frame)
    return [f"{frame.label}: {box}" for box, frame in first.items() if box]


def _of_units(frames: Sequence[Frame], potential: Potential) -> list[str]:
    """Warnings about the units of length. Only the first structure of each file is checked."""
    first: dict[str, Frame] = {}
    for frame in frames:
        first.setdefault(frame.source, frame)
    said = [(frame.label, doubts.of_units(frame.atoms, potential)) for frame in first.values()]
    return [f"warning: {label}: {doubt}" for label, doubt in said if doubt]


def after(rows: Sequence[Row], settings: MinimizeSettings, move: bool, written: bool) -> list[str]:
    """Messages when all structures are computed: doubts, and what output files lack where results are `written` to some."""
    learned = settings.method().learned if move else None
    said = [] if learned is None else [_of_training(rows, learned)]
    said += [*_of_saddles(rows), *doubts.in_one_line((label, result.outside) for label, result in rows)]
    apart = sum(result.status == "fragmented" for _, result in rows)
    if apart:
        said.append(f"{apart} of {counted(len(rows), 'structure')} came apart: start from denser structures")
    unusable = sum(not result.is_usable for _, result in rows)
    if unusable and written:
        verb = "is" if unusable == 1 else "are"
        said.append(
            f"{unusable} of {counted(len(rows), 'structure')} could not be used and {verb} missing from the output files"
        )
    return [message for message in [*said, known.failures(settings.potential)] if message]


def _of_saddles(rows: Sequence[Row]) -> list[str]:
    """A warning where structures have converged planar or linear; empty otherwise."""
    flat = [(label, result.flat) for label, result in rows if result.flat]
    if not flat:
        return []
    named = listed([label for label, _ in flat], _NAMED)
    return [doubts.of_saddles(named, len(flat), {kind for _, kind in flat})]


def _of_training(rows: Sequence[Row], learned: str) -> str:
    """One warning for all structures that the learned optimizer was not trained for; empty without any."""
    known = [
        (label, r.given.get_chemical_symbols(), r.potential)
        for label, r in rows
        if r.potential is not None and not r.problem and len(r.given) > 1 and not r.given.pbc.any()
    ]
    doubt = cards.doubts(weights.named(learned), known)
    return f"warning: {doubt}: check the gain, or see `clusteropt optimizers show {learned}`" if doubt else ""
