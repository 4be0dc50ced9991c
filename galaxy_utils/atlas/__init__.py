"""The atlas: all galaxies of a run on one page that answers back."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
