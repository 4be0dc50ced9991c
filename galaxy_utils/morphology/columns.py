"""Names of the columns that hold the morphological parameters."""

FIVE = ("concentration", "asymmetry", "smoothness", "gini", "m20")
"""The five morphological parameters, in the paper's order."""
