"""Wall times of the stages that begin with pixels."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils.data.hubble import hubble_deep_field
from galaxy_utils.workflow.timing import PIECE, _with_source, enlarged, hardware, time_pixels


def test_the_hardware_is_named() -> None:
    assert " cores, " in hardware()


STAMPS = [hubble_deep_field()[64:128, 64 * i : 64 * i + 64] for i in range(3)]


def test_everything_that_begins_with_pixels_is_timed() -> None:
    stamps = [enlarged(stamp) for stamp in STAMPS]
    rows = time_pixels(stamps, ["efficientnet_lite0-full"], 9)
    assert list(rows["stage"]) == ["morphology"] * 3 + ["features"] * 3
    assert list(rows["galaxies"]) == [PIECE, PIECE, 1] * 2
    assert (rows["seconds"] > 0).all()


def test_a_stamp_without_a_source_is_not_timed() -> None:
    empty = np.zeros((64, 64, 3), np.uint8)
    stamps = [enlarged(empty), *(enlarged(stamp) for stamp in STAMPS)]
    assert not any(stamp.max() == 0 for stamp in _with_source(stamps, 9))
    with pytest.raises(ValueError, match="no stamp to time with"):
        _with_source([empty], 1)
