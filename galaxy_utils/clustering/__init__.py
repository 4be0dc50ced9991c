"""Autoencoder, Gaussian mixture and the other clustering algorithms."""
