"""A parameter set: the numbers of a form for some elements, with their units and their source."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clusteropt.errors import UsageError
from clusteropt.potentials.base import Potential
from clusteropt.potentials.form import form_of
from clusteropt.runtime.resources import names


@dataclass(frozen=True)
class ParameterSet:
    """The contents of a checked parameter file."""

    name: str
    form: str
    elements: tuple[str, ...]
    units: dict[str, str]
    source: str
    doi: str
    pairs: dict[tuple[str, str], dict[str, float]]  # under both orders of the elements
    triples: dict[tuple[str, str, str], dict[str, float]]  # the centre first; under both orders of its neighbours
    default_for: tuple[str, ...]
    doubtful: str
    notes: str
    options: dict[str, Any]  # values of the form's `set_keys`
    own: bool = field(default=False, compare=False)  # True for a file of the user, False for a shipped set

    def covers(self, elements: tuple[str, ...]) -> bool:
        return all((a, b) in self.pairs for a in elements for b in elements)

    def potential(self, elements: tuple[str, ...]) -> Potential:
        """The potential for clusters of these elements, which it holds in the order of the set.

        Raises UsageError where the set lacks an element or a pair.
        """
        chosen = tuple(e for e in self.elements if e in elements)
        missing = [e for e in elements if e not in self.elements]
        missing += [f"{a}-{b}" for a in chosen for b in chosen if (a, b) not in self.pairs and a <= b]
        if missing:
            raise UsageError(
                f"potential '{self.name}' has no parameters for {', '.join(missing)}; it knows {self.describe_pairs()}; "
                "see `clusteropt potentials list`"
            )
        tables = form_of(self.form).tables(self, chosen)
        return Potential(
            parameters=tables.values,
            form=self.form,
            name=self.shown_name,
            elements=chosen,
            energy_unit=self.units["energy"],
            length_unit=self.units["length"],
            length=float(tables.length),
            energy=float(tables.energy),
            cutoff=None if tables.cutoff is None else float(tables.cutoff),
        )

    def at_rest(self, elements: tuple[str, ...]) -> Potential:
        """The potential for clusters that are not moved. Raises as `potential`."""
        return self.potential(elements)

    @property
    def shown_name(self) -> str:
        """The name in messages. A user's set with the name of a shipped set is marked `(own)`."""
        return f"{self.name} (own)" if self.own and self.name in names("potentials", ".toml") else self.name

    def describe_pairs(self) -> str:
        return ", ".join(sorted({"-".join(sorted(pair)) if pair[0] != pair[1] else pair[0] for pair in self.pairs}))

    def record(self) -> dict[str, Any]:
        """The set as an object for JSON, without its numbers."""
        return {
            "name": self.name,
            "form": self.form,
            "elements": list(self.elements),
            "default_for": list(self.default_for),
            "units": self.units,
            "source": self.source,
            "doi": self.doi,
            "doubtful": self.doubtful,
            "notes": self.notes.strip(),
        }

    def table(self, key: str, elements: tuple[str, ...]) -> np.ndarray:
        """(n_species, n_species) values of the pair parameter `key`, in its unit."""
        return np.array([[self.pairs[a, b][key] for b in elements] for a in elements])

    def triple_table(self, key: str, elements: tuple[str, ...]) -> np.ndarray:
        """(n_species, n_species, n_species) values of the triple parameter `key`, the centre first."""
        return np.array([[[self.triples[a, b, c][key] for c in elements] for b in elements] for a in elements])
