"""Import torchvision also next to a CPU build of torch that lacks its C++ operators."""

from __future__ import annotations

import importlib
from types import ModuleType

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[object] = []  # a declaration ends with its object


def import_torchvision() -> ModuleType:
    """Import torchvision; declare the operators that its extension would, where that does not load.

    It is built for PyPI's torch; with another build everything but detection works.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    import torch

    _libraries.append(library := torch.library.Library("torchvision", "DEF"))
    for name in _OPERATORS:
        library.define(name + _SCHEMA)
    return importlib.import_module("torchvision")
