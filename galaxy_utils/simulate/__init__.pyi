from .drawing import draw as draw
from .drawing import mock_sample as mock_sample
from .families import FAMILIES as FAMILIES
from .families import truth as truth
from .twins import draw_twin as draw_twin
