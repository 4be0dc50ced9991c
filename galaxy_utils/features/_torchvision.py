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
    """Import torchvision; declare the operators that it misses, and only these.

    PyPI's torchvision is built for PyPI's torch. With another build of torch its
    extension does not load, and the import fails with "operator torchvision::nms does not
    exist". Declaring the operators' schemas, without an implementation, lets everything
    but detection work.
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
