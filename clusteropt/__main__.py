"""`clusteropt` and `python -m clusteropt`: Ctrl-C while the modules are read ends the program in one line."""

import sys


def main() -> None:
    """Runs the command line."""
    try:
        from clusteropt.cli import main as command
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    command()


def _interrupted() -> int:
    """Says so, and returns the exit code."""
    sys.stderr.write("clusteropt: interrupted\n")
    return 130


if __name__ == "__main__":
    main()
