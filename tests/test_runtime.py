"""Host programs and environments: the same bits whatever was imported, set or computed before, or a line that says why not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli import call, cluster, save

# a loop whose last bits depend on how it was compiled
_ANSWER = """
import numpy as np; from ase import Atoms
positions = 2.4 * np.argwhere(np.ones((3, 3, 2)))[:13] + np.random.default_rng(0).uniform(-0.1, 0.1, (13, 3))
result = clusteropt.energy(Atoms("Si13", positions))
print(repr(result.energy), result.forces.tobytes().hex())
"""
ORDERS = {
    "jax later": "import clusteropt; import jax",
    "jax first": "import jax; import clusteropt",
    "computed in between": "import clusteropt; import jax; jax.numpy.ones(3).sum()",
    "the host's settings": """
import clusteropt; import jax
for name, value in {"transfer_guard": "disallow", "disable_jit": True, "numpy_rank_promotion": "raise", "debug_nans": True,
    "numpy_dtype_promotion": "strict", "default_matmul_precision": "bfloat16", "check_tracer_leaks": True}.items():
    jax.config.update("jax_" + name, value)
""",
    "the host's flags": """
import os; os.environ["XLA_FLAGS"] = "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
import clusteropt
""",
}
LATE = "import jax; jax.numpy.ones(3).sum(); import clusteropt"


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX", "XLA"))}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def answer() -> str:
    done = python("import clusteropt\n" + _ANSWER)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("before", ORDERS.values(), ids=ORDERS)
def test_imports_and_settings_of_the_host_change_no_bit(before, answer):
    done = python(before + "\n" + _ANSWER)
    assert (done.stdout, done.stderr) == (answer, "")


@pytest.mark.parametrize(("before", "kept"), [(ORDERS["jax first"], 1), (ORDERS["the host's flags"], 0), (LATE, 0)])
def test_programs_are_kept_where_they_are_those_of_the_command_line(before, kept, tmp_path):
    done = python(before + "\n" + _ANSWER, XDG_CACHE_HOME=str(tmp_path), CLUSTEROPT_CACHE="on")
    assert done.returncode == 0, done.stderr
    assert len([*tmp_path.rglob("*.program")]) == kept


def test_a_jax_that_has_computed_before_is_warned_of_once():
    done = python(LATE + _ANSWER + _ANSWER)
    assert done.returncode == 0
    assert done.stderr.count("import clusteropt before the first use of jax") == 1


VARIABLES = {
    "JAX_DISABLE_JIT": "1",
    "JAX_TRANSFER_GUARD": "disallow",
    "JAX_ENABLE_X64": "perhaps",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_NUM_CPU_DEVICES": "many",
    "JAX_PLATFORM_NAME": "cuda",
    "XLA_FLAGS": "--xla_no_such_flag",
}


def test_the_command_line_does_not_hear_variables_that_are_for_other_programs(tmp_path):
    save(tmp_path / "a.xyz", cluster())
    plain = call(tmp_path, "energy", "a.xyz", "--json")
    assert call(tmp_path, "energy", "a.xyz", "--json", env=VARIABLES) == plain
    assert plain.code == 0


NOWHERE = [
    ["energy", "none.xyz"],
    ["minimize", "a.xyz"],
    ["batch", "a.xyz", "--out", "out"],
    ["train", "es", "--out", "mine.h5"],
    ["evaluate", "learned", "--tasks", "X13"],
    ["doctor"],
]


@pytest.mark.parametrize("command", NOWHERE, ids=lambda command: command[0])
def test_a_gpu_that_is_not_there_is_told_of_in_one_line_before_a_file_is_touched(tmp_path, command):
    save(tmp_path / "a.xyz", cluster())
    before = sorted(tmp_path.iterdir())
    done = call(tmp_path, *command, "--device", "gpu", env={"CUDA_VISIBLE_DEVICES": ""})
    (line,) = done.err.splitlines()
    assert done.code == 1
    assert line.startswith("clusteropt: --device gpu: jax sees no GPU here")
    assert "jax[cuda13]" in line
    assert sorted(tmp_path.iterdir()) == before


def test_the_device_of_the_command_line_is_stronger_than_that_of_the_environment(tmp_path):
    save(tmp_path / "a.xyz", cluster())
    plain = call(tmp_path, "energy", "a.xyz", "--json")
    assert call(tmp_path, "energy", "a.xyz", "--json", "--device", "cpu", env={"JAX_PLATFORMS": "cuda"}) == plain


@pytest.mark.parametrize(
    ("command", "platform"),
    [
        (["energy", "none.xyz"], "cuda"),
        (["minimize", "a.xyz"], "no-such-thing"),
        (["batch", "a.xyz", "--out", "out"], "cuda"),
        (["train", "es", "--out", "mine.h5"], "cuda"),
        (["evaluate", "learned", "--tasks", "X13"], "cuda"),
        (["doctor"], "cuda"),
    ],
    ids=lambda value: value[0],
)
def test_a_platform_that_is_not_there_is_named_in_one_line_before_a_file_is_touched(tmp_path, command, platform):
    save(tmp_path / "a.xyz", cluster())
    before = sorted(tmp_path.iterdir())
    done = call(tmp_path, *command, env={"JAX_PLATFORMS": platform})
    (line,) = done.err.splitlines()
    assert done.code == 1
    assert line.startswith(f"clusteropt: JAX_PLATFORMS={platform}: ")
    assert "unset" in line
    assert sorted(tmp_path.iterdir()) == before


def test_an_installation_that_does_not_start_is_one_line(tmp_path):
    (tmp_path / "jaxlib.py").write_text("raise ImportError('no such symbol')", encoding="utf-8")
    save(tmp_path / "a.xyz", cluster())
    done = call(tmp_path, "energy", "a.xyz", env={"PYTHONPATH": str(tmp_path)})
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert "pip install" in done.err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_forked_after_the_first_use_refuses_and_names_the_cure():
    code = """
import multiprocessing, sys
import clusteropt
from ase.build import molecule
dimer = molecule("H2"); dimer.symbols = "X2"
def use(_):
    try:
        return clusteropt.energy(dimer).energy
    except clusteropt.ClusterOptError as problem:
        return str(problem)
if __name__ == "__main__":
    print(clusteropt.energy(dimer).status)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map_async(use, [0]).get(timeout=60))
"""
    done = python("import warnings; warnings.simplefilter('ignore')\n" + code)
    first, second = done.stdout.splitlines()
    assert first == "evaluated"
    assert "forked" in second
    assert "spawn" in second


def test_a_fork_before_the_first_use_computes(tmp_path: Path):
    code = """
import os, clusteropt
if os.fork() == 0:
    assert clusteropt.energy(__import__("ase").Atoms("X2", [[0, 0, 0], [1.1, 0, 0]])).status == "evaluated"
    os._exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert python(code).stdout == "7\n"
