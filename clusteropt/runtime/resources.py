"""The folders of data that ship with clusteropt: `potentials/` (parameter sets) and `pretrained/` (trained weights)."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def names(folder: str, ending: str) -> list[str]:
    """The names of the shipped files in `folder` that end in `ending`, sorted and without the ending."""
    found = (entry.name for entry in shipped(folder).iterdir())
    return sorted(name.removesuffix(ending) for name in found if name.endswith(ending))


def shipped(folder: str) -> Traversable:
    """The shipped `folder`: inside the installed package, or at the top of a source checkout."""
    packaged = files("clusteropt") / "_data" / folder
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / folder
