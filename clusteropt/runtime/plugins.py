"""Plugins: optimizers, features, potential forms, strategies and tasks, which are chosen by name.

Some ship with clusteropt. Another package registers its own as an entry point, for instance in its pyproject.toml

    [project.entry-points."clusteropt.optimizers"]
    adam = "my_package:adam"

A plugin is imported when it is first used. Other packages are searched only for names that are not shipped.
"""

from collections.abc import Iterable
from functools import cache, reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clusteropt.errors import UsageError, suggest

_SHIPPED: dict[str, dict[str, str]] = {  # group -> name -> module:attribute
    "features": {  # each is a Feature (optimizers/learned/features/base.py); theta holds their weights in this order
        "neighbours": "clusteropt.optimizers.learned.features.neighbours:FEATURE",
        "schedule": "clusteropt.optimizers.learned.features.schedule:FEATURE",
        "second-moments": "clusteropt.optimizers.learned.features.second_moments:FEATURE",
        "angles": "clusteropt.optimizers.learned.features.angles:FEATURE",
        "radial": "clusteropt.optimizers.learned.features.radial:FEATURE",
        "normalized": "clusteropt.optimizers.learned.features.normalized:FEATURE",
        "horizon": "clusteropt.optimizers.learned.features.horizon:FEATURE",
        "tensors": "clusteropt.optimizers.learned.features.tensors:FEATURE",
    },
    "optimizers": {  # each makes an Optimizer from a Scale (optimizers/base.py)
        "lbfgs": "clusteropt.optimizers.local.lbfgs:lbfgs",
        "fire": "clusteropt.optimizers.local.fire:fire",
        "gradient-descent": "clusteropt.optimizers.local.gradient_descent:gradient_descent",
    },
    "potentials": {  # each is a Form (potentials/form.py)
        "lennard-jones": "clusteropt.potentials.forms.lennard_jones:FORM",
        "gupta": "clusteropt.potentials.forms.gupta:FORM",
        "stillinger-weber": "clusteropt.potentials.forms.stillinger_weber:FORM",
        "morse": "clusteropt.potentials.forms.morse:FORM",
        "network": "clusteropt.potentials.forms.network:FORM",
        "calculator": "clusteropt.potentials.forms.calculator:FORM",
        "surrogate": "clusteropt.potentials.forms.surrogate:FORM",
    },
    "strategies": {  # each makes a Strategy from TrainSettings (training/strategy.py)
        "es": "clusteropt.training.esmc:esmc",
        "ga": "clusteropt.training.ga:ga",
    },
    "tasks": {  # each makes a Task from its name (training/tasks.py); formulas need no entry
        "net": "clusteropt.training.networks:task",
    },
}


def is_known(group: str, name: str) -> bool:
    """True where the group has a plugin of that name."""
    return name in _SHIPPED[group] or name in _registered(group)


def shipped(group: str) -> tuple[str, ...]:
    """The names of the plugins in the group that ship with clusteropt."""
    return tuple(_SHIPPED[group])


def known(group: str) -> dict[str, str]:
    """All plugins of a group, as name -> module:attribute. Shipped ones come first, and no package can replace them."""
    others = {name: place for name, place in _registered(group).items() if name not in _SHIPPED[group]}
    return _SHIPPED[group] | others


def load(group: str, name: str) -> Any:
    """The plugin of that name. Raises UsageError for an unknown name, and where the plugin cannot be imported."""
    place = _SHIPPED[group].get(name) or _registered(group).get(name)
    if place is None:
        raise UsageError(f"none of the {group} is named '{name}'; {suggest(name, tuple(known(group)))}")
    module, _, attribute = place.partition(" [")[0].partition(":")
    try:
        return reduce(getattr, attribute.split("."), import_module(module))
    except (Exception, SystemExit) as problem:
        raise UsageError(f"'{name}', one of the {group}, cannot be loaded from {place}: {problem}") from problem


def sources() -> list[Path]:
    """The Python files of all packages that register a plugin, sorted. Compiled programs depend on them."""
    packages = {
        place.partition(":")[0].partition(".")[0] for group in _SHIPPED for place in _registered(group).values()
    }
    found: set[Path] = set()
    for spec in filter(None, map(find_spec, packages)):
        folders = spec.submodule_search_locations
        found |= {Path(str(spec.origin))} if folders is None else {f for d in folders for f in Path(d).rglob("*.py")}
    return sorted(file for file in found if file.is_file())


def entry_points(group: str) -> Iterable[Any]:
    """The entry points of that group in all installed packages.

    importlib.metadata is imported here, not at the top, because it would slow `--help` down.
    """
    from importlib import metadata

    return metadata.entry_points(group=group)


@cache
def _registered(group: str) -> dict[str, str]:
    """The plugins of a group that installed packages register, as name -> module:attribute."""
    return {point.name: point.value for point in entry_points(group=f"clusteropt.{group}")}
