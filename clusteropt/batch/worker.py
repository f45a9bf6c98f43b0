"""The task of a Dask worker. It imports jax only when it starts, because the process must be set up before."""

from typing import TYPE_CHECKING, Any

from clusteropt.batch.items import Line, Parcel
from clusteropt.hosts.worker import at_work, check_alike, use_calculator
from clusteropt.settings.config import MinimizeSettings

if TYPE_CHECKING:
    from clusteropt.potentials.calculators.recipe import Recipe


def work(
    task: Parcel, settings: MinimizeSettings, common: dict[str, Any], calculator: "Recipe | None" = None
) -> list[Line]:
    """Computes a task on as many cores as the worker has threads; one task at a time.

    `common` is the result of `made_of` on the client. Raises UsageError where this worker has another version of clusteropt, or
    where its files that the settings name have other contents.
    """
    with at_work():
        from clusteropt.batch.chunk import computed, lines_of
        from clusteropt.batch.identity import made_of

        use_calculator(calculator)
        check_alike(made_of(settings), common)
        return [line for done in computed(task.given, settings) for line in lines_of(done, settings)]
