"""`python -m clusteropt`."""

from clusteropt.cli import main

main()
