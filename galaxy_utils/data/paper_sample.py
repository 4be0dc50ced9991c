"""The paper's sample: galaxies of one query (`data/skyserver.sql`).

Its folder holds the images with their manifest, and

    catalogue.csv    `CATALOGUE_COLUMNS`, petroR90_r and the votes of Galaxy Zoo 1
    query.json       parameters, statement as sent, server, date, sha256 of the catalogue
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from galaxy_utils.data.catalogue import CATALOGUE_COLUMNS
from galaxy_utils.data.manifest import lacks_images
from galaxy_utils.data.survey import PIXEL
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import PACKAGE, sha256_of_file, write_atomically

STATEMENT = PACKAGE.parent / "data" / "skyserver.sql"
CATALOGUE = "catalogue.csv"
QUERY = "query.json"

IDENTIFIER = r"[0-9]{1,19}"
"""An objID of SDSS."""

COLUMNS = (
    "objid", "ra", "dec", "z", "petroR50_r", "petroR90_r", "dr7objid", "nvote",
    "p_el", "p_cw", "p_acw", "p_edge", "p_dk", "p_mg", "p_cs",
    "p_el_debiased", "p_cs_debiased", "spiral", "elliptical", "uncertain",
)  # fmt: skip
"""What `STATEMENT` selects, in its order."""


class PaperSample(BaseModel):
    """Parameters of the query; nothing but numbers in range gets into the statement."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: int = Field(5000, ge=1, le=500_000)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    z_max: float = Field(0.1, gt=0, le=10, allow_inf_nan=False)

    @classmethod
    def of(cls, **values: Any) -> PaperSample:
        """Check parameters; `UserError` names those that are wrong and what was expected."""
        try:
            return cls(**values)
        except ValidationError as error:
            lines = [f"{p['loc'][0]}={p['input']!r}: {p['msg']}" for p in error.errors()]
            raise UserError("SkyServer query: " + "; ".join(lines)) from None

    def statement(self) -> str:
        """The query in one line of T-SQL, without comments."""
        lines = STATEMENT.read_text(encoding="utf-8").splitlines()
        text = " ".join(" ".join(line.split("--")[0] for line in lines).split())
        return Template(text).substitute(self.model_dump())


def _check_catalogue(table: pd.DataFrame, wanted: PaperSample) -> None:
    if len(table) != wanted.number:
        raise UserError(
            f"SkyServer's table has {len(table)} rows, expected {wanted.number}: the answer was "
            "cut short, or there are no more such galaxies. Run it again, or ask for fewer"
        )
    objids = table["objid"].fillna("")
    identified = objids.str.fullmatch(IDENTIFIER) & ~objids.duplicated()
    valid = {"objid": (identified, "an SDSS identifier (digits alone), each once")}
    for column, low, high in (("ra", 0, 360), ("dec", -90, 90), ("z", 0, wanted.z_max)):
        valid[column] = (table[column].between(low, high), f"{low} to {high}")
    for column, (rows, expected) in valid.items():
        if not rows.all():
            row = int(np.argmin(rows))
            raise UserError(
                f"SkyServer's table, row {row + 1}: {column} is {table[column].iloc[row]}, "
                f"expected {expected}"
            )


def is_complete(folder: Path) -> bool:
    """Whether every galaxy of a fetched sample has an image, or a reason why not."""
    if not (folder / QUERY).exists():
        return False
    objids = pd.read_csv(folder / CATALOGUE, usecols=["objid"], dtype=str)["objid"]
    return not lacks_images(folder, objids)


def check_folder(wanted: PaperSample, folder: Path) -> None:
    """Refuse a folder that holds another sample, or a catalogue that was changed."""
    content = json.loads((folder / QUERY).read_text(encoding="utf-8"))
    if content["recipe"] != wanted.model_dump():
        raise UserError(
            f"{folder} holds another sample ({content['recipe']}); name another folder with --out"
        )
    path = folder / CATALOGUE
    if not path.exists() or sha256_of_file(path) != content["sha256"]:
        raise UserError(
            f"{path} is not what SkyServer sent; remove {folder / QUERY} and run the same "
            "command again: the images are kept"
        )


def write_catalogue(table: pd.DataFrame, wanted: PaperSample, folder: Path, server: str) -> None:
    """Write `CATALOGUE` and `QUERY` from the server's answer, after checking it."""
    _check_catalogue(table, wanted)
    # Lintott et al. (2011), MNRAS 410, 166, table 2: more than 80 % of the debiased votes.
    flags = [table["elliptical"] == 1, table["spiral"] == 1]
    table = table.assign(gz1_class=np.select(flags, ["elliptical", "spiral_combined"], ""))
    table = table[[*CATALOGUE_COLUMNS, *(c for c in COLUMNS if c not in CATALOGUE_COLUMNS)]]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CATALOGUE
    write_atomically(path, table.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
    content = {
        "recipe": wanted.model_dump(),  # the key that folders fetched earlier have
        "server": server,
        "sql": wanted.statement(),
        "scale_arcsec": PIXEL,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": sha256_of_file(path),
    }
    write_atomically(folder / QUERY, json.dumps(content, indent=1) + "\n")
