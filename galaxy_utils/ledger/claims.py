"""The claims of the paper: each number and statement that can be checked."""

from collections import Counter
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from galaxy_utils.errors import UserError

NUMERIC = ("number", "upper_limit", "setting")
"""Checks that compare our number with the paper's."""


class Claim(BaseModel):
    """One number or statement of the paper.

    What the fields mean, and how each `check` decides, stands in `data/paper_values.yml`.
    `ours`, `compared_with` and `chance` hold keys of results.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    place: str
    statement: str
    value: bool | int | float | str
    text: str
    unit: str = ""
    check: Literal[
        "number", "upper_limit", "setting", "statement", "inconsistent", "not_reproducible"
    ]
    ours: str = ""
    tolerance: dict[Literal["relative", "absolute"], float] = {}
    reason: str = ""
    compared_with: dict[str, str] = {}
    chance: tuple[str, ...] = ()
    by_choice: bool = False
    repeats: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        measured = self.check in (*NUMERIC, "statement")
        if measured and not self.ours:
            raise ValueError(f"claim {self.id}: a {self.check} needs `ours`, the key of a result")
        if not measured and not self.reason:
            raise ValueError(f"claim {self.id}: {self.check} needs a `reason`")
        if self.check in NUMERIC and isinstance(self.value, bool | str):
            raise ValueError(f"claim {self.id}: a {self.check} needs a number as `value`")
        if self.check in ("number", "setting") and not self.tolerance:
            raise ValueError(f"claim {self.id}: a {self.check} needs a `tolerance`")
        if self.chance and self.check not in ("number", "statement"):
            raise ValueError(f"claim {self.id}: a {self.check} has no `chance`")
        return self


def read_claims(path: Path) -> list[Claim]:
    """Read the paper's claims in the order of the file, `data/paper_values.yml`.

    `UserError` if it is no YAML with a list `claims`, an entry is malformed, an id stands twice or
    a claim repeats one that does not exist.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["claims"]
        claims = [Claim(**entry) for entry in entries]
    except (yaml.YAMLError, ValidationError, TypeError, KeyError) as error:
        raise UserError(f"{path}: expected a list `claims` of complete entries: {error}") from None
    for name, number in Counter(claim.id for claim in claims).items():
        if number > 1:
            raise UserError(f"{path}: id {name!r} stands more than once; give each claim its own")
    independent = {claim.id for claim in claims if not claim.repeats}
    for claim in claims:
        if claim.repeats and claim.repeats not in independent:
            raise UserError(
                f"{path}: claim {claim.id} repeats {claim.repeats!r}; expected the id of a claim "
                "that repeats no other"
            )
    return claims
