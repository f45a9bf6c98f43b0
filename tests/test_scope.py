"""Clusters that no shipped set serves, and sets that should not be trusted: said in a line, and never passed over."""

import pytest
from ase import Atoms
from ase.data import chemical_symbols
from cli import LOCAL, cluster, names, run, save
from hypothesis import given
from hypothesis import strategies as st

import clusteropt
from clusteropt.calculator import ClusterCalculator
from clusteropt.errors import UsageError
from clusteropt.potentials import sets

ELEMENTS = (
    st.lists(st.sampled_from(chemical_symbols[1:104]), min_size=1, max_size=4, unique=True).map(sorted).map(tuple)
)


def refusal(*elements: str) -> str:
    with pytest.raises(UsageError) as refused:
        sets.default(elements)
    return str(refused.value)


@given(ELEMENTS)
def test_what_has_no_default_is_refused_in_a_line_with_a_cure_and_without_a_list_of_systems(elements):
    try:
        chosen = sets.default(elements)
    except UsageError as refused:
        text = str(refused)
        assert text.startswith(f"no default potential for {'-'.join(elements)}; ")
        assert "--potential" in text
        assert "\n" not in text
        assert len(text) < 330
    else:
        assert chosen.covers(elements)


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        (("Fe",), "no shipped set has parameters for Fe, there are rare gases, metals"),
        (("Fe", "Pb", "U"), "no shipped set has parameters for Fe, U, there are"),
        (("H", "O"), "molecules, carbon and oxides are out of scope, there are rare gases, metals"),
        (("C",), "molecules, carbon and oxides are out of scope"),
        (("Al", "O"), "molecules, carbon and oxides are out of scope"),
        (
            ("Ag", "Au", "Cu"),
            "no shipped set has all their pairs, and sets cannot be mixed (gupta-cleri-rosato lacks Ag-Au, Ag-Cu)",
        ),
        (("Au", "Si"), "no shipped set has the pair Au-Si"),
        (("Au", "Pd", "Pt"), "no shipped set has the pair Au-Pt"),
        (("N",), "name one with --potential: sw-gan (made for Ga-N)"),
        (("Ge",), "name one with --potential: sw-ge (doubtful: the numbers could not be compared with the paper"),
    ],
)
def test_a_refusal_says_what_is_missing_and_what_comes_nearest(elements, why):
    assert why in refusal(*elements)


def test_a_doubtful_set_is_marked_wherever_it_is_suggested(tmp_path):
    with pytest.raises(UsageError, match=r"did you mean 'sw-ge'\?.*\(doubtful: gupta-pb-3468, sw-ge\)"):
        sets.load("swge")
    text = sets.text_of("lj").replace("X", "Ge").replace('"epsilon"', '"eV"').replace('"sigma"', '"angstrom"')
    (tmp_path / "mine.toml").write_text(text.replace('default_for = ["Ge"]', ""), encoding="utf-8")
    boxed = Atoms("Ge2", [[0, 0, 0], [2.4, 0, 0]], cell=[20] * 3, pbc=True)
    assert "(sw-ge (doubtful: " in clusteropt.energy(boxed, str(tmp_path / "mine.toml")).problem


@pytest.mark.parametrize("command", ["minimize", "energy", "batch"])
def test_a_doubtful_set_warns_once_when_it_is_used(tmp_path, command):
    pairs = [Atoms("Ge2", [[0, 0, 0], [0, 0, 2.4 + 0.1 * k]]) for k in range(3)]
    save(tmp_path / "ge.xyz", pairs)
    more = {"minimize": LOCAL, "energy": (), "batch": (*LOCAL, "--out", "out")}[command]
    done = run(tmp_path, command, "ge.xyz", "--potential", "sw-ge", *more)
    assert done.code == 0
    assert done.err.count("warning: potential sw-ge is doubtful: the numbers could not be compared with the paper") == 1
    for job in (["energy", "ge.xyz"], ["random", "Ge5"]):
        assert run(tmp_path, *job, "--potential", "sw-ge").err.count("sw-ge is doubtful") == 1
        quiet = run(tmp_path, *job, "--potential", "sw-ge", "--quiet")
        assert (quiet.code, quiet.err) == (0, "")


def test_a_doubtful_set_warns_in_python_and_a_sound_one_does_not():
    pair = Atoms("Ge2", [[0, 0, 0], [0, 0, 2.4]])
    with pytest.warns(UserWarning, match="potential sw-ge is doubtful"):
        clusteropt.energy(pair, "sw-ge")
    with pytest.warns(UserWarning, match="potential sw-ge is doubtful"):
        ClusterCalculator("sw-ge")
    clusteropt.energy(Atoms("Si2", [[0, 0, 0], [0, 0, 2.4]]), "sw-si")  # warnings are errors in the suite


@pytest.mark.parametrize("command", [["minimize"], ["energy", "--out", "e.xyz"]])
def test_of_nothing_but_unusable_structures_no_file_is_written(tmp_path, command):
    (tmp_path / "water.xyz").write_text("3\n\nO 0 0 0\nH 1 0 0\nH 0 1 0\n" * 2, encoding="utf-8")
    done = run(tmp_path, command[0], "water.xyz", *command[1:])
    assert done.code == 3
    assert len(done.complaints) == 2
    assert names(tmp_path) == {"water.xyz"}
    assert "2 of 2 structures could not be used and are missing from the output files" in done.err
    assert done.out.count("no-potential") == 2


def test_a_batch_has_no_minima_of_what_could_not_be_used(tmp_path):
    save(tmp_path / "mixed.xyz", [cluster(number=0), Atoms("Fe2", [[0, 0, 0], [0, 0, 2]]), cluster(number=2)])
    save(tmp_path / "iron.xyz", Atoms("Fe3", [[0, 0, 0], [0, 0, 2], [0, 2, 0]]))
    done = run(tmp_path, "batch", "mixed.xyz", "iron.xyz", "--out", "out", "--optimizer", "lbfgs")
    assert done.code == 3
    assert names(tmp_path / "out" / "minima") == {"mixed.min.xyz"}
    assert (tmp_path / "out" / "minima" / "mixed.min.xyz").read_text(encoding="utf-8").count("status=converged") == 2
    lines = (tmp_path / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum('"no-potential"' in line for line in lines) == 2
