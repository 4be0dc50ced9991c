from .experiment import FEW_DRAWS as FEW_DRAWS
from .measuring import experiments_note as experiments_note
from .measuring import load_or_measure as load_or_measure
from .measuring import measure_experiment as measure_experiment
from .registry import EXPERIMENTS as EXPERIMENTS
from .store import read_result as read_result
