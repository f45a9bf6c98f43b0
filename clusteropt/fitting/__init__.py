"""Fits of network potentials to structures with energies."""
