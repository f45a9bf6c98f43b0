"""Finds the shipped folders: parameter sets in `potentials/`, trained weights in `pretrained/`."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def shipped(folder: str) -> Traversable:
    """The shipped `folder`: inside the installed package, or at the top of a checkout."""
    packaged = files("clusteropt") / "_data" / folder
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / folder
