"""`clusteropt cite`: what to cite, as text, BibTeX and JSON."""

import re

import pytest
from cli import run

from clusteropt.potentials import sets
from clusteropt.potentials.calculators.recipe import SHORT
from clusteropt.report import methods
from clusteropt.report.citations import METHOD, PROGRAM, of_potential

ENTRY = re.compile(r"@(\w+)\{([\w-]+),\n((?:  \w+ = \{.*\},?\n)+)\}")


@pytest.mark.parametrize("name", sets.names())
def test_every_set_can_be_cited_by_its_source_and_doi(name):
    chosen, work = sets.load(name), of_potential(sets.load(name))
    assert work.text.startswith(chosen.source)
    assert work.doi == chosen.doi
    assert not chosen.doi or work.text.endswith(f", doi:{chosen.doi}")
    assert work.doubt == chosen.doubtful
    assert "year" not in work.fields or f"({work.fields['year']})" in chosen.source


@pytest.mark.parametrize(
    "work",
    [
        PROGRAM,
        METHOD,
        *map(methods.work_of, methods.known()),
        *(of_potential(sets.load(name)) for name in sets.names()),
    ],
)
def test_an_entry_is_bibtex_with_all_braces_closed(work):
    found = ENTRY.fullmatch(work.bibtex)
    assert found is not None
    assert found[2] == work.key
    assert found[3].count("{") == found[3].count("}")
    assert len(found[3].splitlines()) == len(work.fields)


def test_a_source_of_ones_own_cannot_break_its_entry(tmp_path):
    text = sets.text_of("lj").replace("reduced units", r"100% of {A & B_1} at \\host #1")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    work = of_potential(sets.load(str(tmp_path / "mine.toml")))
    assert ENTRY.fullmatch(work.bibtex)
    assert r"100\% of \{A \& B\_1\} at \textbackslash{}host \#1" in work.bibtex


def test_the_program_and_its_method_are_cited_with_every_set(tmp_path):
    done = run(tmp_path, "cite", "sw-si", "lj", "sw-si")
    assert (done.code, done.err) == (0, "")
    assert [line for line in done.out.splitlines() if not line.startswith(" ")] == [
        "the program:",
        "the method of the learned optimizer and its training:",
        "the parameters sw-si:",
        "the parameters lj:",
    ]
    assert "PMLR 139, 7643-7653 (2021)" in done.out
    assert "doi:10.1103/PhysRevB.31.5262" in done.out
    bibtex = run(tmp_path, "cite", "sw-si", "--bibtex").out
    records = run(tmp_path, "cite", "sw-si", "--json").records
    assert [r["key"] for r in records] == [match[1] for match in ENTRY.findall(bibtex)]
    assert [r["key"] for r in records] == ["clusteropt", "merchant2021learn2hop", "sw-si"]
    assert bibtex.strip().split("\n\n") == [r["bibtex"] for r in records]


def test_a_doubtful_set_is_cited_with_a_warning_and_an_unknown_one_refused(tmp_path):
    done = run(tmp_path, "cite", "sw-ge")
    assert done.code == 0
    assert "warning: the parameters sw-ge are doubtful: the numbers could not be compared" in done.err
    wrong = run(tmp_path, "cite", "sw-sii")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean 'sw-si'?" in wrong.err
    assert run(tmp_path, "cite", "--bibtex", "--json").code == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tblite:GFN1-xTB", "doi:10.1021/acs.jctc.7b00118"),
        ("tblite:GFN2-xTB charge=1", "doi:10.1021/acs.jctc.8b01176"),
        ("tblite.ase:TBLite charge=1 method=GFN1-xTB", "doi:10.1021/acs.jctc.7b00118"),
        ("tblite:GFN1-xTB method=GFN2-xTB", "doi:10.1021/acs.jctc.8b01176"),
        ("emt", "doi:10.1016/0039-6028(96)00816-3"),
        ("ase.calculators.emt:EMT", "doi:10.1016/0039-6028(96)00816-3"),
        ("chgnet", "doi:10.1038/s42256-023-00716-3"),
        ("mace:small.model", "arXiv:2206.07697"),
        ("lammps:cu.in", "doi:10.1016/j.cpc.2021.108171"),
    ],
)
def test_a_calculator_is_cited_by_the_work_on_its_method(tmp_path, name, words):
    done = run(tmp_path, "cite", name)
    assert (done.code, words in done.out.splitlines()[-1]) == (0, True), done.err


def test_each_calculator_with_a_short_name_has_a_work_and_another_method_is_refused(tmp_path):
    assert {name.partition(":")[0] for name in methods.known()} == {*SHORT}
    done = run(tmp_path, "cite", "tblite:GFN3-xTB")
    assert (done.code, "did you mean 'tblite:GFN" in done.err) == (2, True), done.err
