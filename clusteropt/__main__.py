"""`clusteropt` and `python -m clusteropt`: Ctrl-C while the modules are read ends the program in one line."""

import os
import sys
from contextlib import suppress


def main() -> None:
    """Runs the command line."""
    try:
        from clusteropt.cli import main as command
        from clusteropt.errors import ExitCode
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    try:
        command()
    except SystemExit as stop:
        if isinstance(stop.code, int) and stop.code in (ExitCode.STOPPED, ExitCode.INTERRUPTED):
            _end_at_once(stop.code)
        raise


def _interrupted() -> int:
    """Says so, and returns the exit code."""
    sys.stderr.write("clusteropt: interrupted\n")
    return 130


def _end_at_once(code: int) -> None:
    """Ends the process, where Python would wait for programs that are being built or run and that nobody needs any more.

    All that is to be kept has been written before the command gave its exit code. Workers of calculators would go on until
    their evaluations have ended.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its reader has left, or it is closed
            stream.flush()
    calculators = sys.modules.get("clusteropt.potentials.calculators.known")
    try:
        if calculators is not None:
            calculators.kill_all()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
