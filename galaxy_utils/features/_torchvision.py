"""Import torchvision also beside a CPU build of torch that lacks its C++ operators."""

from __future__ import annotations

import importlib
from types import ModuleType

MISSING = "operator torchvision::"
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_keep_alive: list[object] = []


def import_torchvision() -> ModuleType:
    """Import torchvision, declaring its missing operators only where they lack.

    PyPI's torchvision is built for PyPI's torch. Beside another build of torch
    its extension does not load and the import fails with "operator
    torchvision::nms does not exist". Declaring the operators' schemas (no
    implementation: detection stays unusable) lets everything else work. On a
    matching pair the plain import succeeds and nothing is declared.

    Returns
    -------
    module
        The torchvision package.

    Raises
    ------
    RuntimeError
        If the import fails for any other reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if MISSING not in str(error):
            raise
    _declare_operators()
    return importlib.import_module("torchvision")


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    _keep_alive.append(library)  # the declaration ends with the object
