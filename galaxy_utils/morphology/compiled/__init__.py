"""The compiled kernels behind the fast measurement."""
