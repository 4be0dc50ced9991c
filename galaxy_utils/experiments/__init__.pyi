from .experiment import FEW_DRAWS as FEW_DRAWS
from .experiment import Experiment as Experiment
from .measuring import experiments_note as experiments_note
from .measuring import load_or_measure as load_or_measure
from .measuring import measure_experiment as measure_experiment
from .registry import EXPERIMENTS as EXPERIMENTS
from .registry import check_names as check_names
from .registry import find_experiment as find_experiment
from .store import Row as Row
from .store import Store as Store
from .store import read_result as read_result
from .store import rows_digest as rows_digest

__all__ = [
    "EXPERIMENTS",
    "FEW_DRAWS",
    "Experiment",
    "Row",
    "Store",
    "check_names",
    "experiments_note",
    "find_experiment",
    "load_or_measure",
    "measure_experiment",
    "read_result",
    "rows_digest",
]
