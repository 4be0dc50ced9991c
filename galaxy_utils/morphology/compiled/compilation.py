"""How the package compiles: numba, kept on disk between processes, and the array types."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Shares = NDArray[np.float32] | NDArray[np.float64]
Integers = NDArray[np.int32]
Positions = NDArray[np.int64]
Region = NDArray[np.bool_]
Function = TypeVar("Function", bound=Callable[..., Any])

COMPILED_MODULES = (
    "apertures",
    "asymmetry",
    "compilation",
    "deblending",
    "engine",
    "gini_m20",
    "multimode",
    "petrosian",
    "smoothing",
    "smoothness",
    "stamps",
)
"""Modules with compiled functions; all they share constants and callees with."""


def _fingerprint() -> tuple[str, int]:
    """Digest of the sources of all compiled modules, in the form of numba's stamps."""
    digest, size = sha256(), 0
    for name in COMPILED_MODULES:
        source = (Path(__file__).parent / f"{name}.py").read_bytes()
        digest.update(source)
        size += len(source)
    return digest.hexdigest(), size


FINGERPRINT = _fingerprint()


def _kept(dispatcher: Function) -> Function:
    """Let code on disk be taken only while no compiled module has changed.

    numba looks at the one file that a function stands in, and would go on
    with the old machine code of what it calls from another.
    """
    dispatcher._cache._cache_file._source_stamp = FINGERPRINT  # type: ignore[attr-defined]
    return dispatcher


def compiled(function: Function) -> Function:
    """Compile a function to machine code, kept on disk between processes."""
    return _kept(cast(Function, njit(cache=True, nogil=True, error_model="numpy")(function)))


def compiled_sums(function: Function) -> Function:
    """Compile a function whose sums may be taken in any order, several terms at once."""
    options = {"reassoc", "contract", "nsz", "arcp"}
    return _kept(
        cast(
            Function, njit(cache=True, nogil=True, error_model="numpy", fastmath=options)(function)
        )
    )
