"""Figures; they draw and compute nothing."""
