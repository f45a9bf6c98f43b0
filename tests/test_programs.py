"""Compiled programs: the kept ones compute what fresh ones do, and a damaged file in the cache costs time, not results."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from clusteropt.engine import programs
from clusteropt.runtime import cachedir, devices, host

SCRIPT = """
from clusteropt.runtime import host
host.prepare(1)
from ase import Atoms
import clusteropt
result = clusteropt.minimize(Atoms("X3", [[0, 0, 0], [1.2, 0, 0], [0.3, 1.0, 0.2]]), optimizer="fire")
print(repr(result.energy), result.atoms.positions.tobytes().hex())
"""


def minimum(cache: Path | str) -> tuple[str, str]:
    """The minimum that a process of its own computes, and its messages on stderr."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)} | ({"CLUSTEROPT_CACHE": "off"} if cache == "" else {})
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def fresh(cache) -> str:
    """The answer of a process that found an empty cache and filled it."""
    return minimum(cache)[0]


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_the_cache_is_private_and_its_programs_compute_the_same_bits(cache, fresh):
    (folder,) = (cache / "clusteropt").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.suffix for path in entries(cache)} >= {".stablehlo"}
    before = {path: path.stat().st_mtime_ns for path in entries(cache) if path.suffix == ".stablehlo"}
    assert minimum(cache) == (fresh, "")
    assert before == {path: path.stat().st_mtime_ns for path in entries(cache) if path.suffix == ".stablehlo"}


def test_without_a_cache_the_answer_is_the_same(fresh):
    assert minimum("") == (fresh, "")


def test_torn_and_foreign_files_in_the_cache_are_made_anew_without_a_word(cache, fresh):
    for k, path in enumerate(entries(cache)):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if k % 2 else content[:64] + b"\0" * 64 + content[128:])
    assert minimum(cache) == (fresh, "")
    assert minimum(cache) == (fresh, "")


def test_a_torn_probe_of_the_compiler_says_nothing_even_where_a_machine_is_so_slow_that_it_is_kept(tmp_path):
    code = (
        "from clusteropt.runtime import devices, host; host.prepare(1); import jax\n"
        "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0); print(devices.compiler_options())"
    )

    def probed() -> tuple[str, str]:
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr

    first = probed()
    kept = list(tmp_path.rglob("jit__lambda*-cache"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:-20])
    assert probed() == (first[0], "")


def test_a_folder_that_others_could_write_to_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cachedir.folder()
    assert folder is not None
    folder.chmod(0o777)
    assert cachedir.folder() is None


def add(common, batch, number, *, mesh):
    return {"sum": batch["sum"] + common * number}


def test_a_program_is_built_once_for_all_batches_of_a_shape():
    mesh = devices.mesh(1)
    batch = {"sum": np.zeros((2, 4))}
    built = programs._built.cache_info().misses
    for k in range(3):
        batch = programs.run(add, np.float64(10), batch, np.float64(k), mesh=mesh, in_place=True)
    assert programs._built.cache_info().misses == built + 1
    np.testing.assert_array_equal(batch["sum"], np.full((2, 4), 30.0))


def test_a_requested_program_is_the_one_that_runs():
    mesh, batch = devices.mesh(1), {"sum": np.ones((2, 5))}
    programs.request(add, np.float64(1), batch, np.float64(1), mesh=mesh, in_place=False)
    built = programs._built.cache_info().misses
    (total,) = programs.run(add, np.float64(1), batch, np.float64(1), mesh=mesh, in_place=False)
    assert programs._built.cache_info().misses == built
    np.testing.assert_array_equal(total, np.full((2, 5), 2.0))


def test_this_jax_computes_right_numbers():
    """Releases 0.10.2 and 0.11.0 do not (jax-ml/jax#39103)."""
    assert devices.compiles_correctly()


def test_a_host_programs_settings_of_jax_stay_as_they_are():
    before = jax.config.jax_enable_x64
    with host.double_precision():
        assert jax.numpy.zeros(1).dtype == np.float64
    assert jax.config.jax_enable_x64 == before


@pytest.mark.parametrize("problem", [jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED"), NotImplementedError()])
def test_a_program_that_cannot_be_kept_costs_no_result(monkeypatch, tmp_path, problem):
    def refused(_: object) -> None:
        raise problem

    monkeypatch.setattr(programs.serialize_executable, "serialize", refused)
    programs._keep(tmp_path / "some.program", jax.jit(lambda x: x).lower(1.0).compile())
    assert not list(tmp_path.iterdir())
