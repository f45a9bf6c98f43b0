"""Errors in words for the user, and the exit codes that the shell hears."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; scripts may rely on them."""

    OK = 0  # everything converged
    FAILURE = 1  # something unexpected: a bug, or a broken installation
    USAGE = 2  # a wrong option or value
    INPUT = 3  # some input could not be used; wins over NOT_CONVERGED
    NOT_CONVERGED = 4  # some structure did not reach its minimum
    STOPPED = 75  # stopped early, can go on
    INTERRUPTED = 130  # Ctrl-C


class ClusterOptError(Exception):
    """An error that the user can mend. Its text says what is wrong, what is allowed and what to do next."""

    exit_code = ExitCode.FAILURE


class UsageError(ClusterOptError):
    """An option or argument that cannot be."""

    exit_code = ExitCode.USAGE


class InputError(ClusterOptError):
    """A file or structure that cannot be used."""

    exit_code = ExitCode.INPUT


class Stopped(ClusterOptError):
    """Stopped before the end, after what a later run needs has been written."""

    exit_code = ExitCode.STOPPED


class Deserted(Stopped):
    """Another process of the same run has gone."""


class Interrupted(ClusterOptError):
    """Ctrl-C, after everything that was finished has been written."""

    exit_code = ExitCode.INTERRUPTED


def is_of_memory(problem: Exception) -> bool:
    """True where the computation did not fit into the memory, of the device or the host."""
    return isinstance(problem, MemoryError) or "RESOURCE_EXHAUSTED" in str(problem)


def unexpected(problem: Exception) -> str:
    """An error that nobody has foreseen, in a few words: `unexpected ValueError (a fault)`."""
    return f"unexpected {type(problem).__name__} ({' '.join(str(problem).split())[:160]})"


def suggest(word: str, allowed: list[str] | tuple[str, ...]) -> str:
    """`Did you mean 'fire'? ` where a neighbour of `word` exists among `allowed`, then the whole list."""
    from difflib import get_close_matches

    by_lower = {name.lower(): name for name in allowed}
    near = get_close_matches(word.lower(), by_lower, n=1)
    hint = f"did you mean '{by_lower[near[0]]}'? " if near else ""
    return f"{hint}allowed: {', '.join(allowed)}"
