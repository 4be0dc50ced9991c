"""Measurements and deep features of galaxies, the galaxy encoder, and the measured table."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
