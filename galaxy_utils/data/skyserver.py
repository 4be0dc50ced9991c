"""SkyServer (SDSS DR17): queries to its database, and colour cutouts of galaxies.

    SearchTools/SqlSearch    GET cmd, format=csv; the answer begins with a line `#Table1`
    ImgCutout/getjpeg        GET ra, dec (degrees), scale (arcsec/px), width, height (px)

A failed query comes as HTTP 4xx or 5xx with a JSON object (ErrorMessage), or as a
page of HTML with status 200; a position outside the footprint as HTTP 404, or as a
black JPEG of the right size with a line of words in it. What is told apart here
was read from the service's own source and from issues of astroquery (#2684, #2706).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
from PIL import Image as PillowImage

from galaxy_utils.data.catalogue import as_numbers
from galaxy_utils.data.client import (
    Client,
    DownloadError,
    RequestPolicy,
    RetryableError,
    host_of,
    message_in,
)
from galaxy_utils.data.download import Downloads, download_images
from galaxy_utils.data.paper_sample import (
    CATALOGUE,
    COLUMNS,
    IDENTIFIER,
    QUERY,
    PaperSample,
    check_folder,
    write_catalogue,
)
from galaxy_utils.data.survey import PIXEL, SIDE
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import write_atomically
from galaxy_utils.run_folder import output_folder

SERVER = "https://skyserver.sdss.org/dr17"

SDSS5000_SCALE = 0.4
"""Arcseconds per pixel of the cutouts that sdss5000 was measured on; the paper states none."""

LARGEST_BLACK_SHARE = 0.85
"""A frame with a larger share of pure black shows no sky: SkyServer's own notice of a
position outside the footprint has 0.91, the darkest of 5,000 real cutouts 0.75."""

POSITIONS = "positions.csv"
"""Positions that were looked up, in the folder of the images."""

POSITIONS_PER_QUERY = 50
"""An address of some 2,000 characters is safe everywhere."""

POLICY = RequestPolicy()
QUERY_POLICY = RequestPolicy(
    concurrency=1, rate=0.5, attempts=3, backoff=5.0, read_timeout=660.0, response_timeout=900.0
)
"""SkyServer allows 60 queries a minute and lets one run for 600 s (its page Query Limits)."""


def check_cutout(body: bytes) -> None:
    """Make sure that an answer of ImgCutout is a complete picture of the sky."""
    if not body.startswith(b"\xff\xd8"):
        raise RetryableError(f"expected a JPEG, got {message_in(body)!r}")
    try:
        with PillowImage.open(io.BytesIO(body)) as opened:
            pixels = np.asarray(opened.convert("RGB"))
    except Exception as error:  # Pillow raises many types on damaged files
        raise RetryableError(f"damaged JPEG: {error}") from error
    height, width = pixels.shape[:2]
    if (height, width) != (SIDE, SIDE):
        raise DownloadError(f"{width}x{height} px: expected {SIDE}x{SIDE} px")
    if float((pixels.max(axis=2) == 0).mean()) > LARGEST_BLACK_SHARE:
        raise DownloadError("an almost black frame: SDSS has no image there")


def run_query(sql: str, columns: Sequence[str], server: str, client: Client) -> pd.DataFrame:
    """Rows of a statement; numbers but for identifiers, NaN where missing."""
    fields = urlencode({"cmd": sql, "format": "csv"})
    url = f"{server.rstrip('/')}/SkyServerWS/SearchTools/SqlSearch?{fields}"
    try:
        body = client.get(url, _check_table)
    except DownloadError as error:
        raise UserError(
            f"the query to {host_of(server)} failed: {error}. Try again later; what was fetched "
            "is kept"
        ) from error
    lines = [line for line in body.decode("utf-8", "replace").splitlines() if line.strip()]
    found, *rows = list(csv.reader(lines[1:])) or [[]]
    if [name.lower() for name in found] != [name.lower() for name in columns]:
        raise UserError(
            f"SkyServer's table has the columns {', '.join(found) or 'none'}; "
            f"expected {', '.join(columns)}"
        )
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise UserError(
                f"SkyServer's table, row {number}: {len(row)} fields, expected {len(columns)}; "
                "the answer was cut short: run the same command again"
            )
    table = pd.DataFrame(rows, columns=list(columns), dtype=str).replace({"null": "", "": None})
    numeric = [name for name in columns if not name.endswith("objid")]  # these exceed 2^53
    return as_numbers(table, numeric, "SkyServer's table")


def _check_table(body: bytes) -> None:
    if not body.lstrip().startswith(b"#Table"):
        raise RetryableError(f"expected a table, got {message_in(body)!r}")


def _fetch_cutouts(
    places: pd.DataFrame, folder: Path, server: str, scale: float, unknown: Sequence[str] = ()
) -> Downloads:
    """Download cutouts at places (objid, ra, dec); `unknown` galaxies count among the failures."""
    urls = {}
    for objid, ra, dec in places[["objid", "ra", "dec"]].itertuples(index=False):
        place = {"ra": f"{ra:.7f}", "dec": f"{dec:.7f}"}
        fields = urlencode(place | {"scale": scale, "width": SIDE, "height": SIDE})
        urls[objid] = f"{server.rstrip('/')}/SkyServerWS/ImgCutout/getjpeg?{fields}"
    lost = dict.fromkeys(unknown, "SkyServer knows no such galaxy")
    return download_images(urls, folder, Client(POLICY), check_cutout, lost)


def find_positions(objids: Sequence[str], server: str, client: Client) -> pd.DataFrame:
    """Look up ra and dec (degrees, to 0.1 arcsec) of DR7 identifiers; unknown ones are left out.

    The two tables of Galaxy Zoo 1 hold every galaxy of the measured sample; PhotoObjDR7, with
    all objects of DR7, has no index on their identifiers.
    """
    wrong = [objid for objid in objids if not re.fullmatch(IDENTIFIER, objid)]
    if wrong:
        raise UserError(f"objid {wrong[0]!r} is no SDSS identifier: expected digits alone")
    sql = (
        "SELECT v.dr7objid AS objid, v.ra AS ra, v.dec AS dec FROM ("
        "SELECT dr7objid, ra, dec FROM zooSpec UNION ALL "
        "SELECT dr7objid, ra, dec FROM zooNoSpec) AS v "
        f"WHERE v.dr7objid IN ({', '.join(objids)})"
    )
    return run_query(sql, ("objid", "ra", "dec"), server, client).dropna()


def fetch_known(catalogue: pd.DataFrame, folder: Path, server: str = SERVER) -> Downloads:
    """Download cutouts of galaxies of a catalogue, looking up positions that it lacks.

    The folder receives the images and `POSITIONS`; a galaxy that SkyServer does not know is among
    the failures. `UserError` if the server cannot be reached or is down, or a query fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / POSITIONS
    found = pd.read_csv(path, dtype={"objid": str}) if path.exists() else catalogue[:0]
    places = pd.concat([catalogue.dropna(subset=["ra", "dec"]), found]).drop_duplicates("objid")
    unknown = catalogue.loc[~catalogue["objid"].isin(places["objid"]), "objid"].tolist()
    client = Client(QUERY_POLICY)
    if unknown:
        client.probe(server)
    for start in range(0, len(unknown), POSITIONS_PER_QUERY):
        found = find_positions(unknown[start : start + POSITIONS_PER_QUERY], server, client)
        places = pd.concat([places, found])[["objid", "ra", "dec"]].drop_duplicates("objid")
        text = places.to_csv(index=False, float_format="%.10g", lineterminator="\n")
        write_atomically(path, text)
    lost = [objid for objid in unknown if objid not in set(places["objid"])]
    wanted = places[places["objid"].isin(catalogue["objid"])]
    return _fetch_cutouts(wanted, folder, server, SDSS5000_SCALE, lost)


def fetch_sample(wanted: PaperSample, folder: Path, server: str = SERVER) -> Downloads:
    """Download the paper's sample into a folder, or what is still missing of it.

    The folder receives `CATALOGUE`, `QUERY`, the images, manifest and failures. `UserError` if the
    server cannot be reached or is down, an answer is not what was asked for, or the folder holds
    another sample or files of others.
    """
    with output_folder(folder, "sample from SkyServer"):
        if (folder / QUERY).exists():
            check_folder(wanted, folder)
        else:
            client = Client(QUERY_POLICY)
            client.probe(server)
            print(
                f"Asking {host_of(server)} for {wanted.number:,} galaxies; some minutes", flush=True
            )
            table = run_query(wanted.statement(), COLUMNS, server, client)
            write_catalogue(table, wanted, folder, server)
        places = pd.read_csv(folder / CATALOGUE, dtype={"objid": str})
        return _fetch_cutouts(places, folder, server, PIXEL)
