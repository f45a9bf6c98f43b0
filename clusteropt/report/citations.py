"""The works to cite: the program, the method of its learned optimizer, and the sources of parameter sets."""

import re
from dataclasses import dataclass

from clusteropt import __version__
from clusteropt.potentials.parameters import ParameterSet

_SPECIAL = {"\\": r"\textbackslash{}", **{c: f"\\{c}" for c in "&%$#_{}"}}  # characters that LaTeX escapes


@dataclass(frozen=True)
class Citation:
    """One work to cite."""

    key: str  # the key of its BibTeX entry
    purpose: str  # when to cite it
    kind: str  # the kind of BibTeX entry
    fields: dict[str, str]  # BibTeX field -> LaTeX text
    text: str
    doubt: str = ""  # the reason not to trust it; empty without one

    @property
    def doi(self) -> str:
        return self.fields.get("doi", "")

    @property
    def bibtex(self) -> str:
        lines = [f"  {name} = {{{value}}}" for name, value in self.fields.items()]
        return ",\n".join([f"@{self.kind}{{{self.key}", *lines]) + "\n}"

    def record(self) -> dict[str, str]:
        """The citation as an object for JSON, without empty entries."""
        about = {"key": self.key, "purpose": self.purpose, "text": self.text, "doi": self.doi, "doubt": self.doubt}
        return {name: value for name, value in about.items() if value} | {"bibtex": self.bibtex}


PROGRAM = Citation(
    "clusteropt",
    "the program",
    "misc",
    {
        "author": "{The clusteropt developers}",
        "title": "clusteropt: lowest-energy structures of atomic clusters",
        "note": f"Version {__version__}",
        "year": "2026",
    },
    f"The clusteropt developers, clusteropt: lowest-energy structures of atomic clusters, version {__version__} (2026)",
)
METHOD = Citation(
    "merchant2021learn2hop",
    "the method of the learned optimizer and its training",
    "inproceedings",
    {
        "author": "Merchant, Amil and Metz, Luke and Schoenholz, Samuel S. and Cubuk, Ekin D.",
        "title": "{Learn2Hop}: Learned Optimization on Rough Landscapes",
        "booktitle": "Proceedings of the 38th International Conference on Machine Learning",
        "series": "Proceedings of Machine Learning Research",
        "volume": "139",
        "pages": "7643--7653",
        "year": "2021",
        "url": "https://proceedings.mlr.press/v139/merchant21a.html",
    },
    "A. Merchant, L. Metz, S. S. Schoenholz and E. D. Cubuk, Learn2Hop: Learned Optimization on Rough Landscapes, "
    "Proceedings of the 38th International Conference on Machine Learning, PMLR 139, 7643-7653 (2021)",
)


def of_potential(chosen: ParameterSet) -> Citation:
    """The source of a parameter set, as its TOML file states it."""
    years = set(re.findall(r"\b(?:18|19|20)\d\d\b(?=\))", chosen.source))
    source = "".join(_SPECIAL.get(c, c) for c in chosen.source)
    fields = {"title": f"Parameters {chosen.name}", "howpublished": source, "doi": chosen.doi}
    fields["year"] = years.pop() if len(years) == 1 else ""
    return Citation(
        chosen.name,
        f"the parameters {chosen.shown_name}",
        "misc",
        {name: value for name, value in fields.items() if value},
        chosen.source + f", doi:{chosen.doi}" * bool(chosen.doi),
        chosen.doubtful,
    )
