"""Errors, whose text is meant for the user, and the exit codes of the commands."""

import textwrap
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; scripts may rely on them."""

    OK = 0  # every structure converged
    FAILURE = 1  # something unexpected: a bug, or a broken installation
    DIFFERENT = 1  # of `compare`: two structures are not the same; the number that `diff` and `cmp` give for it
    USAGE = 2  # a wrong option or value
    INPUT = 3  # an input could not be used; takes precedence over NOT_CONVERGED
    NOT_CONVERGED = 4  # a structure did not reach its minimum
    STOPPED = 75  # stopped early; the same command continues the work
    INTERRUPTED = 130  # Ctrl-C


class ClusterOptError(Exception):
    """An error that the user can mend. Its text says what is wrong, what is allowed and what to do next."""

    exit_code = ExitCode.FAILURE


class UsageError(ClusterOptError):
    """An option or argument is invalid."""

    exit_code = ExitCode.USAGE


class CalculatorFailed(UsageError):
    """A calculator computes nothing of some elements. Who refuses elements without a potential catches it as a UsageError."""

    exit_code = ExitCode.NOT_CONVERGED


class InputError(ClusterOptError):
    """A file or structure cannot be used."""

    exit_code = ExitCode.INPUT


class Stopped(ClusterOptError):
    """The command was stopped early. It has written everything that a later run needs."""

    exit_code = ExitCode.STOPPED


class Deserted(Stopped):
    """Another process of the same run has ended unexpectedly."""


class Interrupted(ClusterOptError):
    """The user pressed Ctrl-C. The command has written every finished result."""

    exit_code = ExitCode.INTERRUPTED


def is_of_memory(problem: Exception) -> bool:
    """True where the computation did not fit into the memory of the device or of the host."""
    return isinstance(problem, MemoryError) or "RESOURCE_EXHAUSTED" in str(problem)


def unexpected(problem: Exception) -> str:
    """A short description of an unforeseen error: `unexpected ValueError (a fault)`."""
    return f"unexpected {type(problem).__name__} ({in_a_line(problem, 160)})"


def in_a_line(problem: BaseException, most: int = 300) -> str:
    """The text of an error in one line, its first words where it is longer than so many characters."""
    return textwrap.shorten(str(problem), most, placeholder=" ...", break_on_hyphens=False)


def suggest(word: str, allowed: list[str] | tuple[str, ...]) -> str:
    """The allowed words, after `did you mean 'fire'?` where one of them resembles `word`."""
    from difflib import get_close_matches

    by_lower = {name.lower(): name for name in allowed}
    near = get_close_matches(word.lower(), by_lower, n=1)
    hint = f"did you mean '{by_lower[near[0]]}'? " if near else ""
    return f"{hint}allowed: {', '.join(allowed)}"
