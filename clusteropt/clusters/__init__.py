"""Batches of clusters as arrays, sums over neighbours, periodic boxes, cohesion and point groups."""
