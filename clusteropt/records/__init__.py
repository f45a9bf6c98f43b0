"""Results of any file as plain records, from which tables, pages and pictures are made."""
