"""Frozen networks, the galaxy encoder, and the table of all features."""
