"""Batches of clusters as arrays, sums over neighbours, and shapes."""
