"""Helpers of the executable companion: one module a noun of the paper."""

__version__ = "0.1.0"
