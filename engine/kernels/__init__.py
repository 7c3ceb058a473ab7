"""What runs: Numba range kernels behind one ABI, built at first use (docs/kernels.md)."""
