"""Catalogues of galaxies: CSV tables as people and programs write them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from galaxy_utils.data.galaxy_zoo import GALAXY_ZOO_CLASSES, galaxy_zoo_class
from galaxy_utils.data.images import IMAGE_SUFFIXES
from galaxy_utils.errors import UserError

CATALOGUE_COLUMNS = ("objid", "gz1_class", "ra", "dec", "z", "petroR50_r")
"""Of every catalogue; only objid is needed. Degrees, redshift, arcsec."""

IDENTIFIERS = ("objid", "dr7objid", "specobjid")
"""Names of the first column, upper or lower case; the first that is there counts."""

MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "-", "--"})
"""Words for an unknown value, upper or lower case."""

SENTINELS = (-9999.0, -999.0, -99.0)
"""Numbers that stand for an unknown value; 99 does, too, where it is out of range."""

RANGES = {"ra": (0.0, 360.0), "dec": (-90.0, 90.0), "z": (-0.1, 20.0), "petroR50_r": (0.0, 3600.0)}

FORMULA = r"[=+@\t\r]|-\D"
"""Start of a text that a spreadsheet would run as a formula."""

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_catalogue(path: Path) -> pd.DataFrame:
    """Read a catalogue of galaxies.

    Read are commas, semicolons (also with decimal commas) and tabs, UTF-8, UTF-16 and Latin-1;
    column names in upper or lower case; words and numbers that stand for unknown values.

    Parameters
    ----------
    path : Path
        CSV file with a column `objid`.

    Returns
    -------
    DataFrame
        Columns `CATALOGUE_COLUMNS`; columns that the file does not have are empty. `attrs["notes"]`
        lists in words what was read in another way than it was written.

    Raises
    ------
    UserError
        Naming file, line and column, if there is no column objid, an objid is empty, repeated,
        rounded or no name of a file, a line has too many or too few fields, a class is unknown, or
        a number is none or out of range.
    """
    if not path.is_file():
        raise UserError(f"catalogue {path}: there is no such file")
    source = f"catalogue {path}"
    table = _read_fields(path, source)
    lines = table.pop("line")
    by_lower = {name.lower(): name for name in reversed(list(table.columns))}
    identifier = next((by_lower[name] for name in IDENTIFIERS if name in by_lower), None)
    if identifier is None:
        raise UserError(
            f"{source}: no column objid; it has {', '.join(table.columns)} (columns are separated "
            "by commas, semicolons or tabs)"
        )
    notes = [] if identifier == "objid" else [f"column {identifier} is taken as objid"]
    found = pd.DataFrame({"objid": _objids(table[identifier], lines, source)})
    for column in CATALOGUE_COLUMNS[1:]:
        if column.lower() not in by_lower:
            found[column] = np.nan
            continue
        text = table[by_lower[column.lower()]]
        text = text.where(~text.str.lower().isin(MISSING))
        if text.isna().all():
            notes.append(f"column {by_lower[column.lower()]} has no value")
        read = _classes if column == "gz1_class" else _numbers
        found[column] = read(text, column, lines, source, notes)
    found["gz1_class"] = found["gz1_class"].astype(object)
    found.attrs["notes"] = notes
    return found


def match_objids(objids: pd.Series, listed: pd.Series) -> pd.Series:
    """Find for each file name the objid of a catalogue that means it; NaN where there is none.

    They may differ in upper and lower case, in the form of accented letters, in leading zeros, and
    in the apostrophe before a formula.
    """
    exact = dict(zip(listed, listed, strict=True))
    loose = {_plain(objid): objid for objid in listed}
    return objids.map(lambda objid: exact.get(objid, loose.get(_plain(objid))))


def rounded_objids(objids: pd.Series, listed: pd.Series) -> list[str]:
    """Return listed identifiers of which only the last digits differ from those of a file.

    A program that takes them for floats keeps some sixteen digits and fills up with zeros.
    """
    files, strange = set(objids), listed[listed.str.fullmatch(r"\d{15,}0") & ~listed.isin(objids)]
    digits = {name[:15] for name in files if name.isdigit() and len(name) > 16}
    return [objid for objid in strange if objid[:15] in digits]


def _plain(objid: str) -> str:
    return unicodedata.normalize("NFC", objid).casefold().lstrip("'0")


def _read_fields(path: Path, source: str) -> pd.DataFrame:
    """All fields as text without blanks around them, and the line that each row stands in."""
    content = path.read_bytes()
    encoding = next((e for mark, e in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    text = re.sub(r"\A(?:(?:#[^\n]*|sep=.)\r?\n)+", _blank_lines, text.lstrip("\ufeff"))
    if "\0" in text or not text.strip():
        raise UserError(f"{source}: not a CSV table: it is {'binary' if text.strip() else 'empty'}")
    header = text.lstrip().splitlines()[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begins = 1
    for fields in reader:
        if any("\n" in field or "\r" in field for field in fields):
            raise UserError(f"{source}: line {begins}: a quotation mark is opened and not closed")
        if any(field.strip() for field in fields):
            rows.append([field.strip() for field in fields])
            lines.append(begins)
        begins = reader.line_num + 1
    names, width = _names(rows[0], source)
    for fields, line in zip(rows[1:], lines[1:], strict=True):
        while len(fields) > width and not fields[-1]:  # commas at the end of a line
            fields.pop()
        if len(fields) != width:
            raise UserError(
                f"{source}: line {line}: {len(fields)} fields, and the first line names {width} "
                f"columns; expected as many, separated by {_name_of(separator)}"
            )
    table = pd.DataFrame(rows[1:], columns=names, dtype=str)
    if separator == ";":
        number = r"^([+-]?\d+),(\d+)$"
        table = table.apply(lambda column: column.str.replace(number, r"\1.\2", regex=True))
    return table.assign(line=lines[1:])


def _blank_lines(found: re.Match[str]) -> str:
    """Comments and Excel's `sep=;` before the header: the lines after them keep their numbers."""
    return "\n" * found.group().count("\n")


def _names(fields: list[str], source: str) -> tuple[list[str], int]:
    names = list(fields)
    while names and not names[-1]:
        names.pop()
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UserError(f"{source}: line 1: column {repeated[0]!r} stands there more than once")
    return names, len(names)


def _name_of(separator: str) -> str:
    return {"\t": "tabs", ";": "semicolons", ",": "commas"}[separator]


def _objids(column: pd.Series, lines: pd.Series, source: str) -> pd.Series:
    """Identifiers as text, without the suffix of an image file or the `.0` of a float."""
    suffixes = "|".join(re.escape(suffix) for suffix in IMAGE_SUFFIXES)
    objids = column.str.replace(rf"(?i)({suffixes})$", "", regex=True)
    objids = objids.str.replace(r"^(\d+)\.0*$", r"\1", regex=True)
    problems = {
        "objid is empty": objids == "",
        "objid {} has lost digits: a program wrote it as a rounded number; write it as text":
            objids.str.fullmatch(r"(?i)\d+(\.\d+)?e\+?\d+"),
        "objid {} cannot be the name of a file; expected no '/', no '\\' and no leading dot":
            objids.str.contains(r"[/\\\x00-\x1f]|^\.", regex=True) | (objids.str.len() > 200),
        "objid {} stands in more than one row": objids.duplicated(),
    }  # fmt: skip
    for problem, wrong in problems.items():
        rows = np.flatnonzero(wrong)
        if len(rows):
            shown = repr(column.iloc[rows[0]])
            raise UserError(f"{source}: line {lines.iloc[rows[0]]}: " + problem.format(shown))
    return objids


def _classes(
    text: pd.Series, column: str, lines: pd.Series, source: str, notes: list[str]
) -> pd.Series:
    classes = text.map(galaxy_zoo_class, na_action="ignore")
    wrong = np.flatnonzero(text.notna() & classes.isna())
    if len(wrong):
        raise UserError(
            f"{source}: line {lines.iloc[wrong[0]]}, column {column}: "
            f"{text.iloc[wrong[0]]!r} is no Galaxy Zoo class; expected one of "
            f"{', '.join(GALAXY_ZOO_CLASSES)}, or nothing where it is unknown"
        )
    read = pd.DataFrame({"theirs": text, "ours": classes}).dropna().drop_duplicates()
    changed = read[read["theirs"] != read["ours"]]
    notes += [f"class {t!r} is read as {o}" for t, o in changed.itertuples(index=False)]
    return classes


def _numbers(
    text: pd.Series, column: str, lines: pd.Series, source: str, notes: list[str]
) -> pd.Series:
    low, high = RANGES[column]
    numbers = as_numbers(text.to_frame(column), [column], source, lines)[column]
    unknown = numbers.isin(SENTINELS) | ((numbers == 99) & (high < 99))
    if unknown.any():
        notes.append(f"column {column}: {int(unknown.sum())} numbers such as "
                     f"{text[unknown].iloc[0]} are read as unknown")  # fmt: skip
    numbers = numbers.where(~unknown)
    wrong = np.flatnonzero(numbers.notna() & ~numbers.between(low, high))
    if len(wrong):
        raise UserError(
            f"{source}: line {lines.iloc[wrong[0]]}, column {column}: {text.iloc[wrong[0]]} is "
            f"not between {low:g} and {high:g}; leave it empty where unknown"
        )
    return numbers


def read_rows(path: Path) -> pd.DataFrame:
    """Read a CSV table of ours without guessing at identifiers and reasons.

    These are text and never missing; elsewhere an empty field is.
    """
    header = pd.read_csv(path, nrows=0).columns
    words = {"objid", "reason", "statmorph_reason"}
    missing = {name: ["", "NA", "NaN", "nan", "null"] for name in header if name not in words}
    text = dict.fromkeys([*words, "gz1_class"], str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=missing)


def as_numbers(
    table: pd.DataFrame, columns: Iterable[str], source: str, lines: pd.Series | None = None
) -> pd.DataFrame:
    """Read columns of text as floats; `UserError` names source, line and column of what is none."""
    numbers = table.copy()
    for column in columns:
        numbers[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
        wrong = np.flatnonzero(numbers[column].isna() & table[column].notna())
        if len(wrong):
            line = wrong[0] + 1 if lines is None else lines.iloc[wrong[0]]
            raise UserError(
                f"{source}: line {line}, column {column}: "
                f"{table[column].iloc[wrong[0]]!r} is not a number; leave it empty where unknown"
            )
    return numbers
