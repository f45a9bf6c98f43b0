"""A pool without workers: a calculator that no other process can make computes in this one."""

import time
from typing import Any

from clusteropt.potentials.calculators.memory import answer_in
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.calculators.recipe import Recipe
from clusteropt.potentials.calculators.worker import computed, words_of


class Here(Pool):
    """A calculator in this process, one structure after the other: for objects that no other process can make.

    Nothing ends an evaluation that takes too long.
    """

    def __init__(self, recipe: Recipe, calculator: Any) -> None:
        super().__init__(recipe, 1)
        self._calculator = calculator

    def begin(self) -> None:
        """The calculator is there already."""

    def _deal(self) -> None:
        """Nobody else computes."""

    def _listen(self) -> None:
        number = self._waiting.popleft()
        question, began = self._open[number].question, time.monotonic()
        try:
            found = computed(self._calculator, self.recipe.needs_cell, *question)
        except Exception as problem:  # noqa: BLE001  whatever the calculator raises
            self._note(number, words_of(problem))
            return
        self._spent.append(time.monotonic() - began)
        self._note(number, answer_in(found))
