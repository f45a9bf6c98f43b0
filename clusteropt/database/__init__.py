"""A file of all distinct minima that searches have found: an SQLite database that ASE opens too."""
