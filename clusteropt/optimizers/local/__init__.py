"""Conventional optimizers, one file each."""
