"""The one schema of all parameters: name, type, range, meaning, default, the paper's value."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from galaxy_utils.errors import UserError

if TYPE_CHECKING:  # imported where it is needed: the workflow starts at once
    import pandas as pd

OFFLINE_BACKBONES = ("efficientnet_lite0", "efficientnet_lite2")
"""The pair of networks that the measured table has, from PyPI."""

BACKBONE_NAMES = (*OFFLINE_BACKBONES, "galaxy_convnext", "efficientnet_b0", "convnext_base")
"""Keys of `embedding.BACKBONES`, here without the import of torch."""

OPEN = "not stated"
NO_VALUE = "Conselice (2003), no value"


FEWEST_GALAXIES = 80
"""Of a book: with fewer, some pages have too little to fit, to split or to draw from."""


def check_enough(number: int, state: str = "") -> None:
    """Raise a `UserError` where galaxies are too few for a book; `state` says which are counted."""
    if number < FEWEST_GALAXIES:
        raise UserError(
            f"{number} galaxies{state and ' ' + state}: a book needs at least {FEWEST_GALAXIES}, "
            "since its pages fit, split and resample them; make classify takes any number"
        )


def _field(default: Any, meaning: str, paper: Any = OPEN, **limits: Any) -> Any:
    return Field(default, description=meaning, json_schema_extra={"paper": str(paper)}, **limits)


class Parameters(BaseModel):
    """All parameters of a run; the defaults are the profile `book`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sample: str = _field(
        "sdss5000",
        "sdss5000, hdf, skyserver (selected as in the paper), mock (drawn), or a folder",
        "5,000 SDSS cutouts, no list",
    )
    n_galaxies: int = _field(
        0, "galaxies to take, evenly over the sample; 0 takes all", 5000, ge=0, le=1_000_000
    )
    from_pixels: bool = _field(
        False, "measure the images again, also where a measured table is there", True
    )
    engine: Literal["fast", "statmorph"] = _field(
        "fast", "what measures the five parameters: fast (compiled, of this package) or statmorph"
    )
    backbones: str = _field(
        ",".join(OFFLINE_BACKBONES),
        f"frozen networks, joined by commas, of: {', '.join(BACKBONE_NAMES)}",
        "efficientnet_b0,convnext_base",
    )
    crop: Literal["full", "half", "native", "centre", "quarter"] = _field(
        "full",
        "input of the networks: full (smoothed, z-scored), half (its central half), native "
        "normalisation, centre (the central quarter, native), or quarter (the same, four turns "
        "averaged)",
        "full",
    )
    n_examples: int = _field(8, "galaxies shown on a picture page", ge=1, le=48)
    concentration_minimum: float = _field(
        1.0, "galaxies with C at or below it are dropped", 1.0, ge=0, le=10
    )
    concentration_maximum: float = _field(
        7.0, "galaxies with C above it are dropped", 7.0, ge=0, le=20
    )
    asymmetry_maximum: float = _field(1.0, "galaxies with A above it are dropped", 1.0, ge=0, le=10)
    isolation_contamination: float = _field(
        0.01, "share that the Isolation Forest drops; 0 leaves it out", ge=0, le=0.5
    )
    standardise_deep: bool = _field(
        False, "z-score the deep features too before they are joined (eq. 3 does not)", False
    )
    space: Literal["autoencoder", "components"] = _field(
        "autoencoder",
        "what is clustered: the autoencoder's bottleneck, or measured parameters and whitened "
        "principal components of the deep features",
        "autoencoder",
    )
    deep_components: int = _field(
        16, "principal components of the deep features, where space is components", ge=1, le=512
    )
    measured: Literal["five", "five+axis", "five+axis+colours"] = _field(
        "five",
        "measured parameters, where space is components: the five, with axis ratio, with colours",
        "five",
    )
    scale: Literal["z", "rank"] = _field(
        "z", "how they are scaled there: z-scores, or made normal by their ranks", "z"
    )
    hidden_dims: str = _field(
        "512,128",
        "widths of the encoder's hidden layers, joined by commas; the decoder mirrors them",
    )
    latent_dim: int = _field(64, "width of the bottleneck", 64, ge=1, le=512)
    activation: Literal["gelu", "relu", "tanh"] = _field("gelu", "non-linearity of hidden layers")
    loss_weighting: Literal["plain", "balanced"] = _field(
        "plain", "plain: mean over all inputs; balanced: each modality's mean weighs the same"
    )
    epochs: int = _field(60, "passes over the training galaxies", ge=1, le=5000)
    batch_size: int = _field(256, "galaxies in a training step", ge=8, le=65536)
    learning_rate: float = _field(1e-3, "step size of AdamW", gt=0, le=1)
    weight_decay: float = _field(1e-4, "weight decay of AdamW", ge=0, le=1)
    holdout_fraction: float = _field(
        0.1, "share of galaxies kept out of training to test reconstruction", gt=0, lt=0.9
    )
    n_components: int = _field(4, "components of the Gaussian mixture", 4, ge=2, le=50)
    covariance_type: Literal["full", "tied", "diag", "spherical"] = _field(
        "full", "shape of the components' covariances"
    )
    mixture_fit: Literal["likelihood", "consensus"] = _field(
        "likelihood",
        "how the mixture is fitted: by maximum likelihood, or distilled from the consensus of "
        "many pipelines fitted to the run's galaxies (which ones, and their weights, come from "
        "the project's own search, for four clusters and its own networks)",
        "likelihood",
    )
    n_init: int = _field(3, "starts of the mixture; the likeliest is kept", ge=1, le=100)
    reg_covar: float = _field(
        1e-4, "added to the covariances' diagonal, in units of the mean latent variance", ge=0, le=1
    )
    anomaly_percent: float = _field(
        2.0, "galaxies of lowest log-likelihood called anomalies, in percent", 2.0, gt=0, lt=50
    )
    confidence: float = _field(
        0.85, "assignments of a larger responsibility are called confident", 0.85, gt=0, lt=1
    )
    umap_neighbors: int = _field(15, "neighbours of the UMAP graph", ge=2, le=200)
    umap_min_dist: float = _field(0.1, "smallest distance in the UMAP layout", ge=0, le=1)
    grid_size: int = _field(12, "galaxies in a grid of figure 4", ge=1, le=48)
    late_concentration: float = _field(
        3.5, "proxy rule: below this C a galaxy counts as late type", NO_VALUE, ge=0, le=10
    )
    merger_asymmetry: float = _field(
        0.35, "proxy rule: above this A a galaxy counts as a merger", NO_VALUE, ge=0, le=10
    )
    early_concentration: float = _field(
        4.15, "proxy rule: from this C on a galaxy counts as early type", NO_VALUE, ge=0, le=10
    )
    study_components: int = _field(
        4, "components of the mixtures in the precomputed studies", 4, ge=2, le=36
    )
    study_draws: int = _field(
        3, "seeds and draws of a study that is not precomputed for this run", ge=2, le=1000
    )
    n_mocks: int = _field(
        2000, "mock galaxies of known family that page 17 draws", ge=40, le=1_000_000
    )
    mock_artefacts: float = _field(
        0.05, "share of artefacts among the mock galaxies of page 17", ge=0, le=1
    )
    min_cluster_size: int = _field(25, "smallest cluster of HDBSCAN", ge=2, le=10_000)
    timing_images: int = _field(
        24, "images on which every stage is timed, the slow ones too", ge=8, le=1_000_000
    )
    seed: int = _field(0, "seed of every random choice", ge=0, le=2**31 - 1)

    @field_validator("backbones")
    @classmethod
    def _known_backbones(cls, value: str) -> str:
        names = split_names(value)
        for name in names:
            if name not in BACKBONE_NAMES:
                raise ValueError(f"no backbone {name!r}{_suggest(name, BACKBONE_NAMES)}")
        if not names or len(set(names)) < len(names):
            raise ValueError("expected one or more different backbones, joined by commas")
        return ",".join(names)

    @field_validator("hidden_dims")
    @classmethod
    def _positive_widths(cls, value: str) -> str:
        widths = split_names(value)
        if not all(width.isdecimal() and 1 <= int(width) <= 8192 for width in widths):
            raise ValueError("expected whole numbers from 1 to 8192, joined by commas")
        return ",".join(widths)


PROFILES: dict[str, dict[str, Any]] = {
    "smoke": {
        "sample": "hdf",
        "n_galaxies": 160,
        "hidden_dims": "128",
        "latent_dim": 16,
        "epochs": 8,
        "n_init": 1,
        "min_cluster_size": 8,
        "study_draws": 2,
        "n_mocks": 40,
        "timing_images": 8,
        "holdout_fraction": 0.2,
    },
    "book": {},
    "best": {
        "crop": "quarter",
        "space": "components",
        "deep_components": 16,
        "measured": "five+axis+colours",
        "scale": "rank",
        "covariance_type": "diag",
        "mixture_fit": "consensus",
        "study_draws": 2,
    },
    "full": {"from_pixels": True, "backbones": "efficientnet_b0,convnext_base"},
}


UPSTREAM = (
    "sample", "n_galaxies", "from_pixels", "engine", "backbones", "crop",
    "concentration_minimum", "concentration_maximum", "asymmetry_maximum",
    "isolation_contamination", "seed",
)  # fmt: skip
"""What decides which galaxies are kept and which features they have."""

TRAINING = (
    "standardise_deep", "hidden_dims", "latent_dim", "activation", "loss_weighting", "epochs",
    "batch_size", "learning_rate", "weight_decay", "holdout_fraction",
)  # fmt: skip
"""What decides the bottleneck, together with `UPSTREAM`."""

SPACE = ("space", "deep_components", "measured", "scale")
"""What decides what is clustered, together with `UPSTREAM` and `TRAINING`."""

MIXTURE = ("study_components", "covariance_type", "n_init", "reg_covar", "confidence")
"""What decides the examined mixtures, together with the space they are fitted in."""


PIPELINE_PARAMETERS = (
    "crop", "concentration_minimum", "concentration_maximum", "asymmetry_maximum",
    "isolation_contamination", *TRAINING, *SPACE, "n_components", "mixture_fit", *MIXTURE,
    "anomaly_percent", "late_concentration", "early_concentration", "merger_asymmetry",
    "min_cluster_size",
)  # fmt: skip
"""What decides clusters, anomalies and their scores; sample, networks and seed apart."""

STUDY_PARAMETERS = tuple(
    name for name in (*UPSTREAM, *TRAINING, *SPACE, *MIXTURE) if name != "study_components"
)
"""What the pages of second looks depend on without declaring it: their studies do."""


def departures(parameters: Parameters) -> list[str]:
    """Names among `PIPELINE_PARAMETERS` in which parameters differ from the profile `book`."""
    book = Parameters()
    return [
        name for name in PIPELINE_PARAMETERS if getattr(parameters, name) != getattr(book, name)
    ]


def split_names(value: str) -> list[str]:
    """Parts of a comma-joined parameter, without blanks; empty parts are left out."""
    return [part.strip() for part in value.split(",") if part.strip()]


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def check_names(names: Iterable[str], known: Iterable[str] | None = None) -> None:
    """Refuse names that are not among the known ones (default: all parameters)."""
    known = list(Parameters.model_fields if known is None else known)
    for name in names:
        if name not in known:
            raise UserError(f"no parameter {name!r}{_suggest(name, known)}")


def make_parameters(profile: str, overrides: Mapping[str, Any] | None = None) -> Parameters:
    """Make the parameters of a profile (key of `PROFILES`), some of them changed, and check them.

    `UserError` for an unknown profile or name, a wrong type, or a value out of range.
    """
    if profile not in PROFILES:
        raise UserError(f"no profile {profile!r}{_suggest(profile, PROFILES)}; there are: "
                        + ", ".join(PROFILES))  # fmt: skip
    values = PROFILES[profile] | dict(overrides or {})
    check_names(values)
    try:
        return Parameters(**values)
    except ValidationError as error:
        raise UserError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = str(problem["loc"][0])
        meaning = Parameters.model_fields[name].description
        lines.append(f"parameter {name}={problem['input']!r}: {problem['msg']} ({meaning})")
    return "\n".join(lines)


def parse_assignments(text: str) -> dict[str, Any]:
    """Read `name=value` pairs separated by blanks, each value of its parameter's own type."""
    texts: dict[str, str] = {}
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"cannot read {part!r}: expected name=value")
        if name in texts:
            raise UserError(f"parameter {name} is given twice; give it once")
        texts[name] = value
    check_names(texts)
    try:
        return Parameters.model_validate_strings(texts).model_dump(include=set(texts))
    except ValidationError as error:
        raise UserError(_explain(error)) from None


def parameter_table() -> pd.DataFrame:
    """All parameters for people: parameter, meaning, type and range, default, paper."""
    import pandas as pd

    schema = Parameters.model_json_schema()["properties"]
    rows = [
        {
            "parameter": name,
            "meaning": field.description,
            "type and range": _type_and_range(field),
            "default": str(field.default),
            "paper": schema[name]["paper"],
        }
        for name, field in Parameters.model_fields.items()
    ]
    return pd.DataFrame(rows)


def _type_and_range(field: FieldInfo) -> str:
    if choices := typing.get_args(field.annotation):
        return " | ".join(choices)
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = [
        f"{signs[key]} {getattr(limit, key)}"
        for limit in field.metadata
        for key in signs
        if hasattr(limit, key)
    ]
    kind = getattr(field.annotation, "__name__", "")
    return f"{kind} {', '.join(limits)}".strip()


def write_parameters(path: Path, profile: str, parameters: Parameters) -> None:
    """Write a run's parameters, leaving the file alone where nothing changed."""
    text = yaml.safe_dump({"profile": profile, **parameters.model_dump()}, sort_keys=False)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def read_parameters(path: Path) -> tuple[str, Parameters]:
    """Read profile and parameters of a run, refusing what the schema does not allow."""
    if not path.exists():
        raise UserError(f"{path} is missing: make the run first, for example with: make book")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected lines `name: value`")
    profile = content.pop("profile", "book")
    try:
        return profile, make_parameters("book", content)  # older runs lack newer parameters
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
