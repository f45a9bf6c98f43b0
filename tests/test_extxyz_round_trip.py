"""All that stands in info and arrays survives a file of ours, read by us and, as far as ASE's reader goes, by ASE."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read
from ase.io.extxyz import key_val_str_to_dict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from clusteropt.engine.step import Status
from clusteropt.io.extxyz import atoms_of, blocks, text_of
from clusteropt.io.extxyz.comments import MORE, comment_of
from clusteropt.result import failed

often = pytest.mark.parametrize("n", [50, pytest.param(2000, marks=pytest.mark.slow)])


def holds(law: Callable[..., None], n: int, *strategies: st.SearchStrategy) -> None:
    settings(max_examples=n)(given(*strategies)(law))()


letters = [
    *"\"'{}[]\\=,:%\n\t\0",
    "",
    " ",
    "  a ",
    "\r\n",
    "a b",
    "x=y",
    "µ",
    "金",
    "\u2028",
    "\xa0",
    "\ud800",
    "\\n",
    '\\"',
    "'\"",
]
numerals = ["5", "-1e5", "0x1", "1_0", "nan", "inf", "T", "F", "true", "TRUE", "T F", "1 2", "1,2", "None"]
phrases = [
    "_JSON",
    "_JSON 5",
    "_JSON {",
    'name="" Lattice="1 0 0 0 1 0 0 0 1"',
    "Properties=species:S:1",
    "Lattice",
    "end=",
]
awkward = st.sampled_from([*letters, *numerals, *phrases])
texts = st.one_of(awkward, st.text(max_size=6), st.lists(awkward, max_size=4).map("".join))
floats = st.floats(allow_nan=True, allow_infinity=True)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-9, 9), floats, texts)
numpy_scalars = st.one_of(
    st.integers(-128, 127).map(np.int8),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.floats(width=32).map(np.float32),
    floats.map(np.float64),
    st.booleans().map(np.bool_),
    texts.map(np.str_),
)
kinds = st.sampled_from(["bool", "int8", "int32", "int64", "uint64", "float32", "float64", "complex128"])
shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
numpy_arrays = st.one_of(
    kinds.flatmap(lambda kind: npst.arrays(kind, shapes)),
    st.lists(texts, max_size=3).map(lambda values: np.array(values, "U8" if not values else None)),
)
nested = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
values = st.one_of(scalars, numpy_scalars, numpy_arrays, nested)
special = st.sampled_from(
    [
        "Lattice",
        "Properties",
        "pbc",
        "virial",
        "stress",
        "energy",
        "forces",
        "dipole",
        "uid",
        "UID",
        "comment",
        MORE,
        "VEC1",
    ]
)
infos = st.dictionaries(st.one_of(texts, special), values, max_size=4)
names = st.one_of(
    texts,
    st.sampled_from(
        ["a", "a0", "pos", "pos0", "Z", "charge", "charges", "forces", "move_mask", "momenta", "tags", "masses"]
    ),
    st.sampled_from(["species", "symbols", "species0", "move_mask0", "a b", "a:b", "initial_magmoms", "energies"]),
)
parts = st.sampled_from([(), (1,), (2,), (3, 3), (0,), (1, 1)])
words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=5)


@st.composite
def frames(draw, cell: bool = True) -> Atoms:
    n = draw(st.integers(1, 3))
    atoms = Atoms(["Au"] * n, positions=draw(npst.arrays(float, (n, 3), elements=st.floats(-1e6, 1e6))))
    atoms.info = draw(infos)
    for name, part in draw(st.dictionaries(names, parts, max_size=3)).items():
        if draw(st.booleans()):
            atoms.arrays[name] = draw(npst.arrays(draw(kinds), (n, *part)))
        else:
            size = n * int(np.prod(part))
            some = draw(st.lists(draw(st.sampled_from([words, texts])), min_size=size, max_size=size))
            atoms.arrays[name] = np.array(some, object).reshape(n, *part)
    if cell and draw(st.booleans()):
        atoms.set_cell([7, 8, 9])
        atoms.pbc = draw(st.booleans())
    if draw(st.booleans()):
        atoms.set_constraint(FixAtoms([0]))
    if draw(st.booleans()):
        atoms.calc = SinglePointCalculator(atoms, energy=draw(st.floats(-1e6, 1e6)), forces=atoms.positions + 1)
    return atoms


def equal(a: Any, b: Any) -> bool:
    """True where b is a, but for what extended XYZ does not tell apart: lists, tuples and arrays, and the width of numbers."""
    if isinstance(a, str):
        return isinstance(b, str) and "".join(a) == b
    if isinstance(a, (np.ndarray, np.generic)):
        a = a.tolist()
    if isinstance(b, (np.ndarray, np.generic)):
        b = b.tolist()
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if a != a:
        return b != b
    return bool(a == b) and (type(a) is type(b) or {type(a), type(b)} == {int, float})


def same_shape(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and equal(a, b)


def ours(text: str) -> list[Atoms]:
    file = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    return [atoms_of(block) for block in blocks(file)]


def by_ase(text: str) -> list[Atoms]:
    return read(io.StringIO(text), index=":", format="extxyz")  # type: ignore[return-value]


def law_of_round_trips(given_frames: list[Atoms]) -> None:
    found = ours(text_of(given_frames))
    assert len(found) == len(given_frames)
    for atoms, before in zip(found, given_frames, strict=True):
        assert atoms == before or atoms.arrays.keys() != {"numbers", "positions"}
        assert np.array_equal(atoms.cell, before.cell)
        assert atoms.pbc.tolist() == before.pbc.tolist()
        assert [c.index.tolist() for c in atoms.constraints] == [c.index.tolist() for c in before.constraints]
        assert equal(before.info, atoms.info)
        assert atoms.arrays.keys() == before.arrays.keys()
        assert all(same_shape(before.arrays[name], atoms.arrays[name]) for name in before.arrays)
        if before.calc is not None:
            assert atoms.calc.results.keys() == before.calc.results.keys()
            assert equal(before.calc.results, atoms.calc.results)


def law_of_ase(given_frames: list[Atoms]) -> None:
    """ASE finds as many frames, with the cells and atoms they have, and nothing in info that was not there."""
    found = by_ase(text_of(given_frames))
    assert len(found) == len(given_frames)
    for atoms, before in zip(found, given_frames, strict=True):
        assert np.array_equal(atoms.positions, before.positions)
        assert atoms.numbers.tolist() == before.numbers.tolist()
        assert np.array_equal(atoms.cell, before.cell)
        assert atoms.pbc.tolist() == before.pbc.tolist()
        assert [c.index.tolist() for c in atoms.constraints] == [c.index.tolist() for c in before.constraints]
        more = atoms.info.pop(MORE, {})
        assert atoms.info.keys() | more.get("info", {}).keys() == before.info.keys()
        assert all(equal(before.info[key], atoms.info[key]) for key in atoms.info)
        assert atoms.arrays.keys() | more.get("arrays", {}).keys() == before.arrays.keys()
        assert all(equal(before.arrays[name].ravel(), atoms.arrays[name].ravel()) for name in atoms.arrays)
        if before.calc is not None:
            assert equal(before.calc.results, atoms.calc.results)


def law_of_results(atoms: Atoms) -> None:
    """Info and arrays of a structure stand in its result, and are read again, but for energies of another program."""
    result = failed(atoms, Status.UNREADABLE, "a problem")
    own = {key: value for key, value in atoms.info.items() if key not in all_properties}
    for text in (result.text, text_of([result.atoms])):
        (found,) = ours(text)
        assert found.info.pop("status") == "unreadable"
        assert equal(own, {key: found.info[key] for key in own})
        assert all(same_shape(atoms.arrays[name], found.arrays[name]) for name in atoms.arrays)


inside = st.text(st.sampled_from("ab 15.-TF,=:_/µ"), min_size=1, max_size=6)
quoted = st.one_of(
    st.tuples(inside, st.sampled_from(['""', "''", "{}", "[]"])).map(lambda given: given[0].join(given[1])),
    inside.map(lambda text: f'"{text}\\"{text}"'),
    st.sampled_from(["\\ x", "\\=", 'a"b c"d', "1,2", "T,F", '"_JSON [1, 2]"', "1.0D+00"]),
)
bare = st.text(st.sampled_from("ab1-.:}]"), min_size=1, max_size=4)
value_words = st.one_of(bare, quoted)
key_words = st.one_of(bare, st.sampled_from(['"a b"', "a\\ b", "uid", '"a=b"', "energy", "pbc", "name"]))
signs = st.sampled_from(["=", " = ", "= ", " ="])
pairs = st.one_of(
    key_words, st.tuples(key_words, signs, value_words).map("".join), st.sampled_from(["k=a=b", "k==b", "k=1 =2"])
)
empty = st.sampled_from(['=""', "=''", "={}", "=[]", '=""""', "=", " =", ' = ""'])


def meaning(line: str) -> dict[str, Any]:
    found = comment_of(line)
    assert not found.info.keys() & found.words.keys()
    return found.info | found.words


def law_of_comments(given_pairs: list[str], gap: str) -> None:
    """Without empty values a comment means what it means to ASE."""
    line = gap.join(given_pairs).strip()
    assert repr(meaning(line)) == repr(key_val_str_to_dict(line) if line else {})


def law_of_empty_values(
    before: list[str], names_given: list[str], spelling: str, after: list[tuple[str, str, str]]
) -> None:
    """An empty value is an empty string, and the pairs around it mean what they mean without it."""
    rest = ["".join(pair) for pair in after]
    empties = [f"empty{k}{name}{spelling}" for k, name in enumerate(names_given)]
    without = " ".join([*before, *rest])
    expected = key_val_str_to_dict(without) if without else {}
    found = meaning(" ".join([*before, *empties, *rest]))
    assert {key: found.pop(key) for key in list(found) if key.startswith("empty")} == {
        f"empty{k}{name}": "" for k, name in enumerate(names_given)
    }
    assert repr(found) == repr(expected)


@often
def test_comments_mean_what_they_mean_to_ase(n):
    holds(law_of_comments, n, st.lists(pairs, max_size=5), st.sampled_from([" ", "  ", "\t"]))


@often
def test_an_empty_value_takes_nothing_from_its_neighbours(n):
    lattice = st.tuples(st.just("Lattice"), signs, st.just('"9 0 0 0 9 0 0 0 9"'))
    after = st.lists(st.one_of(lattice, st.tuples(key_words, signs, value_words)), max_size=3)
    named = st.lists(st.sampled_from(["", "x", "_y"]), min_size=1, max_size=3)
    holds(
        law_of_empty_values,
        n,
        st.lists(st.tuples(key_words, signs, value_words).map("".join), max_size=3),
        named,
        empty,
        after,
    )


@pytest.mark.parametrize(
    ("line", "info"),
    [
        ("=== frame 1 ===", {"frame": True, "1": "=="}),
        ("Lattice constant and stress", {"Lattice": True, "constant": True, "and": True, "stress": True}),
        (
            "Properties of Murrell's cluster a=5",
            {"Properties": True, "of": True, "Murrell's": True, "cluster": True, "a": 5},
        ),
        ('Lattice="" pbc="" energy="" a=5', {"Lattice": "", "pbc": "", "energy": "", "a": 5}),
        ('rows="_JSON [[1], [2, 3]]" text="_JSON {" a=5', {"rows": [[1], [2, 3]], "text": "_JSON {", "a": 5}),
        ('"" = 5', {"": 5}),
    ],
)
def test_sentences_and_what_ase_fails_at_are_read(line, info):
    (atoms,) = ours(f"1\n{line}\nX 0 0 0\n")
    assert atoms.info == info
    assert not atoms.pbc.any()
    (again,) = ours(text_of([atoms]))
    assert again.info == info


def test_a_lattice_with_exponents_of_fortran_is_one():
    (atoms,) = ours('1\nLattice="9.0D+00 0 0 0 9.0d0 0 0 0 9" a=1D5\nX 0 0 0\n')
    assert np.array_equal(atoms.cell, np.eye(3) * 9)
    assert atoms.info == {"a": "1D5"}


def test_what_no_file_can_hold_is_named_and_costs_nothing_else():
    atoms = Atoms("X", info={"thing": {1, 2}, 5: "five", "5": "text", "kept": b"bytes", "a": ""})
    with pytest.warns(UserWarning, match="'thing', 5, 'kept': left out, because extended XYZ cannot hold it"):
        text = text_of([atoms])
    assert ours(text)[0].info == {"5": "text", "a": ""}


def test_what_another_program_has_changed_stays_readable():
    atoms = Atoms("X2", info={"": 1})
    atoms.arrays["text"] = np.array(["a b", ""], object)
    text = text_of([atoms]).replace("2\n", "1\n", 1).rsplit("\n", 2)[0] + "\n"  # one atom is gone
    (found,) = ours(text)
    assert found.info.keys() == {MORE}


@often
def test_info_and_arrays_survive_a_file(n):
    holds(law_of_round_trips, n, st.lists(frames(), min_size=1, max_size=3))


@often
def test_info_and_arrays_survive_a_result(n):
    holds(law_of_results, n, frames())


@often
def test_ase_reads_what_is_written(n):
    holds(law_of_ase, n, st.lists(frames(), min_size=1, max_size=3))
