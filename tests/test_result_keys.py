"""The reference of results has the keys that commands write, no more and no fewer."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from cli import LOCAL, clusters, run, save
from pages import DOCS, text_of

from clusteropt.evaluation.networks import Errors, NetworkScore
from clusteropt.evaluation.score import Score
from clusteropt.report import fits, networks, results

PAGE = DOCS / "reference" / "results.md"


def keys(section: str, table: int = 0) -> set[str]:
    """The keys in a table of a section."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text_of(PAGE), re.MULTILINE | re.DOTALL)
    tables = re.findall(r"^\| key \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    found = [name for row in tables[table].splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert len(found) == len(set(found))
    return set(found)


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "a.xyz", clusters(2))
    return tmp_path


def test_of_structures(folder):
    assert run(folder, "energy", "a.xyz", "--json").records[0].keys() == keys("minimize and energy")


def test_of_batches(folder):
    done = run(folder, "batch", "a.xyz", "--out", "b", *LOCAL, "--json")
    line = json.loads((folder / "b/results.jsonl").read_text().splitlines()[0])
    assert line.keys() == keys("minimize and energy") | keys("Batches", 0)
    assert keys("minimize and energy").isdisjoint(keys("Batches", 0))
    assert json.loads(done.out).keys() == keys("Batches", 1)
    shared = {"schema", "clusteropt", "structures", "counts"}
    assert json.loads(run(folder, "status", "b", "--json").out).keys() == keys("Batches", 2) | shared


@pytest.mark.slow
def test_of_searches_series_and_databases(tmp_path):
    sizes = run(tmp_path, "grow", "X", "4-5", "--evaluations", "50", "--json").records
    assert sizes[0].keys() == keys("grow")
    found = json.loads(run(tmp_path, "search", "X4", "--evaluations", "50", "--json").out)
    assert found.keys() == keys("search")
    (row,) = (line for line in text_of(PAGE).splitlines() if line.startswith("| `minima` |"))
    assert found["minima"][0].keys() == set(re.findall(r"`(\w+)`", row)) - {"minima"}
    assert run(tmp_path, "minima", "X4.minima.db", "--json").records[0].keys() == keys("minima", 0)
    assert run(tmp_path, "minima", "X4.minima.db", "--runs", "--json").records[0].keys() == keys("minima", 1)


def test_of_comparisons(folder):
    assert json.loads(run(folder, "compare", "a.xyz@0", "a.xyz@1", "--json").out).keys() == keys("compare")


def test_of_evaluations():
    assert results.score_record(Score("X4", "search", "", 1, 0, 1, 10, 1.0, 0.0)).keys() == keys("evaluate", 0)
    score = NetworkScore("net:sine", "adam", 10, 0.1, Errors(*[np.ones(2)] * len(Errors._fields)), False)
    assert json.loads(networks.networks_json([score]))[0].keys() == keys("evaluate", 1)


def test_of_fits():
    course = SimpleNamespace(
        steps=1, now=SimpleNamespace(diverged=False), best=SimpleNamespace(step=1), plans=[], bests=[]
    )
    assert fits.record([], course, {"energy": "eV", "length": "angstrom"}).keys() == keys("fit")  # type: ignore[arg-type]


def test_of_lists(tmp_path):
    rows = dict(re.findall(r"^\| `([a-z ]+)` \| (.*) \|$", text_of(PAGE), re.MULTILINE))
    for command in ("potentials list", "optimizers list", "cite"):
        told = [set(one) for one in run(tmp_path, *command.split(), "--json").records]
        assert set.union(*told) <= set(re.findall(r"`(\w+)`", rows[command])), command
    shown = json.loads(run(tmp_path, "optimizers", "show", "learned", "--json").out)
    assert shown.keys() == set(re.findall(r"`(\w+)`", rows["optimizers show"]))
