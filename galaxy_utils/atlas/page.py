"""Write the atlas: a part of a book's page, or one file that needs nothing else."""

from __future__ import annotations

import base64
import gzip
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment

from galaxy_utils.atlas.data import LABELS, Atlas, collect
from galaxy_utils.atlas.pictures import as_jpeg
from galaxy_utils.data.catalogue import FORMULA
from galaxy_utils.provenance import write_atomically
from galaxy_utils.run_folder import RunFolder

PARTS = ("atlas.html", "atlas.css", "atlas.js")
"""Template, style and script, beside this module."""

SHOWN = ("objid", "gz1_class", "cluster", "max_probability", "concentration", "asymmetry",
         "smoothness", "gini", "m20", "rpetro_circ", "sn_per_pixel", "largest", "percentile",
         "is_anomaly", "reason")  # fmt: skip
N_SHOWN = 20
"""Columns and rows of the table for those who cannot see the canvas; empty columns are left out."""


def atlas_html(atlas: Atlas, csv: str | None = None, alone: bool = True) -> str:
    """Write the HTML of an atlas.

    Parameters
    ----------
    atlas : Atlas
    csv : str, optional
        Address of the catalogue as CSV; without it the page holds the CSV.
    alone : bool
        A complete page, not a part of one.

    Returns
    -------
    str
    """
    html, style, script = ((files(__package__) / name).read_text("utf-8") for name in PARTS)
    first = atlas.catalogue.reindex(columns=list(SHOWN)).head(N_SHOWN)
    first = first.replace("", None).dropna(axis="columns", how="all")
    tables = {"The first galaxies": first, **atlas.tables}
    return Environment(autoescape=True, trim_blocks=True).from_string(html).render(
        atlas=atlas, alone=alone, csv=csv or _as_address(catalogue_csv(atlas.catalogue)),
        tables={caption: _as_text(table) for caption, table in tables.items()},
        style=style, script=script, data=as_json(atlas.data),
    )  # fmt: skip


def _as_text(table: pd.DataFrame) -> list[list[str]]:
    """Write a table as rows of text, the first with the names of its columns."""
    names = [LABELS.get(name, (name.replace("_", " "), ""))[0] for name in map(str, table)]
    return [names, *([_shown(value) for value in row] for row in table.itertuples(index=False))]


def as_json(data: Any) -> str:
    """Write a dictionary with arrays as JSON that can stand in a page: no `<` is left in it."""
    return json.dumps(data, default=_packed, separators=(",", ":")).replace("<", "\\u003c")


def _packed(array: Any) -> dict[str, str]:
    """Write an array as base64 of its bytes, little-endian, in row order."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {"type": little.dtype.str[1:], "base64": base64.b64encode(little.tobytes()).decode()}


def _as_address(text: str) -> str:
    content = gzip.compress(text.encode(), mtime=0)
    return "data:application/gzip;base64," + base64.b64encode(content).decode()


def _shown(value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def catalogue_csv(catalogue: pd.DataFrame) -> str:
    """Write the catalogue as CSV with six digits; no text is a formula to a spreadsheet."""
    table = catalogue.copy()
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].map(_harmless)
        elif name in ("ra", "dec"):
            table[name] = table[name].map("{:.10g}".format, na_action="ignore")
    return str(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and re.match(FORMULA, value) else value


def write_atlas(folder: RunFolder) -> tuple[Path, Path]:
    """Write the atlas of a run as one HTML file, and its galaxies as a table with pictures.

    Parameters
    ----------
    folder : RunFolder
        A run that has a catalogue.

    Returns
    -------
    html : Path
        `atlas.html`, which needs no other file.
    table : Path
        `atlas.parquet`: the catalogue, x and y (UMAP), and thumbnail (JPEG) where the run has
        photographs.
    """
    atlas = collect(folder)
    html, table = folder.file("atlas.html"), folder.file("atlas.parquet")
    write_atomically(html, atlas_html(atlas))
    rows = pd.concat([atlas.catalogue, atlas.layout], axis=1)
    if pictures := atlas.pictures.thumbnails:
        found = [as_jpeg(pictures[row]) if row in pictures else None for row in range(len(rows))]
        rows["thumbnail"] = pd.Series(found, dtype=object)
    unfinished = table.with_name(table.name + ".partial")
    rows.to_parquet(unfinished, index=False)
    unfinished.replace(table)
    return html, table
