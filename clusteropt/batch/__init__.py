"""Batches: thousands of structures in one folder. A batch can stop at any moment and continue later."""
