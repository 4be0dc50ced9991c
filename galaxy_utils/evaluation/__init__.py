"""Scores, nulls, stability, and every test that a partition is put to."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
