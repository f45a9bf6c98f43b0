"""Finds the shipped folders: parameter sets in `potentials/`, trained weights in `pretrained/`."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def names(folder: str, ending: str) -> list[str]:
    """The shipped files of that `folder` and `ending`, without it."""
    found = (entry.name for entry in shipped(folder).iterdir())
    return sorted(name.removesuffix(ending) for name in found if name.endswith(ending))


def shipped(folder: str) -> Traversable:
    """The shipped `folder`: inside the installed package, or at the top of a checkout."""
    packaged = files("clusteropt") / "_data" / folder
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / folder
