"""What a command did with a folder of images, in words and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

N_EXAMPLES = 3


@dataclass(frozen=True)
class Group:
    """Galaxies of which the same can be said."""

    reason: str
    count: int
    examples: list[str]

    def line(self) -> str:
        """Return it in words: how many, why, and which."""
        more = ", …" if self.count > len(self.examples) else ""
        return f"{self.count:6d}  {self.reason} ({', '.join(self.examples)}{more})"


@dataclass(frozen=True)
class Report:
    """Counts of images, why some were skipped, and remarks on the others."""

    images: int
    done: int
    masked: int
    skipped: list[Group]
    remarks: list[Group]
    notes: list[str]

    @classmethod
    def of(cls, table: pd.DataFrame, done: pd.Series, notes: Sequence[str]) -> Report:
        """Report on a table with `objid`, `reason` and perhaps `masked_share`, a row per image."""
        masked = table.get("masked_share", pd.Series(0.0, index=table.index))
        return cls(
            len(table), int(done.sum()), int((masked > 0).sum()),
            group_reasons(table[~done]), group_reasons(table[done & (table["reason"] != "")]),
            list(notes),
        )  # fmt: skip

    def words(self, verb: str) -> list[str]:
        """Return the lines to print; `verb` says what was done, such as "measured"."""
        images = f"{self.images} image{'s' * (self.images != 1)}"
        lines = [f"{images}: {self.done} {verb}, {self.images - self.done} skipped"]
        lines[0] += f", {self.masked} with a part that has no data" if self.masked else ""
        for title, groups in (("Skipped:", self.skipped), (f"{verb}, but:", self.remarks)):
            lines += [title.capitalize(), *(group.line() for group in groups)] if groups else []
        return lines + [f"note: {note}" for note in self.notes]

    def json(self, verb: str, **more: Any) -> str:
        """Return the same, and what else there is to say, for scripts."""
        content = asdict(self)
        return json.dumps({verb: content.pop("done"), **content, **more}, indent=1)


def group_reasons(table: pd.DataFrame) -> list[Group]:
    """Group rows by reason, the most frequent first; numbers and quoted names do not count."""
    reasons = table["reason"].astype(str)
    kinds = reasons.map(lambda text: re.sub(r"'[^']*'|\d+(\.\d+)?", "#", text))
    groups = [
        Group(str(rows["reason"].iloc[0]), len(rows), rows["objid"].head(N_EXAMPLES).tolist())
        for _, rows in table.groupby(kinds, sort=False)
    ]
    return sorted(groups, key=lambda group: -group.count)
