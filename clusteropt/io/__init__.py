"""Structures, results and the table of known minima, in and out of files."""
