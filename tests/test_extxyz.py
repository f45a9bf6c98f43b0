"""Extended XYZ, read and written frame by frame, is what ASE reads and writes, but for the digits."""

import io

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from clusteropt.io.extxyz import UnknownSymbol, XYZError, atoms_of, blocks, text_of
from clusteropt.io.extxyz.comments import NOT_INFO
from clusteropt.io.extxyz.pairs import same as same_values

numbers = st.floats(-1e6, 1e6)
words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
special = st.sampled_from(["T", "F", "true", "a b", "x=y", "[1]", '"', "1,2", "{3}", "-1e5", "0x1", "nan", "\\", "'"])
values = st.one_of(
    st.integers(-(10**12), 10**12),
    numbers,
    st.booleans(),
    words,
    special,
    st.lists(numbers, min_size=2, max_size=4).map(np.array),
)
# of the others ASE makes something else: results, the cell, the columns
names = words.filter(lambda word: word.isalpha() and word not in NOT_INFO)
infos = st.dictionaries(names, values, max_size=4)


@st.composite
def frames(draw) -> Atoms:
    n = draw(st.integers(1, 4))
    atoms = Atoms(draw(st.lists(st.sampled_from(["X", "Au", "Si"]), min_size=n, max_size=n)))
    atoms.positions = np.array(draw(st.lists(st.tuples(numbers, numbers, numbers), min_size=n, max_size=n)))
    atoms.info = draw(infos)
    kind = draw(st.integers(0, 4))
    if kind == 1:
        atoms.set_constraint(FixAtoms([0]))
    if kind == 2:
        atoms.set_cell([7, 8, 9])
        atoms.pbc = draw(st.booleans())
    if kind == 3:
        atoms.set_array("tag", np.arange(n))
    if kind == 4:
        forces = np.array(draw(st.lists(st.tuples(numbers, numbers, numbers), min_size=n, max_size=n)))
        atoms.calc = SinglePointCalculator(atoms, energy=draw(numbers), forces=forces)
    return atoms


def ours(text: str) -> list[Atoms]:
    return [atoms_of(block) for block in blocks(io.StringIO(text))]


def of_file(text: str, **options) -> list[Atoms]:
    """The frames of what stands in a file, byte for byte."""
    file = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    return [atoms_of(block, **options) for block in blocks(file)]


def same(a: Atoms, b: Atoms) -> bool:
    results = [{} if atoms.calc is None else atoms.calc.results for atoms in (a, b)]
    fixed = [[c.index.tolist() for c in atoms.constraints] for atoms in (a, b)]
    return bool(
        a == b
        and repr(a.info) == repr(b.info)
        and fixed[0] == fixed[1]
        and a.arrays.keys() == b.arrays.keys()
        and all(np.array_equal(a.arrays[name], b.arrays[name]) for name in a.arrays)
        and results[0].keys() == results[1].keys()
        and all(np.array_equal(results[0][name], results[1][name]) for name in results[0])
    )


@given(st.lists(frames(), min_size=1, max_size=3))
def test_what_ase_writes_is_read_as_ase_reads_it(given_frames):
    text = io.StringIO()
    write(text, given_frames, format="extxyz")
    theirs = read(io.StringIO(text.getvalue()), index=":", format="extxyz")
    assert all(map(same, ours(text.getvalue()), theirs))


@given(st.lists(frames(), min_size=1, max_size=3))
def test_what_is_written_is_read_by_ase_as_what_ase_writes_but_with_all_digits_and_every_string(given_frames):
    text, plain = text_of(given_frames), io.StringIO()
    write(plain, given_frames, format="extxyz")
    found = read(io.StringIO(text), index=":", format="extxyz")
    for atoms, before, theirs in zip(
        found, given_frames, read(io.StringIO(plain.getvalue()), index=":", format="extxyz"), strict=True
    ):
        np.testing.assert_array_equal(atoms.positions, before.positions)
        assert same_values(before.info, atoms.info)
        assert atoms.arrays.keys() == theirs.arrays.keys()
        if before.calc is not None:
            np.testing.assert_array_equal(atoms.get_forces(apply_constraint=False), before.calc.results["forces"])
            assert atoms.get_potential_energy() == theirs.get_potential_energy()


@pytest.mark.parametrize(
    "comment",
    ["", "free words here", "a=1 b=2.5 c=T d=F e", 'Properties=species:S:1:pos:R:3 n="1 2 3"', "energy=-3.5 x=1"],
)
def test_comments_of_other_programs_are_read_as_ase_reads_them(comment):
    text = f"2\n{comment}\nX 0 0 0\nau 1.5 -2e-3 +.5\n"
    (theirs,) = read(io.StringIO(text), index=":", format="extxyz")
    assert same(ours(text)[0], theirs)


def test_cell_vectors_behind_the_atoms_belong_to_the_frame():
    text = "1\ncomment\nX 0 0 0\nVEC1 5 0 0\nVEC2 0 5 0\nVEC3 0 0 5\n1\nother\nX 1 1 1\n"
    theirs = read(io.StringIO(text), index=":", format="extxyz")
    assert all(map(same, ours(text), theirs))
    assert ours(text)[0].pbc.all()


blanks = st.lists(st.sampled_from(["\n", " \n", "\t\n", "\ufeff", "\ufeff\n"]), max_size=3).map("".join)


@pytest.mark.parametrize("n", [50, pytest.param(2000, marks=pytest.mark.slow)])
def test_k_frames_with_blank_lines_and_byte_order_marks_between_them_are_k_frames(n):
    parts = st.lists(st.tuples(frames(), blanks), min_size=1, max_size=4)
    settings(max_examples=n)(given(parts, blanks, st.sampled_from(["\n", "\r\n"]))(k_in_k_out))()


def k_in_k_out(given_frames: list[tuple[Atoms, str]], end: str, newline: str) -> None:
    text = "".join(between + text_of([atoms]) for atoms, between in given_frames) + end
    found = of_file(text.replace("\n", newline))
    assert len(found) == len(given_frames)
    assert all(map(same, found, ours(text_of([atoms for atoms, _ in given_frames]))))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1\n\nX 0 0 0\n\n\nX 1 1 1\n", "line 6: expected the number of atoms of a frame, got 'X 1 1 1'"),
        ("1\n\nX 0 0 0\nVEC1 9 0 0\n\n 2\n\nX 0 0 0\n", "line 6: the last frame ends after 1 of 2 atoms"),
        ("\n-1\n", "line 2: a frame of -1 atoms"),
    ],
)
def test_a_file_that_goes_wrong_says_at_which_line(text, problem):
    with pytest.raises(XYZError) as caught:
        list(blocks(io.StringIO(text)))
    assert str(caught.value) == problem


labels = {"Au1": "Au", "AU": "Au", "au": "Au", "AU_12": "Au", "79": "Au", "X1": "X", "x": "X", "0": "X", "SI3": "Si"}
columns = st.sampled_from(["", "free words", "Properties=tag:I:1:species:S:1:pos:R:3", 'Lattice="9 0 0 0 9 0 0 0 9"'])


@given(st.lists(st.sampled_from(sorted(labels)), min_size=1, max_size=3), columns)
def test_labels_in_any_case_with_numbers_and_atomic_numbers_are_elements(given_labels, comment):
    tag = "5 " if "tag" in comment else ""
    text = f"{len(given_labels)}\n{comment}\n" + "".join(
        f"{tag}{label} 0 0 {k}\n" for k, label in enumerate(given_labels)
    )
    assert ours(text)[0].get_chemical_symbols() == [labels[label] for label in given_labels]


@pytest.mark.parametrize("comment", ["", "Properties=species:S:1:pos:R:3:tag:I:1"])
def test_a_label_that_is_no_element_is_named_and_can_be_mapped(comment):
    text = f"3\n{comment}\nSI 0 0 0 1\nXX 0 0 1 1\nsi2 0 0 2 1\n"
    with pytest.raises(UnknownSymbol) as caught:
        of_file(text)
    assert caught.value.symbol == "XX"
    assert "XX is not an element" in str(caught.value)
    for mapping, symbols in (
        ({"XX": "Au"}, ["Si", "Au", "Si"]),
        ({"XX": "Au", "SI": "X"}, ["X", "Au", "Si"]),
        ({"XX": "Au", "Si": "X"}, ["X", "Au", "X"]),
    ):
        assert of_file(text, symbols=mapping)[0].get_chemical_symbols() == symbols


exponents = st.sampled_from(["%.16fD+00", "%.16fd0", "%.16f", "%.16fE+00", "%.16fe+00", "%.16f+000"])


@given(st.lists(st.tuples(st.floats(-9, 9), exponents), min_size=3, max_size=3), columns)
def test_exponents_of_fortran_are_numbers(coordinates, comment):
    tag = "5 " if "tag" in comment else ""
    row = [written % value for value, written in coordinates]
    (atoms,) = ours(f"1\n{comment}\n{tag}X {' '.join(row)}\n")
    assert atoms.positions[0].tolist() == [float(f"{value:.16f}") for value, _ in coordinates]


@pytest.mark.parametrize("last", ["0", "0.5", "-1.25", "1e0"])
def test_a_frame_whose_last_coordinate_has_swallowed_the_next_count_is_not_given(last):
    """Files without a line break at their end, joined: 0.5 and a count of 2 make 0.52, which nobody wrote."""
    one = f"2\nx\nAu 0 0 0\nAu 2.7 0 {last}"
    found = []
    with pytest.raises(XYZError, match=r"line 4: .*join files"):
        found.extend(blocks(io.StringIO(one + one)))
    assert not found
    with pytest.raises(XYZError, match="line 5: expected"):  # what is no frame costs none
        found.extend(blocks(io.StringIO(f"{one}\nend of file\n")))
    assert len(found) == 1


@pytest.mark.parametrize("row", ["Au 0,0 0 0", "Au ****** 0 0", "Au 1.0E+ 0 0", "1 Au 0 0 0", "Au 0 0"])
def test_a_damaged_row_is_told_of_by_its_line(row):
    (block,) = blocks(io.StringIO(f"\n3\nx\nAu 0 0 0\n{row}\nAu 0 0 3\n"))
    with pytest.raises(XYZError, match="line 5: "):
        atoms_of(block)
