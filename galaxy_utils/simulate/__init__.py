"""Simulated galaxies of known family, drawn with GalSim."""
