"""Functions and estimators of the executable companion, in one subpackage per task."""

import warnings

__version__ = "0.1.0"

# tqdm looks for notebook widgets and warns on the pages where there are none
warnings.filterwarnings("ignore", message="IProgress not found")
