"""Where galaxies come from: samples, catalogues, SkyServer, FITS and the Hubble Deep Field."""
