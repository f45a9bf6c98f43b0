"""The message for elements without a default potential: the reason, the nearest parameter sets, and the cure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clusteropt.words import numbered

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet

_MOLECULAR = frozenset({"H", "B", "C", "O", "F", "P", "S", "Cl", "Se", "Br", "I"})
_SCOPE = "there are rare gases, metals, some alloys and silicon"
_CURE = "--potential FILE.toml takes parameters of your own, `clusteropt potentials list` shows the shipped ones"


def refusal(elements: tuple[str, ...], sets: Sequence["ParameterSet"]) -> str:
    """The reason why these elements have no default potential, and the cure, in one line. `sets` are the shipped ones."""
    serving = [offered(chosen, elements) for chosen in sets if chosen.covers(elements)]
    if serving:
        return f"name one with --potential: {', '.join(serving)}"
    known = {element for chosen in sets for element in chosen.elements}
    unknown = [element for element in elements if element not in known]
    if any(element in _MOLECULAR for element in unknown):
        return f"molecules, carbon and oxides are out of scope, {_SCOPE}: take a program such as xtb; {_CURE}"
    if unknown:
        return f"no shipped set has parameters for {', '.join(unknown)}, {_SCOPE}: {_CURE}"
    return f"{_without_pairs(elements, sets)}: {_CURE}"


def offered(chosen: "ParameterSet", elements: tuple[str, ...]) -> str:
    """The name of a set as a suggestion for these elements, with a doubt about it or the elements that it was made for."""
    if chosen.doubtful:
        return f"{chosen.name} (doubtful: {chosen.doubtful})"
    fit = not chosen.default_for or any(set(elements) == set(system.split("-")) for system in chosen.default_for)
    return chosen.name if fit else f"{chosen.name} (made for {', '.join(chosen.default_for)})"


def _without_pairs(elements: tuple[str, ...], sets: Sequence["ParameterSet"]) -> str:
    """The missing pairs in words: those that no set has, or else those that the nearest set lacks."""
    pairs = [(a, b) for k, a in enumerate(elements) for b in elements[k + 1 :]]
    nowhere = [pair for pair in pairs if not any(pair in chosen.pairs for chosen in sets)]
    if nowhere:
        return f"no shipped set has the {numbered(len(nowhere), 'pair')} {_named(nowhere)}"
    nearest = min(sets, key=lambda chosen: _lacking(chosen, elements, pairs))
    missing = [pair for pair in pairs if pair not in nearest.pairs]
    return f"no shipped set has all their pairs, and sets cannot be mixed ({nearest.name} lacks {_named(missing)})"


def _lacking(chosen: "ParameterSet", elements: tuple[str, ...], pairs: list[tuple[str, str]]) -> tuple[int, int]:
    """The numbers of elements and of pairs that the set lacks."""
    return len(set(elements) - set(chosen.elements)), sum(pair not in chosen.pairs for pair in pairs)


def _named(pairs: list[tuple[str, str]]) -> str:
    return ", ".join("-".join(pair) for pair in pairs)
