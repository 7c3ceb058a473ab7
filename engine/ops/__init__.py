"""Primitives by family; each file's records say what an op computes and how its gradient is."""
