"""Concentration, asymmetry, smoothness, Gini, M20, axis ratio and colours of one galaxy."""
