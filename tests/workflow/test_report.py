"""The report at the end of a command: counts, reasons grouped by kind, examples, JSON."""

from __future__ import annotations

import json

import pandas as pd

from galaxy_utils.workflow.report import Report, group_reasons

TABLE = pd.DataFrame(
    {
        "objid": list("abcdefgh"),
        "reason": [
            "30x30 px: expected at least 48 px a side", "", "12x12 px: expected at least 48 px",
            "20x47 px: expected at least 48 px a side", "unreadable image: it is cut short",
            "grey image", "5x5 px: expected at least 48 px a side",
            "9x9 px: expected at least 48 px a side",
        ],
        "masked_share": [0, 0.2, 0, 0, 0, 0, 0, 0],
    }
)  # fmt: skip
DONE = pd.Series([False, True, False, False, False, True, False, False])


def test_reasons_are_grouped_by_kind_with_three_examples() -> None:
    groups = group_reasons(TABLE[~DONE])
    assert [(g.count, g.examples) for g in groups] == [
        (4, ["a", "d", "g"]), (1, ["c"]), (1, ["e"]),
    ]  # fmt: skip
    assert groups[0].line() == "     4  30x30 px: expected at least 48 px a side (a, d, g, …)"
    assert groups[1].line().endswith("(c)")


def test_the_report_counts_and_says_why() -> None:
    report = Report.of(TABLE, DONE, ["2 files are no images"])
    lines = report.words("measured")
    assert lines[0] == "8 images: 2 measured, 6 skipped, 1 with a part that has no data"
    assert lines[1] == "Skipped:" and lines[5] == "Measured, but:"
    assert lines[6] == "     1  grey image (f)" and lines[-1] == "note: 2 files are no images"
    content = json.loads(report.json("measured", folder="/out"))
    assert content["images"] == 8 and content["measured"] == 2 and content["folder"] == "/out"
    assert content["skipped"][0]["count"] == 4 and content["notes"] == ["2 files are no images"]


def test_nothing_skipped_is_one_line() -> None:
    report = Report.of(TABLE[["objid", "reason"]].iloc[[1]], pd.Series([True], index=[1]), [])
    assert report.words("classified") == ["1 image: 1 classified, 0 skipped"]
