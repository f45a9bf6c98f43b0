"""Every test process is set up as the command line sets itself up: double precision, two devices, the compilation cache."""

import hypothesis
import pytest

from clusteropt.runtime import host

host.prepare(2)  # before anything imports jax

hypothesis.settings.register_profile("suite", max_examples=10, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("suite")

FIRST = ("documentation", "extending", "hpc", "batch_stops", "kept", "library", "runtime", "training")  # minutes


def pytest_configure(config: pytest.Config) -> None:
    # several test processes share the cache; who meets an entry that another is just writing compiles for itself
    config.addinivalue_line("filterwarnings", "ignore:Error .* persistent compilation cache entry")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with the longest tests come first: no process ends with one of them while the other has nothing to do."""
    order = {f"test_{name}.py": place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path.name, len(FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Processes begin with halves of the tests, and who has done its own takes from another's."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getvalue("dist") == "load" else None
