"""Every test process is set up as the command line sets itself up: double precision, two devices, the compilation cache."""

import hypothesis
import pytest

from clusteropt.runtime import host

host.prepare(2)  # before anything imports jax

hypothesis.settings.register_profile("suite", max_examples=10, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    # several test processes share the cache; who meets an entry that another is just writing compiles for itself
    config.addinivalue_line("filterwarnings", "ignore:Error .* persistent compilation cache entry")
