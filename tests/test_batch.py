"""A batch: every structure ends in exactly one line, whatever happens, and the same line whatever the way there."""

import gzip
import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write
from cli import cluster, clusters, frames_of, run, save
from helpers import user_file
from hypothesis import given
from hypothesis import strategies as st

from clusteropt.batch import chunk
from clusteropt.batch.identity import content_key
from clusteropt.batch.inputs import files_of
from clusteropt.batch.items import Given, Item, Parcel
from clusteropt.batch.job import Shard, exit_code, shard_of
from clusteropt.batch.merge import VOCABULARY, outputs_of
from clusteropt.batch.shards import cost, difference_of, share
from clusteropt.engine.step import Status
from clusteropt.errors import ExitCode, UsageError
from clusteropt.potentials import sets
from clusteropt.search.starts import random_starts


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "a.xyz", clusters(5))
    save(tmp_path / "b.xyz", [*clusters(2, "Au"), *clusters(2, "Ar")])
    save(tmp_path / "one.xyz", cluster("Si", 7))
    return tmp_path


ALL = ("a.xyz", "b.xyz", "one.xyz")


def batch(folder: Path, *arguments: str, out: str = "out", **options):
    return run(folder, "batch", *arguments, "--out", out, "--optimizer", "lbfgs", **options)


def lines(folder: Path, out: str = "out") -> list[dict]:
    """The results without what differs from run to run."""
    found = [json.loads(line) for line in (folder / out / "results.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in found]


def counts(folder: Path, out: str = "out") -> dict[str, int]:
    summary = json.loads((folder / out / "summary.json").read_text())
    assert sum(summary["counts"].values()) == summary["structures"] == len(lines(folder, out))
    return {status: count for status, count in summary["counts"].items() if count}


def parts(folder: Path, out: str = "out") -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (folder / out / "parts").iterdir()}


def test_every_structure_has_a_line_and_a_minimum_in_the_order_of_the_inputs(folder):
    done = batch(folder, *ALL)
    assert done.code == 0
    assert counts(folder) == {"converged": 10}
    assert [line["structure"] for line in lines(folder)] == [
        *(f"a.xyz:{k}" for k in range(5)),
        *(f"b.xyz:{k}" for k in range(4)),
        "one.xyz",
    ]
    minima = frames_of(folder / "out/minima/b.min.xyz")
    assert [atoms.get_chemical_symbols()[0] for atoms in minima] == ["Au", "Au", "Ar", "Ar"]
    by_name = {line["structure"]: line for line in lines(folder)}
    for k, atoms in enumerate(minima):
        assert atoms.get_potential_energy() == by_name[f"b.xyz:{k}"]["energy"]
        assert atoms.info["status"] == "converged"


def test_results_are_those_of_minimize(folder):
    batch(folder, *ALL)
    alone = run(folder, "minimize", *ALL, "--optimizer", "lbfgs", "--json").records
    for ours, theirs in zip(lines(folder), alone, strict=True):
        assert {name: ours[name] for name in theirs} == theirs


def test_the_same_command_again_computes_nothing_and_writes_the_same(folder, monkeypatch):
    batch(folder, *ALL)
    before, results = parts(folder), (folder / "out/results.jsonl").read_bytes()
    monkeypatch.setattr(chunk, "results_of", lambda *_: pytest.fail("computed again"))
    done = batch(folder, *ALL)
    assert done.code == 0
    assert "10 of 10 structures done already" in done.err
    assert (parts(folder), (folder / "out/results.jsonl").read_bytes()) == (before, results)


def test_a_changed_structure_is_done_again_and_the_others_are_not(folder):
    batch(folder, *ALL)
    before = {line["structure"]: line for line in lines(folder)}
    save(folder / "a.xyz", [*clusters(2), cluster(number=99), *clusters(5)[3:]])
    done = batch(folder, *ALL)
    after = {line["structure"]: line for line in lines(folder)}
    assert "9 of 10 structures done already" in done.err
    assert [name for name in after if after[name] != before[name]] == ["a.xyz:2"]


def test_the_same_structure_twice_is_computed_once_and_told_twice(folder, monkeypatch):
    save(folder / "twice.xyz", [cluster(), cluster(number=1), cluster()])
    shutil.copy(folder / "twice.xyz", folder / "again.xyz")
    computed = []
    original = chunk.results_of
    monkeypatch.setattr(chunk, "results_of", lambda atoms, *rest: computed.extend(atoms) or original(atoms, *rest))
    batch(folder, "twice.xyz", "again.xyz")
    assert len(computed) == 2
    assert [line["structure"] for line in lines(folder)] == [
        f"{f}.xyz:{k}" for f in ("twice", "again") for k in range(3)
    ]
    assert len({line["energy"] for line in lines(folder)}) == 2
    assert len(frames_of(folder / "out/minima/again.min.xyz")) == 3


@pytest.mark.parametrize("total", [2, 3, 12])
def test_shards_into_one_folder_give_what_one_run_gives(folder, total):
    batch(folder, *ALL)
    for number in range(total, 0, -1):
        refused = run(folder, "merge", "shards") if number < total else None
        assert refused is None or refused.code == 75
        done = batch(folder, *ALL, "--shard", f"{number}/{total}", out="shards")
        assert done.code == 0
    assert run(folder, "merge", "shards").code == 0
    assert lines(folder, "shards") == lines(folder)
    for name in ("a", "b", "one"):
        own, one = (folder / out / f"minima/{name}.min.xyz" for out in ("shards", "out"))
        assert own.read_bytes() == one.read_bytes()


def test_merge_names_what_is_missing_and_writes_nothing(folder):
    batch(folder, *ALL, "--shard", "1/2")
    refused = run(folder, "merge", "out")
    assert refused.code == 75
    (line,) = refused.complaints
    assert "of 10 structures without a result, the first is" in line
    assert not (folder / "out/results.jsonl").exists()


def test_a_shard_started_twice_by_mistake_does_no_harm(folder):
    batch(folder, *ALL)
    for shard in ("1/2", "2/2", "2/2", "1/3"):
        batch(folder, *ALL, "--shard", shard, out="twice")
    # as if two processes had computed the same: the same results in another part
    (part, *_) = (folder / "twice/parts").iterdir()
    shutil.copy(part, part.with_name("0" * 24 + ".jsonl"))
    run(folder, "merge", "twice")
    assert lines(folder, "twice") == lines(folder)


def test_results_do_not_depend_on_the_order_or_the_grouping_of_files(folder):
    batch(folder, *ALL)
    batch(folder, *reversed(ALL), out="reversed")
    everything = [atoms for name in ALL for atoms in frames_of(folder / name)]
    save(folder / "joined.xyz", everything[::-1])
    batch(folder, "joined.xyz", out="joined")

    def by_hash(out: str) -> dict[str, tuple]:
        return {line["hash"]: (line["energy"], line["fmax"], line["evaluations"]) for line in lines(folder, out)}

    assert by_hash("out") == by_hash("reversed") == by_hash("joined")


CORRUPT = {
    "empty": b"",
    "blank": b"\n\n\n",
    "junk": bytes(range(256)) * 3,
    "words": b"four\n\nX 0 0 0\n",
    "negative": b"-3\n\n",
    "short": b"4\nProperties=species:S:1:pos:R:3\nX 0 0 0\nX 1 0 0\n",
    "columns": b"2\n\nX 0 0\nX 1 0 0\n",
    "letters": b"2\n\nX 0 0 zero\nX 1 0 0\n",
    "element": b"2\n\nQq 0 0 0\nQq 1 0 0\n",
    "nan": b"2\n\nX 0 0 nan\nX 1 0 0\n",
    "same-place": b"2\n\nX 0 0 0\nX 0 0 0\n",
    "no-potential": b"2\n\nH 0 0 0\nH 1 0 0\n",
    "no-atoms": b"0\n\n",
}
EXPECTED = {"nan": "invalid-structure", "same-place": "invalid-structure", "no-potential": "no-potential"}
EXPECTED["no-atoms"] = "invalid-structure"


def test_corrupt_files_cost_no_other_its_result_and_each_has_a_line(folder):
    save(folder / "good.xyz", clusters(60))
    for name, content in CORRUPT.items():
        (folder / f"{name}.xyz").write_bytes(content)
    files = ["good.xyz", *(f"{name}.xyz" for name in CORRUPT), *ALL]
    done = batch(folder, *files)
    assert done.code == 3
    assert {line["structure"]: line["status"] for line in lines(folder) if line["status"] != "converged"} == {
        f"{name}.xyz": EXPECTED.get(name, "unreadable") for name in CORRUPT
    }
    assert counts(folder)["converged"] == 70
    for name in CORRUPT:
        (complaint,) = [line for line in done.complaints if f" {name}.xyz: " in line]
        assert complaint.count(": ") >= 2  # the file, the problem, the cure
    again = batch(folder, *files, "--fail-if-more-than", "20%")
    assert again.code == 0


def test_a_damaged_frame_costs_the_frames_around_it_nothing(folder):
    rows = (folder / "a.xyz").read_text().splitlines()
    rows[8] = rows[8].replace("X", "Xyz")  # the second frame
    (folder / "a.xyz").write_text("\n".join(rows[:-1]) + "\n")  # and the last one is cut off
    batch(folder, "a.xyz")
    assert [line["status"] for line in lines(folder)] == ["converged", "unreadable", *["converged"] * 2, "unreadable"]


def test_what_cannot_be_written_or_has_a_strange_name_costs_no_other_its_result(folder):
    strange = Atoms("X2", [[0, 0, 0], [1.1, 0, 0]])
    strange.info = {"energy": 1.0, 7: "a number as a key"}
    strange.set_array("tag", np.arange(2))
    write(folder / "strange.traj", strange)
    (folder / "huge.xyz").write_text("99999999999999999999999\n\nX 0 0 0\n")
    with open(os.fsencode(folder) + b"/\xff.xyz", "wb") as file:
        file.write(b"junk")
    done = batch(folder, "strange.traj", "huge.xyz", os.fsdecode(b"\xff.xyz"), "a.xyz")
    assert done.code == 3
    assert [line["status"] for line in lines(folder)] == ["converged", *["unreadable"] * 2, *["converged"] * 5]


@pytest.mark.parametrize(("files", "broken", "lost"), [(ALL, "Si", 1), (ALL, "XAuArSi", 10), (("one.xyz",), "Si", 1)])
def test_what_is_unexpected_leaves_no_result_and_is_tried_again(folder, monkeypatch, files, broken, lost):
    original = chunk.results_of

    def failing(structures, settings):
        if any(atoms.symbols[0] in broken for atoms in structures):
            raise RuntimeError("a bug")
        return original(structures, settings)

    monkeypatch.setattr(chunk, "results_of", failing)
    done = batch(folder, *files)
    assert done.code == 1
    assert len(done.complaints) == lost + 1
    assert all("unexpected RuntimeError (a bug)" in line for line in done.complaints[:lost])
    kept = parts(folder) if lost < 10 and len(files) > 1 else {}
    assert sum(len(json.loads(part.splitlines()[0])["places"]) for part in kept.values()) == (9 if kept else 0)
    monkeypatch.setattr(chunk, "results_of", original)
    assert batch(folder, *files).code == 0
    assert counts(folder) == {"converged": 10 if len(files) > 1 else 1}
    assert kept.items() <= parts(folder).items()


def test_a_mended_file_is_read_again(folder):
    (folder / "bad.xyz").write_bytes(CORRUPT["short"])
    assert batch(folder, "a.xyz", "bad.xyz").code == 3
    save(folder / "bad.xyz", cluster(number=3))
    assert batch(folder, "a.xyz", "bad.xyz").code == 0
    assert counts(folder) == {"converged": 6}


def test_other_settings_are_refused_with_what_differs_and_restart_sets_aside(folder):
    batch(folder, "a.xyz")
    before = parts(folder)
    refused = batch(folder, "a.xyz", "--fmax", "1e-3")
    assert refused.code == 2
    assert refused.complaints == [
        "clusteropt: out: holds results with fmax default, not 0.001: repeat the same settings, choose another --out, or "
        "set them aside with --restart"
    ]
    assert parts(folder) == before
    assert batch(folder, "a.xyz", "--fmax", "1e-3", "--restart").code == 0
    assert parts(folder, "out/set-aside/1") == before


def test_results_with_other_numbers_in_the_parameter_file_are_refused(folder):
    text = sets.text_of("lj")
    user_file(folder, text)
    batch(folder, "a.xyz", "--potential", "own.toml")
    user_file(folder, text.replace("sigma = 1.0", "sigma = 1.1"))
    refused = batch(folder, "a.xyz", "--potential", "own.toml")
    assert refused.code == 2
    assert "holds results with potential_sha256" in refused.complaints[0]


def test_not_converged_is_retried_with_more_steps_and_only_that(folder):
    assert batch(folder, *ALL, "--max-steps", "14").code == 4
    first = counts(folder)
    assert 0 < first["not-converged"] < 10
    assert batch(folder, *ALL, "--max-steps", "5000").code == 2
    done = batch(folder, *ALL, "--max-steps", "5000", "--retry", "not-converged")
    assert done.code == 0
    assert f"{first['converged']} of 10 structures done already" in done.err
    assert counts(folder) == {"converged": 10}


def test_results_of_another_schema_are_refused(folder):
    batch(folder, "a.xyz")
    manifest = folder / "out/batch.json"
    manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 0'))
    for done in (batch(folder, "a.xyz"), run(folder, "merge", "out"), run(folder, "status", "out")):
        assert done.code == 3
        assert "has schema 0, but this clusteropt reads schema 1" in done.err


def test_a_damaged_part_is_told_of_and_done_again(folder):
    batch(folder, *ALL)
    before = lines(folder)
    path = max((folder / "out/parts").iterdir())
    path.write_bytes(path.read_bytes()[:-20])
    done = batch(folder, *ALL)
    assert f"parts/{path.name}: damaged" in done.complaints[0]
    assert lines(folder) == before


def test_what_does_not_fit_into_the_memory_has_a_status(folder, monkeypatch):
    original = chunk.results_of

    def small(structures, settings):
        if any(len(atoms) > 4 for atoms in structures):
            raise MemoryError
        return original(structures, settings)

    monkeypatch.setattr(chunk, "results_of", small)
    save(folder / "large.xyz", Atoms("X5", positions=np.random.default_rng(0).uniform(0, 2, (5, 3))))
    done = batch(folder, *ALL, "large.xyz")
    assert done.code == 3
    assert counts(folder) == {"converged": 10, "out-of-memory": 1}


def test_what_would_not_fit_into_the_memory_is_not_tried(folder, monkeypatch):
    monkeypatch.setattr("clusteropt.runtime.machine.free_memory", lambda: 4.5 * 20_000)
    save(folder / "large.xyz", Atoms("X5", positions=np.random.default_rng(0).uniform(0, 2, (5, 3))))
    assert batch(folder, "a.xyz", "large.xyz").code == 3
    assert counts(folder) == {"converged": 5, "out-of-memory": 1}
    monkeypatch.undo()
    assert batch(folder, "a.xyz", "large.xyz", "--retry", "out-of-memory").code == 0
    assert counts(folder) == {"converged": 6}


def test_names_may_come_from_folders_patterns_and_standard_input(folder):
    (folder / "sub/deep").mkdir(parents=True)
    (folder / "sub/.hidden.xyz").write_bytes(b"junk")
    (folder / "sub/notes.txt").write_bytes(b"not a structure")
    for name in ("sub/x.xyz", "sub/deep/x.xyz"):
        shutil.copy(folder / "a.xyz", folder / name)
    done = batch(folder, "sub")
    assert {line["file"] for line in lines(folder)} == {"sub/x.xyz", "sub/deep/x.xyz"}
    assert "left out, without the ending of a structure file: sub/notes.txt" in done.err
    assert {str(p.relative_to(folder / "out/minima")) for p in (folder / "out/minima").rglob("*.xyz")} == {
        "x.min.xyz",
        "deep/x.min.xyz",
    }
    batch(folder, "sub/**/*.xyz", out="glob")
    assert len(lines(folder, "glob")) == 10
    batch(folder, "-", out="list", stdin=b"a.xyz\n\none.xyz\n")
    assert len(lines(folder, "list")) == 6
    assert (
        "standard input holds a structure" in batch(folder, "-", out="piped", stdin=(folder / "a.xyz").read_bytes()).err
    )
    for names, word in (
        ("none*.xyz", "no file matches"),
        ("sub/deep/..", ""),
        ("-", "no file names on standard input"),
    ):
        done = batch(folder, names, out="other")
        assert (done.code == 2) == bool(word)
        assert word in done.err


def test_the_output_folder_inside_an_input_folder_is_no_input(folder):
    batch(folder, ".")
    before = lines(folder)
    batch(folder, ".")
    assert lines(folder) == before


def test_minima_of_files_that_are_no_inputs_any_more_are_gone(folder):
    batch(folder, *ALL)
    batch(folder, "a.xyz")
    assert {p.name for p in (folder / "out/minima").iterdir()} == {"a.min.xyz"}


def test_one_file_by_several_names_is_one_input_and_results_of_other_batches_are_none(folder):
    os.symlink(folder, folder / "link")
    batch(folder, "a.xyz", "./a.xyz", str(folder / "a.xyz"))
    assert len(lines(folder)) == 5
    batch(folder, ".", out="two")
    assert {line["file"] for line in lines(folder, "two")} == {f"./{name}" for name in ALL}


@pytest.mark.parametrize("arguments", [["merge", "a.xyz"], ["status", "."], ["merge", "nowhere"]])
def test_merge_and_status_of_what_is_no_batch_say_so(folder, arguments):
    done = run(folder, *arguments)
    assert done.code == 2
    assert "holds no batch" in done.err


@pytest.mark.parametrize("scheduler", ["foo", "tcp://host", "--scheduler-file", "tcp://127.0.0.1:1"])
def test_a_scheduler_that_is_none_is_told_of(folder, scheduler, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("clusteropt.hosts.connection._SECONDS", 1)
    (folder / "s.json").write_text("{}")
    how = [scheduler, "s.json"] if scheduler.startswith("--") else ["--scheduler", scheduler]
    done = batch(folder, "a.xyz", *how)
    assert done.code == (75 if scheduler.startswith("tcp://127") else 2)
    assert ("no scheduler answers" in done.err) == (done.code == 75)


def test_without_dask_the_command_to_type_is_told(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    done = batch(folder, "a.xyz", "--scheduler", "tcp://127.0.0.1:1")
    assert (done.code, "pip install 'clusteropt[dask]'" in done.err) == (2, True)


def test_restart_is_not_for_shards_and_shards_with_other_inputs_are_told_of(folder):
    assert batch(folder, "a.xyz", "--restart", "--shard", "1/2").code == 2
    batch(folder, *ALL, "--shard", "1/2")
    other = "warning: the inputs differ from the previous run's ({}): check that all shards see the same files"
    assert other.format("5 structures, 10 before") in batch(folder, "a.xyz", "--shard", "2/2").err
    save(folder / "a.xyz", [*clusters(2), cluster(number=99), *clusters(5)[3:]])
    warned = batch(folder, "a.xyz", "--shard", "1/2").err
    assert other.format("other contents in 1 of 5 structures; the first difference is a.xyz:2") in warned
    save(folder / "a.xyz", [*clusters(2), *clusters(5)[3:], cluster(number=99)])
    warned = batch(folder, "a.xyz", "--shard", "1/2").err
    assert other.format("another order; the first difference is a.xyz:2") in warned
    os.rename(folder / "a.xyz", folder / "renamed.xyz")
    assert "warning" not in batch(folder, "renamed.xyz", "--shard", "2/2").err, "the structures are the same"


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.lists(st.sampled_from("abcd"), max_size=6))
def test_two_lists_differ_where_their_keys_do(before, now):
    found = difference_of(before, now)
    assert (found is None) == (before == now)
    if found is not None:
        first, words = found
        assert before[:first] == now[:first]
        assert before[first : first + 1] != now[first : first + 1]
        assert ("another order" in words) == (sorted(before) == sorted(now))


def test_the_last_words_of_a_shard_name_its_failures_and_only_what_exists(folder):
    for name in CORRUPT:
        (folder / f"{name}.xyz").write_bytes(CORRUPT[name])
    bad = [f"{name}.xyz" for name in CORRUPT]
    done = batch(folder, *bad, "--shard", "1/1")
    assert (folder / "out/results.jsonl").exists()
    assert "see out/results.jsonl" in done.err
    ends = [batch(folder, *bad, "--shard", f"{k}/2", out="two") for k in (1, 2)]
    assert not (folder / "two/results.jsonl").exists()
    for done in ends:
        last = done.err.splitlines()[-1]
        assert re.match(
            r"[67] structures not converged or unusable: \w+(-\w+)?.xyz \([a-z-]+\), .* and [12] more: ", last
        )
        assert last.endswith("see `clusteropt status two`, and --retry failed")
        assert "results.jsonl" not in done.err
    told = run(folder, "status", "two")
    assert "13 structures not converged or unusable: empty.xyz (unreadable), " in told.err
    failures = json.loads(run(folder, "status", "two", "--json").out)["failures"]
    assert failures == {f"{name}.xyz": EXPECTED.get(name, "unreadable") for name in CORRUPT}


def test_one_structure_is_no_structures(folder):
    save(folder / "a.xyz", cluster())
    words = batch(folder, "a.xyz", "--dry-run").err + batch(folder, "a.xyz").err + batch(folder, "a.xyz").err
    assert "1 of 1 structure done already" in words
    assert not re.search(r"\b1 (of 1 )?(different )?(structures|buckets|programs)", words)


def test_a_folder_with_something_else_is_refused(folder):
    (folder / "other").mkdir()
    (folder / "other/results.jsonl").write_text("precious")
    assert batch(folder, "a.xyz", out="other").code == 2
    assert (folder / "other/results.jsonl").read_text() == "precious"
    batch(folder, "a.xyz", out="mine")
    (folder / "mine/slurm.out").write_text("log")
    assert batch(folder, "a.xyz", "--fmax", "0.1", "--restart", out="mine").code == 0
    (folder / "out").mkdir()
    (folder / "out/thesis.tex").write_text("years of work")
    done = batch(folder, "a.xyz")
    assert done.code == 2
    assert "holds thesis.tex but no batch" in done.err
    assert batch(folder, "a.xyz", out="a.xyz").code == 2


def test_what_goes_to_another_process_comes_out_as_it_went_in():
    fixed, boxed, known = cluster("Au"), cluster("X"), cluster("Si")
    fixed.set_constraint(FixAtoms([1]))
    boxed.set_cell(np.eye(3) * 9)
    known.calc = SinglePointCalculator(known, energy=-1.0)
    labelled, other = cluster("X", 3), random_starts("X9", 1, 0, 1)[0]
    labelled.set_array("site", np.arange(4))
    frames = [cluster("X", 1), fixed, None, cluster("Au", 2, comment="mine"), boxed, known, labelled, other]
    given_ = [
        Given(Item(f"{k}", "a.xyz", k, 4, f"key{k}"), atoms, "" if atoms else "bad") for k, atoms in enumerate(frames)
    ]
    arrived = Parcel(given_).given
    assert [one.item for one in arrived] == [one.item for one in given_]
    assert arrived[2] == given_[2]
    for one, atoms in zip(arrived, frames, strict=True):
        if atoms is not None:
            assert one.atoms == atoms
            assert one.atoms.info == atoms.info
            assert one.atoms.arrays.keys() == atoms.arrays.keys()
            assert [c.todict() for c in one.atoms.constraints] == [c.todict() for c in atoms.constraints]
            assert (one.atoms.calc is None) == (atoms.calc is None)
    assert Parcel([]).given == []


def test_a_batch_of_many_sizes_has_twelve_programs_at_most(folder):
    save(folder / "many.xyz", [random_starts(f"X{n}", 1, n, 0.7)[0] for n in (3, 7, 12, 18, 26, 31, 50, 70, 90, 140)])
    dry = json.loads(batch(folder, "many.xyz", "--dry-run", "--json").out)
    assert (dry["buckets"], dry["programs"]) == (4, 12)
    few = json.loads(batch(folder, "many.xyz", "--dry-run", "--json", "--scheduler", "tcp://nowhere:1").out)
    assert few["buckets"] == 10, "a Dask worker sees one size at a time"


def test_status_and_dry_run_tell_how_much_there_is(folder):
    dry = batch(folder, *ALL, "--dry-run", "--json")
    assert dry.code == 0
    assert not (folder / "out").exists()
    assert {k: json.loads(dry.out)[k] for k in ("structures", "done", "buckets", "programs")} == {
        "structures": 10,
        "done": 0,
        "buckets": 4,
        "programs": 9,  # X and argon share theirs
    }
    batch(folder, *ALL, "--shard", "1/2")
    half = json.loads(run(folder, "status", "out", "--json").out)
    assert half["structures"] == 10
    assert half["waiting"] + half["counts"]["converged"] == 10
    assert 0 < half["waiting"] < 10
    (own,) = half["runs"]
    assert (own["shard"], own["state"], own["total"]) == ("1/2", "finished", half["counts"]["converged"])
    batch(folder, *ALL)
    assert json.loads(run(folder, "status", "out", "--json").out)["waiting"] == 0
    assert json.loads(batch(folder, *ALL, "--dry-run", "--json").out)["done"] == 10


def test_a_clock_set_back_disturbs_nothing(folder, monkeypatch):
    batch(folder, "a.xyz", "--shard", "1/2")
    monkeypatch.setattr("time.time", lambda: 1000.0)
    (own,) = json.loads(run(folder, "status", "out", "--json").out)["runs"]
    assert own["age"] == 0
    batch(folder, "a.xyz", "--shard", "2/2")
    assert run(folder, "merge", "out").code == 0
    assert counts(folder) == {"converged": 5}


def test_pandas_can_read_the_results(folder):
    pandas = pytest.importorskip("pandas")
    batch(folder, *ALL)
    table = pandas.read_json(folder / "out/results.jsonl", lines=True)
    assert len(table) == 10
    assert set(table.status) == {"converged"}


def test_the_vocabulary_is_that_of_the_status():
    assert set(VOCABULARY) < {status.label for status in Status}


@given(st.lists(st.integers(1, 150), min_size=1, max_size=300), st.integers(1, 20))
def test_every_structure_is_in_one_shard_and_no_shard_has_more_than_one_structure_too_much(sizes, total):
    items = [Item(str(k), "f", k, size, str(k)) for k, size in enumerate(sizes)]
    shares = [share(items, Shard(number, total)) for number in range(1, total + 1)]
    assert sorted((item for own in shares for item in own), key=lambda item: item.frame) == items
    loads = [sum(cost(item.n_atoms) for item in own) for own in shares]
    assert max(loads) - min(loads) <= max(cost(size) for size in sizes)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {
                "SLURM_ARRAY_TASK_ID": "7",
                "SLURM_ARRAY_TASK_MIN": "3",
                "SLURM_ARRAY_TASK_MAX": "9",
                "SLURM_ARRAY_TASK_STEP": "2",
            },
            "3/4",
        ),
        ({"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "15"}, "1/16"),
        ({"SGE_TASK_ID": "5", "SGE_TASK_FIRST": "1", "SGE_TASK_LAST": "5", "SGE_TASK_STEPSIZE": "1"}, "5/5"),
        ({"LSB_JOBINDEX": "2", "LSB_JOBINDEX_END": "8"}, "2/8"),
        ({"CLUSTEROPT_SHARD": "3/16", "SLURM_ARRAY_TASK_ID": "1"}, "3/16"),
    ],
)
def test_the_shard_of_an_array_job_follows_from_its_variables(monkeypatch, environment, expected):
    for name in [name for name in os.environ if name.startswith(("SLURM", "SGE", "LSB", "CLUSTEROPT_SHARD"))]:
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="needs an array job"):
        shard_of("auto")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(shard_of("auto")) == expected


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "a/b", "1/0", "-1/4", ""])
def test_shards_that_cannot_be_are_refused(text):
    with pytest.raises(UsageError, match="--shard cannot be"):
        shard_of(text)


@given(
    st.lists(
        st.sampled_from(
            ["a/x.xyz", "b/x.xyz", "a/x.cif", "x.xyz", "x.xyz.gz", "x.cif", "x.xyz.xyz", "a/POSCAR", "b/POSCAR"]
        ),
        unique=True,
        min_size=1,
    )
)
def test_every_input_has_an_output_of_its_own(sources):
    assert len(set(outputs_of(sources).values())) == len(sources)


def test_the_key_of_a_structure_follows_from_all_that_it_is():
    from ase.constraints import FixAtoms

    first = cluster()
    others = [first.copy() for _ in range(6)]
    others[0].positions[0, 0] += 1e-12
    others[1].numbers[0] = 18
    others[2].set_constraint(FixAtoms([0]))
    others[3].set_cell([9, 9, 9])
    others[4].info["number"] = 1
    others[5].set_array("tag", np.arange(4))
    keys = {content_key(atoms, "") for atoms in (first, first.copy(), *others)} | {content_key(first, "other settings")}
    assert len(keys) == 8


def test_one_file_of_minima_has_the_frames_of_the_many_in_order_and_each_its_name(folder):
    batch(folder, *ALL)
    many = [atoms for name in ("a", "b", "one") for atoms in frames_of(folder / f"out/minima/{name}.min.xyz")]
    for command in (lambda: batch(folder, *ALL, "--one-file"), lambda: run(folder, "merge", "out", "--one-file")):
        assert command().code == 0
        assert not (folder / "out/minima").exists()
        one = frames_of(folder / "out/minima.xyz")
        assert [atoms.info.pop("clusteropt_structure") for atoms in one] == [
            line["structure"] for line in lines(folder)
        ]
        assert one == many
        assert [atoms.info for atoms in one] == [atoms.info for atoms in many]
        assert run(folder, "merge", "out").code == 0
        assert (folder / "out/minima.xyz").exists()
        assert run(folder, "merge", "out", "--many-files").code == 0
        assert not (folder / "out/minima.xyz").exists()
        assert len(list((folder / "out/minima").iterdir())) == 3


def test_names_in_the_one_file_are_read_back_and_an_inputs_own_info_stays(folder):
    names = ["5", "a\\b.xyz", "T", "1 2", "\u00e9.xyz", 'q"=.xyz']
    for k, name in enumerate(names):
        save(folder / name, cluster("X", k, structure="mine"))
    for inputs in (names, ["before.xyz"]):
        assert batch(folder, *inputs, "--one-file").code == 0
        one = frames_of(folder / "out/minima.xyz")
        assert [atoms.info["structure"] for atoms in one] == ["mine"] * len(names)
        assert [atoms.info["clusteropt_structure"] for atoms in one] == [line["structure"] for line in lines(folder)]
        (folder / "before.xyz").write_bytes((folder / "out/minima.xyz").read_bytes())
    assert (folder / "before.xyz").read_text().count("clusteropt_structure=") == len(names)


def test_what_joins_shards_says_one_file_as_well(folder):
    assert "`clusteropt merge out --one-file`" in batch(folder, *ALL, "--one-file", "--shard", "1/2").err


def test_of_packed_files_in_a_folder_those_of_structures_are_taken(folder):
    (folder / "in").mkdir()
    (folder / "in/a.xyz.gz").write_bytes(gzip.compress((folder / "a.xyz").read_bytes()))
    (folder / "in/POSCAR.bz2").write_bytes(b"")
    for name in ("results.tar.gz", "notes.txt.xz"):
        (folder / "in" / name).write_bytes(b"")
    files, left = files_of([str(folder / "in")], folder / "out")
    assert [Path(file).name for file in files] == ["POSCAR.bz2", "a.xyz.gz"]
    assert [len(names) for names in left.values()] == [2, 0]


def test_structures_that_may_be_saddles_are_counted_at_the_end(folder):
    save(folder / "flat.xyz", [Atoms("X3", [[0, 0, 0], [1.1, 0, 0], [2.2 + k / 100, 0, 0]]) for k in range(2)])
    said = "2 structures are linear and may be saddle points: --perturb 0.05 leaves them"
    assert said in batch(folder, "a.xyz", "flat.xyz").err
    assert [line["flat"] for line in lines(folder)] == [None] * 5 + ["linear"] * 2
    assert said in run(folder, "merge", "out").err
    assert "saddle" not in batch(folder, "a.xyz").err


def test_a_failed_calculator_ends_with_the_code_of_what_did_not_converge_and_unusable_input_wins():
    failed = Counter({"converged": 3, "calculator-failed": 1})
    assert exit_code(failed, None) == ExitCode.NOT_CONVERGED
    assert exit_code(failed + Counter(unreadable=1), None) == ExitCode.INPUT
    assert exit_code(failed, 0.25) == ExitCode.OK
