"""Import torchvision also next to a CPU build of torch that lacks its C++ operators."""

from __future__ import annotations

import importlib
from types import ModuleType

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_libraries: list[object] = []
"""Declarations end with their object, so it is kept."""


def import_torchvision() -> ModuleType:
    """Import torchvision; declare the operators that its extension would, where that does not load.

    It is built for PyPI's torch: with another build the import fails with "operator
    torchvision::nms does not exist", although everything but detection works.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _libraries.append(library)
    return importlib.import_module("torchvision")
