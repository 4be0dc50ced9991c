"""The paper's data set as a recipe: one query, its answer checked, and the cutouts.

A folder that was made so holds the images, and

    catalogue.csv    columns `sample.CATALOGUE_COLUMNS`, then petroR90_r and the votes
    query.json       recipe, statement as sent, server, date, sha256 of the catalogue
    manifest.csv, failures.csv    as of `galaxy_utils.fetching`
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from galaxy_utils.data.download import Client, Manners, host_of
from galaxy_utils.data.fetching import Fetched, read_failures
from galaxy_utils.data.sample import CATALOGUE_COLUMNS
from galaxy_utils.data.skyserver import (
    NATIVE_SCALE,
    OFFLINE,
    QUERY_MANNERS,
    SERVER,
    as_numbers,
    fetch_cutouts,
    positions_of,
    run_query,
)
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import PACKAGE, sha256_of_file, write_atomically

STATEMENT = PACKAGE.parent / "data" / "skyserver.sql"

CATALOGUE = "catalogue.csv"
QUERY = "query.json"

COLUMNS = (
    "objid", "ra", "dec", "z", "petroR50_r", "petroR90_r", "dr7objid", "nvote",
    "p_el", "p_cw", "p_acw", "p_edge", "p_dk", "p_mg", "p_cs",
    "p_el_debiased", "p_cs_debiased", "spiral", "elliptical", "uncertain",
)  # fmt: skip
"""What `STATEMENT` selects, in its order."""

PRIME, FACTOR, SEED_FACTOR = 2147483579, 1073741789, 1073741783
"""Of the order in `STATEMENT`."""


class Recipe(BaseModel):
    """Parameters of the paper's sample: numbers, and nothing else.

    Parameters
    ----------
    number : int
        Galaxies.
    seed : int
        Of the pseudo-random order.
    z_max : float
        Redshifts are below it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: int = Field(5000, ge=1, le=500_000)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    z_max: float = Field(0.1, gt=0, le=10, allow_inf_nan=False)

    @classmethod
    def of(cls, **values: Any) -> Recipe:
        """Make a recipe, refusing what is no number in range.

        Parameters
        ----------
        **values : object
            number, seed, z_max; the defaults for those left out.

        Returns
        -------
        Recipe
            Checked.

        Raises
        ------
        UserError
            Naming the parameter and what was expected.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            lines = [f"{p['loc'][0]}={p['input']!r}: {p['msg']}" for p in error.errors()]
            raise UserError("SkyServer query: " + "; ".join(lines)) from None


def statement(recipe: Recipe) -> str:
    """Write the query of a recipe in one line, comments left out.

    Parameters
    ----------
    recipe : Recipe
        Checked numbers.

    Returns
    -------
    str
        T-SQL.
    """
    lines = STATEMENT.read_text(encoding="utf-8").splitlines()
    text = " ".join(" ".join(line.split("--")[0] for line in lines).split())
    values = {"number": int(recipe.number), "seed": int(recipe.seed), "z_max": float(recipe.z_max)}
    return Template(text).substitute(values)


def order_key(objid: str, seed: int) -> int:
    """Place of a galaxy in the pseudo-random order of `STATEMENT`.

    Parameters
    ----------
    objid : str
        SDSS identifier.
    seed : int
        Of the order.

    Returns
    -------
    int
        From 0 to `PRIME` - 1; the smaller comes first.
    """
    y = (int(objid) % PRIME * FACTOR + seed * SEED_FACTOR) % PRIME
    return y * y % PRIME * y % PRIME


def check_catalogue(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Make sure that a table is the recipe's sample.

    Parameters
    ----------
    table : DataFrame
        Columns `COLUMNS`, text.
    recipe : Recipe
        What was asked for.

    Returns
    -------
    DataFrame
        The same; all but `IDENTIFIERS` are numbers, NaN where missing.

    Raises
    ------
    UserError
        For a wrong number of rows, identifiers that are none or stand twice,
        numbers that are none or out of range, or another order.
    """
    if len(table) != recipe.number:
        raise UserError(
            f"SkyServer's table has {len(table)} rows, expected {recipe.number}: the answer was "
            "cut short, or there are no more such galaxies. Run it again, or ask for fewer"
        )
    for row, objid in enumerate(table["objid"], 1):
        if not re.fullmatch(r"[0-9]{1,19}", objid):
            raise UserError(f"SkyServer's table, row {row}: objid {objid!r} is no SDSS identifier")
    twice = table.loc[table["objid"].duplicated(), "objid"]
    if len(twice):
        raise UserError(f"SkyServer's table: objid {twice.iloc[0]} stands in more than one row")
    numbers = as_numbers(table)
    _check_range(numbers, "ra", 0, 360)
    _check_range(numbers, "dec", -90, 90)
    _check_range(numbers, "z", 0, recipe.z_max)
    keys = [(order_key(objid, recipe.seed), int(objid)) for objid in table["objid"]]
    if keys != sorted(keys):
        raise UserError("SkyServer's table is not in the order that was asked for; run it again")
    return numbers


def _check_range(numbers: pd.DataFrame, column: str, low: float, high: float) -> None:
    wrong = np.flatnonzero(~numbers[column].between(low, high))
    if len(wrong):
        raise UserError(
            f"SkyServer's table, row {wrong[0] + 1}: {column} is {numbers[column].iloc[wrong[0]]}, "
            f"expected {low} to {high}"
        )


def seen_class(votes: pd.DataFrame) -> pd.Series:
    """Galaxy Zoo 1 class by the published flags.

    Parameters
    ----------
    votes : DataFrame
        Columns spiral and elliptical, 1 where more than 80 % of the debiased
        votes are for it; NaN where Galaxy Zoo 1 has no such galaxy.

    Returns
    -------
    Series of str
        `elliptical`, `spiral_combined`, or empty: uncertain, or not in Galaxy Zoo 1.

    References
    ----------
    Lintott et al. (2011), MNRAS 410, 166, section 4 and table 2.
    """
    names = np.select(
        [votes["elliptical"] == 1, votes["spiral"] == 1], ["elliptical", "spiral_combined"], ""
    )
    return pd.Series(names, index=votes.index, dtype=str)


def fetch_sample(
    recipe: Recipe,
    folder: Path,
    server: str = SERVER,
    manners: Manners | None = None,
    query_manners: Manners | None = None,
) -> Fetched:
    """Bring the recipe's galaxies into a folder; taken up where it was left.

    Parameters
    ----------
    recipe : Recipe
        Which ones.
    folder : Path
        Receives `CATALOGUE`, `QUERY`, the images and what `fetch_files` keeps.
    server : str
        As `SERVER`.
    manners, query_manners : Manners, optional
        How the server is treated; the defaults if not given.

    Returns
    -------
    Fetched
        What was done.

    Raises
    ------
    UserError
        If the server cannot be reached or is down, an answer is not what was
        asked for, or the folder holds another sample.
    """
    _check_same(recipe, folder)
    client = Client(manners)
    if not (folder / QUERY).exists():
        client.probe(server, OFFLINE)
        print(f"Asking {host_of(server)} for {recipe.number:,} galaxies; some minutes", flush=True)
        _write_catalogue(recipe, folder, server, Client(query_manners or QUERY_MANNERS))
    return fetch_cutouts(_positions_in(folder), folder, server, client, NATIVE_SCALE)


def is_complete(folder: Path) -> bool:
    """Whether every galaxy of a fetched sample has an image, or a reason why not.

    Parameters
    ----------
    folder : Path
        As of `fetch_sample`.

    Returns
    -------
    bool
        False also where there is no such folder.
    """
    if not (folder / QUERY).exists():
        return False
    failed = read_failures(folder)
    return all(o in failed or (folder / f"{o}.jpg").exists() for o in _positions_in(folder))


def _check_same(recipe: Recipe, folder: Path) -> None:
    """Refuse a folder that holds another sample, or a catalogue that was changed."""
    if not (folder / QUERY).exists():
        return
    content = json.loads((folder / QUERY).read_text(encoding="utf-8"))
    if content["recipe"] != recipe.model_dump():
        raise UserError(
            f"{folder} holds another sample ({content['recipe']}); name another folder with --out"
        )
    path = folder / CATALOGUE
    if not path.exists() or sha256_of_file(path) != content["sha256"]:
        raise UserError(
            f"{path} is not what SkyServer sent; remove {folder / QUERY} and run the same "
            "command again: the images are kept"
        )


def _write_catalogue(recipe: Recipe, folder: Path, server: str, client: Client) -> None:
    sql = statement(recipe)
    table = check_catalogue(run_query(sql, COLUMNS, server, client), recipe)
    table.insert(1, "gz1_class", seen_class(table))
    first = list(CATALOGUE_COLUMNS)
    table = table[first + [name for name in table.columns if name not in first]]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CATALOGUE
    write_atomically(path, table.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
    content = {
        "recipe": recipe.model_dump(),
        "server": server,
        "sql": sql,
        "scale_arcsec": NATIVE_SCALE,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": sha256_of_file(path),
    }
    write_atomically(folder / QUERY, json.dumps(content, indent=1) + "\n")


def _positions_in(folder: Path) -> dict[str, tuple[float, float]]:
    return positions_of(pd.read_csv(folder / CATALOGUE, dtype={"objid": str}))
