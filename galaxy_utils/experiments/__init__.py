"""Experiments, the store of what they measured, and how a page gets their results."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
