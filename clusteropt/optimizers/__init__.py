"""Optimizers: one file each, all in one table."""
