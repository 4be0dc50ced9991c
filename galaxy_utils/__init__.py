"""Helpers of the executable companion: one module a noun of the paper."""

import warnings

__version__ = "0.1.0"

# tqdm looks for notebook widgets and warns on the pages where there are none
warnings.filterwarnings("ignore", message="IProgress not found")
