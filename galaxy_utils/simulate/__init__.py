"""Simulated galaxies of known family, as the survey would have shown them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
