"""How the kernels compile: numba, cached on disk between processes, and the array types."""

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
Region = NDArray[np.bool_]
Function = TypeVar("Function", bound=Callable[..., Any])


def _fingerprint() -> tuple[str, int]:
    """Digest and size of the sources of all kernels, in the form of numba's stamps."""
    folder = Path(__file__).parent
    paths = [*sorted(folder.glob("*.py")), folder.parent / "reasons.py"]
    sources = b"".join(path.read_bytes() for path in paths)
    return sha256(sources).hexdigest(), len(sources)


FINGERPRINT = _fingerprint()


def compiled(function: Function, **options: Any) -> Function:
    """Compile, and let machine code on disk be used only while no kernel has changed."""
    # numba itself looks at the file of the function alone, not at those of what it calls
    dispatcher = njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    dispatcher._cache._cache_file._source_stamp = FINGERPRINT
    return cast(Function, dispatcher)


def compiled_sums(function: Function) -> Function:
    """Compile a function whose sums may be taken in any order, several terms at once."""
    return compiled(function, fastmath={"reassoc", "contract", "nsz", "arcp"})


@compiled
def raise_flag(flag: Integers, level: int) -> None:
    """Raise the flag, an array of one number, to a level; it is never lowered."""
    flag[0] = max(flag[0], level)
