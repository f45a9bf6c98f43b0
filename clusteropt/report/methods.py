"""The works to cite for calculators that have a short name: the methods by which they compute."""

from clusteropt.potentials.calculators.recipe import SHORT
from clusteropt.report.citations import Citation


def _article(
    key: str, purpose: str, authors: str, about: tuple[str, ...], short: str, kind: str = "article"
) -> Citation:
    """A paper. `about` is title, journal, volume, pages, year and DOI; `short` the text up to the DOI."""
    names = ("title", "journal", "volume", "pages", "year", "doi")
    fields = {"author": authors, **dict(zip(names, about, strict=True))}
    return Citation(key, purpose, kind, fields, f"{short}, doi:{fields['doi']}")


GFN1 = _article(
    "grimme2017gfn1",
    "the method GFN1-xTB",
    "Grimme, Stefan and Bannwarth, Christoph and Shushkov, Philip",
    (
        "A Robust and Accurate Tight-Binding Quantum Chemical Method for Structures, Vibrational Frequencies, and Noncovalent "
        "Interactions of Large Molecular Systems Parametrized for All spd-Block Elements ({Z} = 1--86)",
        "Journal of Chemical Theory and Computation",
        "13",
        "1989--2009",
        "2017",
        "10.1021/acs.jctc.7b00118",
    ),
    "S. Grimme, C. Bannwarth and P. Shushkov, J. Chem. Theory Comput. 13, 1989 (2017)",
)
GFN2 = _article(
    "bannwarth2019gfn2",
    "the method GFN2-xTB",
    "Bannwarth, Christoph and Ehlert, Sebastian and Grimme, Stefan",
    (
        "{GFN2-xTB}: An Accurate and Broadly Parametrized Self-Consistent Tight-Binding Quantum Chemical Method with Multipole "
        "Electrostatics and Density-Dependent Dispersion Contributions",
        "Journal of Chemical Theory and Computation",
        "15",
        "1652--1671",
        "2019",
        "10.1021/acs.jctc.8b01176",
    ),
    "C. Bannwarth, S. Ehlert and S. Grimme, J. Chem. Theory Comput. 15, 1652 (2019)",
)
EMT = _article(
    "jacobsen1996emt",
    "the effective medium theory",
    r"Jacobsen, K. W. and Stoltze, P. and N{\o}rskov, J. K.",
    (
        "A semi-empirical effective medium theory for metals and alloys",
        "Surface Science",
        "366",
        "394--402",
        "1996",
        "10.1016/0039-6028(96)00816-3",
    ),
    "K. W. Jacobsen, P. Stoltze and J. K. Nørskov, Surf. Sci. 366, 394 (1996)",
)
CHGNET = _article(
    "deng2023chgnet",
    "the potential CHGNet",
    "Deng, Bowen and Zhong, Peichen and Jun, KyuJung and Riebesell, Janosh and Han, Kevin and Bartel, Christopher J. and "
    "Ceder, Gerbrand",
    (
        "{CHGNet} as a pretrained universal neural network potential for charge-informed atomistic modelling",
        "Nature Machine Intelligence",
        "5",
        "1031--1041",
        "2023",
        "10.1038/s42256-023-00716-3",
    ),
    "B. Deng et al., Nat. Mach. Intell. 5, 1031 (2023)",
)
LAMMPS = _article(
    "thompson2022lammps",
    "the program LAMMPS (cite the work on the pair style too)",
    "Thompson, A. P. and Aktulga, H. M. and Berger, R. and Bolintineanu, D. S. and Brown, W. M. and Crozier, P. S. and "
    "{in 't Veld}, P. J. and Kohlmeyer, A. and Moore, S. G. and Nguyen, T. D. and Shan, R. and Stevens, M. J. and Tranchida, J. "
    "and Trott, C. and Plimpton, S. J.",
    (
        "{LAMMPS} -- a flexible simulation tool for particle-based materials modeling at the atomic, meso, and continuum scales",
        "Computer Physics Communications",
        "271",
        "108171",
        "2022",
        "10.1016/j.cpc.2021.108171",
    ),
    "A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022)",
)
MACE = Citation(
    "batatia2022mace",
    "the method MACE (cite the work on the model too)",
    "inproceedings",
    {
        "author": r"Batatia, Ilyes and Kov{\'a}cs, D{\'a}vid P{\'e}ter and Simm, Gregor N. C. and Ortner, Christoph and "
        r"Cs{\'a}nyi, G{\'a}bor",
        "title": "{MACE}: Higher Order Equivariant Message Passing Neural Networks for Fast and Accurate Force Fields",
        "booktitle": "Advances in Neural Information Processing Systems",
        "volume": "35",
        "year": "2022",
        "eprint": "2206.07697",
        "archiveprefix": "arXiv",
    },
    "I. Batatia et al., Advances in Neural Information Processing Systems 35 (2022), arXiv:2206.07697",
)
_WORKS = {
    "emt": EMT,
    "tblite:GFN1-xTB": GFN1,
    "tblite:GFN2-xTB": GFN2,
    "chgnet": CHGNET,
    "mace": MACE,
    "lammps": LAMMPS,
}


def is_of_calculator(name: str) -> bool:
    """True for a name that begins as that of a calculator, as results and --calculator write it."""
    return _head(name).partition(":")[0] in SHORT


def work_of(name: str) -> Citation | None:
    """The work of the calculator of that name, such as 'tblite:GFN1-xTB charge=1'; None where none is known."""
    head = _head(name)
    return _WORKS.get(head) or _WORKS.get(head.partition(":")[0])


def known() -> tuple[str, ...]:
    """The names under which there are works."""
    return tuple(_WORKS)


def _head(name: str) -> str:
    """The name without options but the method; the short one of a calculator that was named as module:Class."""
    head, *options = name.split(" ")
    at = {about.place: short for short, about in SHORT.items()}
    short, _, value = at.get(head, head).partition(":")
    argument = SHORT[short].argument if short in SHORT else ""
    value = next((one.partition("=")[2] for one in options if argument and one.startswith(f"{argument}=")), value)
    return f"{short}:{value}" if value else short
