"""Thousands of structure files in one run that can stop at any moment and go on."""
