"""Answers to the questions that a calculator was asked, which are not asked for twice; faults; and a record of all structures."""

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

_KEPT = 4096  # answers that are remembered


class Question(NamedTuple):
    """A structure whose energy and forces are wanted."""

    numbers: np.ndarray  # (n_atoms,) int32, atomic numbers
    positions: np.ndarray  # (n_atoms, 3) float64, angstrom
    initial: np.ndarray | None = None  # (n_atoms, 2) float64, magnetic moments and charges with which to begin


class Answer(NamedTuple):
    """Energy in eV, and forces (n_atoms, 3) in eV/angstrom."""

    energy: float
    forces: np.ndarray


def answer_in(values: np.ndarray) -> Answer:
    """The answer in one array (1 + 3 n_atoms,): the energy, and then the forces."""
    return Answer(float(values[0]), values[1:].reshape(-1, 3))


class Memory:
    """Answers by their questions, the latest ones."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Answer] = OrderedDict()
        self._faults: OrderedDict[bytes, str] = OrderedDict()
        self._recorded: dict[bytes, Answer] | None = None  # answers since `begin_record`
        self._n_dropped = 0  # answers that the record has left out again

    def remembered(self, question: Question) -> Answer | None:
        """The answer that was given to the question before; None for a question that is new, forgotten or has failed."""
        return self._known.get(_content(question))

    def begin_record(self) -> None:
        """Begins a record of all structures that are kept, and their values."""
        self._recorded, self._n_dropped = {}, 0

    @property
    def n_recorded(self) -> int:
        """The structures since the record began, those that it has left out as too high among them."""
        return len(self._recorded or {}) + self._n_dropped

    def record(self, numbers: np.ndarray, most: int = 4096) -> list[tuple[np.ndarray, Answer]]:
        """Positions (n_atoms, 3) and values of the structures with these atomic numbers (n_atoms,), the lowest first.

        The record goes on with as many as `most`. It does not depend on the order of the answers.
        """
        head = numbers.astype(np.int32).tobytes()
        every = (self._recorded or {}).items()
        own = [one for one in every if one[0].startswith(head) and len(one[1].forces) == len(numbers)]
        own = sorted(own, key=lambda one: (one[1].energy, one[0]))
        self._n_dropped += len(own[most:])
        own = own[:most]
        self._recorded = dict(own)
        return [
            (np.frombuffer(content, "<f8", 3 * len(numbers), len(head)).reshape(-1, 3), answer)
            for content, answer in own
        ]

    def note(self, question: Question, answer: Answer | str) -> None:
        """Remembers what became of a question, and forgets the oldest ones."""
        content = _content(question)
        if isinstance(answer, str):
            _keep(self._faults, content, answer)
            return
        _keep(self._known, content, answer)

    def keep(self, question: Question, answer: Answer) -> None:
        """Takes a structure and its values into the record, if there is one.

        A record follows from the values that were told to whoever reads it, and not from how quickly workers compute.
        """
        if self._recorded is not None:
            self._recorded[_content(question)] = answer

    @property
    def last_fault(self) -> str:
        """The reason why the last question that has failed could not be answered; empty where none has."""
        return next(reversed(self._faults.values()), "")

    def fault(self, question: Question) -> str:
        """The reason why the question could not be answered the last time; empty where that is not known."""
        return self._faults.get(_content(question), "")


def _keep(store: OrderedDict[bytes, Any], content: bytes, value: Answer | str) -> None:
    store[content] = value
    if len(store) > _KEPT:
        store.popitem(last=False)


def _content(question: Question) -> bytes:
    more = b"" if question.initial is None else question.initial.tobytes()
    return question.numbers.tobytes() + question.positions.tobytes() + more
