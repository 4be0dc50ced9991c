"""SkyServer: queries to its database, and colour cutouts of SDSS galaxies.

Services (SDSS DR17; the address is `SERVER`, or the option --server):

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
from PIL import Image as PillowImage

from galaxy_utils.data.download import Client, Manners, Passing, Refused, Stopped, host_of, words_of
from galaxy_utils.data.fetching import Fetched, Wanted, fetch_files
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import write_atomically

SERVER = "https://skyserver.sdss.org/dr17"
"""The one default of --server."""

SIDE = 256
"""Height and width of a cutout in pixels (paper, section on the data set)."""

CARRIED_SCALE, NATIVE_SCALE = 0.4, 0.396
"""Arcseconds a pixel: of the cutouts that sdss5000 was measured on, and of the survey's own
pixels, which the sample of the paper's recipe takes; the paper states none."""

BLANK = 0.85
"""A frame with a larger share of pure black is no sky: SkyServer's own notice of a
position outside the footprint has 0.91, the darkest of 5,000 real cutouts 0.75."""

IDENTIFIERS = frozenset({"objid", "dr7objid"})
"""Columns kept as text: they exceed 2^53."""

POSITIONS = "positions.csv"
"""Positions that were looked up, beside the images."""

POSITIONS_AT_ONCE = 50
"""Identifiers in one query: an address of some 2,000 characters is safe everywhere."""

QUERY_MANNERS = Manners(
    at_once=1, rate=0.5, attempts=3, first_wait=5.0, read_timeout=660.0, answer_timeout=900.0
)
"""SkyServer allows 60 queries a minute and lets one run for 600 s (its page Query Limits)."""

OFFLINE = (
    "Connect this machine to the internet (behind a proxy: set HTTPS_PROXY), or name another "
    "server (galaxy-book skyserver and galaxy-book images take --server); what was fetched is kept"
)


def query_url(server: str, sql: str) -> str:
    """Address of a query's answer.

    Parameters
    ----------
    server : str
        As `SERVER`.
    sql : str
        One statement.

    Returns
    -------
    str
        Address; the answer is a CSV table.
    """
    fields = urlencode({"cmd": sql, "format": "csv"})
    return f"{server.rstrip('/')}/SkyServerWS/SearchTools/SqlSearch?{fields}"


def cutout_url(server: str, ra: float, dec: float, scale: float) -> str:
    """Address of a galaxy's colour cutout.

    Parameters
    ----------
    server : str
        As `SERVER`.
    ra, dec : float
        Degrees, J2000.
    scale : float
        Arcseconds a pixel.

    Returns
    -------
    str
        Address; the answer is a JPEG of `SIDE` pixels a side.
    """
    place = {"ra": f"{ra:.7f}", "dec": f"{dec:.7f}"}
    fields = urlencode(place | {"scale": scale, "width": SIDE, "height": SIDE})
    return f"{server.rstrip('/')}/SkyServerWS/ImgCutout/getjpeg?{fields}"


def check_cutout(body: bytes) -> None:
    """Make sure that an answer is a picture of the sky, whole and of the right size.

    Parameters
    ----------
    body : bytes
        An answer of ImgCutout.

    Raises
    ------
    Passing
        If it is no JPEG (SkyServer sends error pages with status 200) or is cut short.
    Refused
        If it has another size, or shows no sky.
    """
    if not body.startswith(b"\xff\xd8"):
        raise Passing(f"expected a JPEG, got {words_of(body[:4000])!r}")
    try:
        with PillowImage.open(io.BytesIO(body)) as opened:
            pixels = np.asarray(opened.convert("RGB"))
    except Exception as error:  # Pillow raises many types on damaged files
        raise Passing(f"damaged JPEG: {error}") from error
    height, width = pixels.shape[:2]
    if (height, width) != (SIDE, SIDE):
        raise Refused(f"{width}x{height} px: expected {SIDE}x{SIDE} px")
    if float((pixels.max(axis=2) == 0).mean()) > BLANK:
        raise Refused("an almost black frame: SDSS has no image there")


def check_answer(body: bytes) -> None:
    """Make sure that an answer is a table, and no page that tells of an error.

    Parameters
    ----------
    body : bytes
        An answer of SqlSearch.

    Raises
    ------
    Passing
        If it is none; the message tells what it says.
    """
    if not body.lstrip().startswith(b"#Table"):
        raise Passing(f"expected a table, got {words_of(body[:4000])!r}")


def read_answer(body: bytes, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table of SqlSearch.

    Parameters
    ----------
    body : bytes
        An answer that `check_answer` lets pass.
    columns : sequence of str
        What was selected.

    Returns
    -------
    DataFrame
        These columns, all text; missing is the empty text.

    Raises
    ------
    UserError
        If the columns are others or a row has not all fields.
    """
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
    return pd.DataFrame(rows, columns=list(columns)).replace("null", "")


def run_query(sql: str, columns: Sequence[str], server: str, client: Client) -> pd.DataFrame:
    """Ask SkyServer's database.

    Parameters
    ----------
    sql : str
        One statement.
    columns : sequence of str
        What it selects.
    server : str
        As `SERVER`.
    client : Client
        With `QUERY_MANNERS`.

    Returns
    -------
    DataFrame
        As of `read_answer`.

    Raises
    ------
    UserError
        If the query fails; the message tells what SkyServer says.
    """
    try:
        body = client.get(query_url(server, sql), check_answer)
    except (Passing, Refused, Stopped) as error:
        raise UserError(
            f"the query to {host_of(server)} failed: {client.given_up or error}. Try again later; "
            "what was fetched is kept"
        ) from error
    return read_answer(body, columns)


def as_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Read a table's text as numbers.

    Parameters
    ----------
    table : DataFrame
        As of `read_answer`.

    Returns
    -------
    DataFrame
        The same; all but `IDENTIFIERS` are float, NaN where missing.

    Raises
    ------
    UserError
        Naming the row and column of what is no number.
    """
    numbers = table.copy()
    for column in set(table.columns) - IDENTIFIERS:
        parsed = pd.to_numeric(table[column], errors="coerce")
        wrong = np.flatnonzero(parsed.isna() & (table[column] != ""))
        if len(wrong):
            raise UserError(
                f"SkyServer's table, row {wrong[0] + 1}, column {column}: "
                f"{table[column].iloc[wrong[0]]!r} is not a number"
            )
        numbers[column] = parsed.astype(float)
    return numbers


def fetch_cutouts(
    positions: Mapping[str, tuple[float, float]],
    folder: Path,
    server: str,
    client: Client,
    scale: float,
    unknown: Sequence[str] = (),
) -> Fetched:
    """Bring colour cutouts into a folder, named `<objid>.jpg`.

    Parameters
    ----------
    positions : mapping of str to (float, float)
        objid to ra and dec, degrees.
    folder : Path
        Where they lie.
    server : str
        As `SERVER`.
    client : Client
        Asks it.
    scale : float
        Arcseconds a pixel.
    unknown : sequence of str
        Galaxies without a position; they are told among the failures.

    Returns
    -------
    Fetched
        What was done.
    """
    wanted = [
        Wanted(objid, f"{objid}.jpg", cutout_url(server, ra, dec, scale))
        for objid, (ra, dec) in positions.items()
    ]
    lost = dict.fromkeys(unknown, "SkyServer knows no such galaxy")
    return fetch_files(
        wanted, folder, client, check_cutout, "cutouts", lambda: client.probe(server, OFFLINE), lost
    )


def find_positions(
    objids: Sequence[str], server: str, client: Client
) -> dict[str, tuple[float, float]]:
    """Look up DR7 identifiers among the galaxies of Galaxy Zoo 1.

    Its two tables hold every galaxy of the measured sample; PhotoObjDR7, with
    all objects of DR7, has no index on their identifiers.

    Parameters
    ----------
    objids : sequence of str
        DR7 identifiers, at most `POSITIONS_AT_ONCE`.
    server : str
        As `SERVER`.
    client : Client
        With `QUERY_MANNERS`.

    Returns
    -------
    dict of str to (float, float)
        ra and dec in degrees, good to 0.1 arcsec; those not found are left out.

    Raises
    ------
    UserError
        If an identifier is none, or a query fails.
    """
    wrong = [objid for objid in objids if not re.fullmatch(r"[0-9]{1,19}", objid)]
    if wrong:
        raise UserError(f"objid {wrong[0]!r} is no SDSS identifier: expected digits alone")
    sql = _positions_statement(objids)
    return positions_of(as_numbers(run_query(sql, ("objid", "ra", "dec"), server, client)))


def _positions_statement(objids: Sequence[str]) -> str:
    """objids: digits alone."""
    return (
        "SELECT v.dr7objid AS objid, v.ra AS ra, v.dec AS dec FROM ("
        "SELECT dr7objid, ra, dec FROM zooSpec UNION ALL "
        "SELECT dr7objid, ra, dec FROM zooNoSpec) AS v "
        f"WHERE v.dr7objid IN ({', '.join(objids)})"
    )


def fetch_known(
    catalogue: pd.DataFrame,
    folder: Path,
    server: str = SERVER,
    manners: Manners | None = None,
    query_manners: Manners | None = None,
) -> Fetched:
    """Bring cutouts of galaxies of a catalogue, looking up positions that it lacks.

    Parameters
    ----------
    catalogue : DataFrame
        Columns objid (DR7), ra, dec; NaN where unknown.
    folder : Path
        Where the images lie.
    server : str
        As `SERVER`.
    manners, query_manners : Manners, optional
        How the server is treated; the defaults if not given.

    Returns
    -------
    Fetched
        What was done; a galaxy that SkyServer does not know is among the failures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = _known_positions(catalogue, folder)
    unknown = [objid for objid in catalogue["objid"] if objid not in known]
    asking = Client(query_manners or QUERY_MANNERS)
    if unknown:
        asking.probe(server, OFFLINE)
    for start in range(0, len(unknown), POSITIONS_AT_ONCE):
        known |= find_positions(unknown[start : start + POSITIONS_AT_ONCE], server, asking)
        _keep_positions(known, folder)
    positions = {objid: known[objid] for objid in catalogue["objid"] if objid in known}
    lost = [objid for objid in unknown if objid not in known]
    return fetch_cutouts(positions, folder, server, Client(manners), CARRIED_SCALE, lost)


def _known_positions(catalogue: pd.DataFrame, folder: Path) -> dict[str, tuple[float, float]]:
    """What the catalogue says, and what was looked up before."""
    path = folder / POSITIONS
    if path.exists():
        before = pd.read_csv(path, dtype={"objid": str})
        catalogue = pd.concat([before, catalogue[["objid", "ra", "dec"]]])
    return positions_of(catalogue)


def _keep_positions(known: Mapping[str, tuple[float, float]], folder: Path) -> None:
    lines = [f"{objid},{ra:.10g},{dec:.10g}\n" for objid, (ra, dec) in known.items()]
    write_atomically(folder / POSITIONS, "".join(["objid,ra,dec\n", *lines]))


def positions_of(catalogue: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Positions that a catalogue knows.

    Parameters
    ----------
    catalogue : DataFrame
        Columns objid, ra, dec.

    Returns
    -------
    dict of str to (float, float)
        ra and dec in degrees; galaxies without are left out.
    """
    known = catalogue.dropna(subset=["ra", "dec"])
    places = zip(known["ra"].astype(float), known["dec"].astype(float), strict=True)
    return dict(zip(known["objid"].astype(str), places, strict=True))
