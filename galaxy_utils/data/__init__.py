"""Where galaxies come from: samples, catalogues, SkyServer, FITS and the Hubble Deep Field."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
