"""The same input gives the same bytes, whatever is computed beside it, in which order and on how many cores."""

import pytest
from cli import LOCAL, call, cluster, clusters, names, run, save

MANY = 70  # more than one program works on at a time, so that a second core has its share


def results(folder, *arguments):
    """The text of every result by the file it came from, and the records by structure."""
    done = run(folder, "minimize", *LOCAL, *arguments, "--json", "--force")
    assert done.code == 0
    texts = {p.name: p.read_bytes() for p in folder.glob("*.min.xyz")}
    return texts, {r["structure"]: r for r in done.records}


@pytest.mark.parametrize("options", [[], ["--perturb", "0.1"]])
def test_a_result_does_not_depend_on_the_company_or_the_order(tmp_path, options):
    save(tmp_path / "one.xyz", cluster(number=1))
    save(tmp_path / "many.xyz", clusters(MANY))
    save(tmp_path / "other.xyz", cluster("Ar"))
    alone, record = results(tmp_path, "one.xyz", *options)
    for order in (["one.xyz", "many.xyz", "other.xyz"], ["many.xyz", "other.xyz", "one.xyz"]):
        texts, records = results(tmp_path, *order, *options)
        assert texts["one.min.xyz"] == alone["one.min.xyz"]
        assert records["one.xyz"] == record["one.xyz"]
        assert records["many.xyz:1"] | {"structure": "one.xyz"} == record["one.xyz"]


def test_the_number_of_cores_leaves_no_trace(tmp_path):
    save(tmp_path / "many.xyz", clusters(MANY))
    done = [
        call(
            tmp_path, "minimize", *LOCAL, "many.xyz", "--threads", n, "--out", f"{n}.xyz", "--perturb", "0.05", "--json"
        )
        for n in ("1", "2")
    ]
    assert [d.code for d in done] == [0, 0]
    assert done[0].out == done[1].out
    assert (tmp_path / "1.xyz").read_bytes() == (tmp_path / "2.xyz").read_bytes()


def test_a_seed_repeats_itself_and_another_gives_other_displacements(tmp_path):
    save(tmp_path / "a.xyz", clusters(3))
    for name, options in {"a": [], "b": ["--seed", "0"], "c": ["--seed", "1"], "d": ["--seed", "1"]}.items():
        done = run(tmp_path, "minimize", *LOCAL, "a.xyz", "--perturb", "0.1", "--out", f"{name}.out", *options)
        assert done.code == 0
    a, b, c, d = ((tmp_path / f"{name}.out").read_bytes() for name in "abcd")
    assert a == b != c == d


def test_without_perturbation_the_seed_changes_nothing(tmp_path):
    save(tmp_path / "a.xyz", clusters(3))
    run(tmp_path, "minimize", *LOCAL, "a.xyz", "--out", "1.xyz", "--seed", "1")
    run(tmp_path, "minimize", *LOCAL, "a.xyz", "--out", "2.xyz", "--seed", "2")
    assert names(tmp_path) == {"a.xyz", "1.xyz", "2.xyz"}
    assert (tmp_path / "1.xyz").read_bytes() == (tmp_path / "2.xyz").read_bytes()
