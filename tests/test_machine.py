"""The cores and memory that a process may use: never more than the least that its affinity and its control groups allow."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusteropt.runtime import machine

AFFINITY = 64


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A machine of 64 cores whose control groups are made by the returned function: contents by file name."""
    monkeypatch.setattr(machine, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "_OWN", tmp_path / "own")
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(AFFINITY)), raising=False)

    def made(own: str, files: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own, encoding="utf-8")
        for name, content in files.items():
            path: Path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="ascii")

    return made


quotas = st.one_of(st.none(), st.integers(1, 6_400_000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=st.tuples(quotas, quotas, quotas), first=st.booleans())
def test_the_cores_are_the_least_that_a_group_or_one_above_it_allows(tree, limits, first):
    period = 50_000
    for group, quota in zip(("job/step", "job", "."), limits, strict=True):
        if first:
            values = {"cpu.cfs_quota_us": str(quota or -1), "cpu.cfs_period_us": str(period)}
            tree("3:cpu,cpuacct:/job/step\n", {f"cpu/{group}/{name}": value for name, value in values.items()})
        else:
            tree("0::/job/step\n", {f"{group}/cpu.max": f"{quota or 'max'} {period}\n"})
    allowed = [math.ceil(quota / period) for quota in limits if quota]
    assert machine.n_cores() == min([AFFINITY, *allowed]) >= 1


@pytest.mark.parametrize("own", ["", "nonsense\n", "0::/elsewhere\n", "3:cpu:/elsewhere\n", "1:memory:/job\n"])
def test_without_a_quota_the_affinity_counts(tree, own):
    tree(own, {"job/cpu.max": "100000 100000"})
    assert machine.n_cores() == AFFINITY


def test_the_memory_is_the_least_that_a_group_or_one_above_it_leaves(tree):
    tree("0::/job/step\n", {"job/step/memory.max": "max", "job/step/memory.current": "5", "job/step/memory.stat": ""})
    assert machine.free_memory() == math.inf
    statistics = "inactive_file 10\nactive_file 20\nanon 7\n"
    tree("0::/job/step\n", {"job/memory.max": "900", "job/memory.current": "100", "job/memory.stat": statistics})
    assert machine.free_memory() == 830
