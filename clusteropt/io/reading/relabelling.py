"""Replaces the labels of atoms in text formats by elements before ASE reads them: AU, Au1, 79, or labels of --elements."""

import re
from collections.abc import Callable, Iterator

from ase.io.espresso import label_to_symbol

from clusteropt.io.extxyz import UnknownSymbol
from clusteropt.io.reading.labels import Symbols, element_of

_FOURTH = re.compile(r"^((?:\s*\S+){3}\s+)(\S+)")
_FIRST = re.compile(r"^(\s*)(\S+)(?=(?:\s+[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?){3,})")
_WORD = re.compile(r"^(\s*)([A-Za-z]\S*)(?=\s*$)")
_TAG = re.compile(r"(?<=[A-Za-z])\d+$")


def relabelled(kind: str, lines: list[str], symbols: Symbols | None) -> list[str]:
    """The lines of a record with elements as labels; `kind` is ASE's name of the format. Raises UnknownSymbol."""
    write = _WRITERS.get(kind)
    return lines if write is None else [*write(lines, symbols)]


def _replaced(pattern: re.Pattern[str], line: str, symbols: Symbols | None) -> str:
    return pattern.sub(lambda match: match[1] + element_of(match[2], symbols), line)


def _sdf(lines: list[str], symbols: Symbols | None) -> Iterator[str]:
    n_atoms = int(lines[3][:3]) if len(lines) > 3 else 0
    for k, line in enumerate(lines):
        yield _replaced(_FOURTH, line, symbols) if 4 <= k < 4 + n_atoms else line


def _gen(lines: list[str], symbols: Symbols | None) -> Iterator[str]:
    def tagged(label: str) -> str:  # ASE reads the number as a tag
        tag, element = _TAG.search(label), element_of(label, symbols)
        return element if tag is None or label in (symbols or {}) else element + tag[0]

    yield from lines[:1]
    yield from (" ".join(map(tagged, line.split())) for line in lines[1:2])
    yield from lines[2:]


def _vasp(lines: list[str], symbols: Symbols | None) -> Iterator[str]:
    def of_potcar(label: str) -> str:  # Na_pv/6a2f546d
        try:
            return element_of(label, symbols)
        except UnknownSymbol:
            return element_of(re.split("[/_]", label)[0], symbols)

    for k, line in enumerate(lines):
        is_symbols = k == 5 and line.strip() and not line.split()[0].isdigit()  # counts, in VASP 4
        yield " ".join(map(of_potcar, line.split())) if is_symbols else line


def _cfg(lines: list[str], symbols: Symbols | None) -> Iterator[str]:
    yield from (_replaced(_WORD, line, symbols) for line in lines)


def _xsf(lines: list[str], symbols: Symbols | None) -> Iterator[str]:
    yield from (_replaced(_FIRST, line, symbols) for line in lines)


def _pdb(lines: list[str], symbols: Symbols | None) -> Iterator[str]:
    for line in lines:
        yield _pdb_atom(line, symbols) if line.startswith(("ATOM", "HETATM")) else line


def _pdb_atom(line: str, symbols: Symbols | None) -> str:
    """A line with the element in columns 77 and 78. If they are empty, the element comes from the name of the atom."""
    labels = [label for label in (line[76:78].strip(), line[12:16].strip()) if label]
    for label in labels:
        try:
            return f"{line[:76]:76}{element_of(label, symbols):>2}{line[78:]}"
        except UnknownSymbol:
            continue
    try:
        label_to_symbol(labels[-1])
    except (KeyError, IndexError):
        raise UnknownSymbol(labels[0] if labels else "an atom without name and element") from None
    return line


def _dump(lines: list[str], symbols: Symbols | None) -> Iterator[str]:
    """The lines of a frame. A column of types gets a column of elements beside it, unless the frame has one."""
    head = next((k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS")), len(lines))
    columns = lines[head].split()[2:] if head < len(lines) else []
    named, typed = "element" in columns, "type" in columns and "mass" not in columns
    yield from lines[:head]
    for k, line in enumerate(lines[head:]):
        words = line.split()
        if named and k and len(words) == len(columns):
            place = columns.index("element")
            words[place] = element_of(words[place], symbols)
            yield " ".join(words)
        elif typed and not named and (k == 0 or len(words) == len(columns)):
            yield f"{line} {_of_type(words[columns.index('type')], symbols) if k else 'element'}"
        else:
            yield line


def _of_type(label: str, symbols: Symbols | None) -> str:
    """The element of a LAMMPS type, which is not an atomic number. Raises UnknownSymbol unless --elements names the type."""
    if not symbols or label not in symbols:
        raise UnknownSymbol(label)
    return symbols[label]


_WRITERS: dict[str, Callable[[list[str], Symbols | None], Iterator[str]]] = {
    "sdf": _sdf,
    "mol": _sdf,
    "gen": _gen,
    "vasp": _vasp,
    "cfg": _cfg,
    "xsf": _xsf,
    "proteindatabank": _pdb,
    "lammps-dump-text": _dump,
}
