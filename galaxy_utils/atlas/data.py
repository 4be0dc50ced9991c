"""What the atlas shows of a run, as one dictionary of arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from galaxy_utils.atlas.pictures import Pictures, thumbnails
from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import PipelineSpec
from galaxy_utils.config import Parameters, read_parameters
from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.errors import UserError
from galaxy_utils.evaluation.metrics import agreement
from galaxy_utils.evaluation.nulls import gaussian_copula
from galaxy_utils.experiments.standard_errors import read_standard_errors
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.features.run_table import galaxies_of, read_feature_table
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.plots.style import PALETTE
from galaxy_utils.run_folder import CATALOGUE, LATENT, LAYOUT, MIXTURE, RunFolder

LABELS: dict[str, tuple[str, str]] = {
    "umap_1": ("UMAP 1", ""),
    "umap_2": ("UMAP 2", ""),
    "component_1": ("principal component 1", ""),
    "component_2": ("principal component 2", ""),
    "concentration": ("concentration C", ""),
    "asymmetry": ("asymmetry A", ""),
    "smoothness": ("smoothness S", ""),
    "gini": ("Gini", ""),
    "m20": ("M20", ""),
    "axis_ratio": ("axis ratio", ""),
    "colour_gr": ("colour g − r", "mag"),
    "colour_ri": ("colour r − i", "mag"),
    "rpetro_circ": ("Petrosian radius", "px"),
    "sn_per_pixel": ("S/N per pixel", ""),
    "z": ("redshift", ""),
    "petroR50_r": ("half-light radius (SDSS)", "arcsec"),
    "probability": ("largest probability", ""),
    "log_likelihood": ("log-likelihood", "nat"),
}
"""Columns that can be axes: label and unit."""

ALTERNATIVE = PipelineSpec("five+axis+colours", "rank", "quarter", 16, "pca", "diag")
"""The pipeline of the open cell on the page "What we would do instead"."""

NUMBERS = range(2, 9)
"""Numbers of clusters that a reader can choose."""

N_NEIGHBOURS = 5

MOST_FITTED = 5000
"""Galaxies to which a mixture is fitted; more take minutes and change little."""

TOLERANCE = 1e-2
"""Gain in log-likelihood per galaxy at which a fit ends, ten times scikit-learn's: clusters of the
run's own number are taken from the catalogue."""

PARTS = ("cluster", "probabilities")
"""What a partition says of every galaxy."""

NOTHING = 255
"""Cluster of a galaxy that has none, and probability where there is none."""


@dataclass(frozen=True)
class Atlas:
    """What the page is made from: `data` for the browser, and tables for those without it."""

    data: dict[str, Any]
    catalogue: pd.DataFrame
    layout: pd.DataFrame  # columns x and y, NaN where a galaxy has no place
    pictures: Pictures
    title: str
    text: tuple[str, ...]  # paragraphs below the title
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # by caption


def collect(folder: RunFolder) -> Atlas:
    """Collect what the atlas shows of a run.

    Parameters
    ----------
    folder : RunFolder
        A run with `parameters.yml` and `catalogue.parquet`. Anything else may be missing: a note
        then says so, and the page shows the rest.

    Returns
    -------
    Atlas
        Its dictionary `data` has arrays in the order of the catalogue, in the narrowest type that
        keeps six digits.

    Raises
    ------
    UserError
        If the run has no catalogue.
    """
    _, parameters = read_parameters(folder.path / "parameters.yml")
    catalogue = folder.read_table(CATALOGUE).reset_index(drop=True)
    catalogue["objid"] = catalogue["objid"].astype(str)
    kept = np.flatnonzero(catalogue["kept"].to_numpy(bool))
    notes: list[str] = []
    layout = _read_layout(folder, catalogue, notes)
    pictures = _read_pictures(folder, parameters, catalogue["objid"], notes)
    types = galaxy_types(catalogue["gz1_class"])
    if types.notna().sum() == 0:
        notes.append("No galaxy of this run has a Galaxy Zoo class to compare the clusters with.")
    if len(kept) == 0:
        notes.append("No galaxy was kept, so there are no clusters.")
    data = describe(folder.path.name, catalogue, pictures, notes) | {
        "layout": {"umap_1": _single(layout["x"]), "umap_2": _single(layout["y"])},
        "errors": _read_errors(parameters, catalogue["objid"]),
        "pipelines": _pipelines(folder, parameters, catalogue, kept, types, notes),
        "own": parameters.n_components,
    }
    text = f"{len(catalogue)} galaxies of the sample {parameters.sample}."
    return Atlas(data, catalogue, layout, pictures, f"Atlas of the run {data['run']}", (text,))


def describe(
    run: str, catalogue: pd.DataFrame, pictures: Pictures, notes: list[str]
) -> dict[str, Any]:
    """Describe galaxies for the browser: what does not depend on how they were divided."""
    classes = catalogue.get("gz1_class", pd.Series(None, catalogue.index, object))
    types = galaxy_types(classes)
    return {
        "run": run,
        "notes": notes,
        "objid": catalogue["objid"].tolist(),
        "order": list(catalogue.columns),
        "columns": {name: encoded(catalogue[name]) for name in catalogue if name != "objid"},
        "types": encoded(classes.where(types.isna(), types).replace("", None)),
        "errors": {},
        "labels": LABELS,
        "palette": PALETTE,
        "nothing": NOTHING,
        "sprite": pictures.sprite(),
        "listed": False,
    }


def encoded(column: pd.Series) -> Any:
    """Encode a column: numbers as an array, anything else as codes and their values."""
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        codes, words = pd.factorize(column.astype(object))
        kind = np.uint8 if len(words) < NOTHING else np.uint32
        missing = np.iinfo(kind).max
        return {
            "codes": np.where(codes < 0, missing, codes).astype(kind),
            "values": [str(word) for word in words],
        }
    values = column.to_numpy(np.float64, na_value=np.nan)
    long = pd.api.types.is_integer_dtype(column) and np.nanmax(np.abs(values), initial=0.0) >= 1e6
    return values if long or column.name in ("ra", "dec") else _single(column)


def _single(column: pd.Series) -> NDArray[np.float32]:
    """Round to six digits, which single precision keeps."""
    values = column.to_numpy(np.float64, na_value=np.nan)
    return np.array([float(f"{value:.6g}") for value in values], np.float32)


def _read_pictures(
    folder: RunFolder, parameters: Parameters, objids: pd.Series, notes: list[str]
) -> Pictures:
    try:
        sample = galaxies_of(folder, parameters).sample
    except (UserError, OSError) as error:
        notes.append(f"The photographs cannot be opened: {error}")
        return Pictures(0, {})
    return thumbnails(sample, objids, notes)


def _read_layout(folder: RunFolder, catalogue: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    nowhere = pd.DataFrame(np.nan, catalogue.index, ["x", "y"])
    if not folder.file(LAYOUT).exists():
        notes.append("This run has no UMAP layout; choose measured parameters as axes.")
        return nowhere
    layout = folder.read_table(LAYOUT).set_index("objid")[["x", "y"]]
    return layout.reindex(catalogue["objid"]).reset_index(drop=True)


def _read_errors(parameters: Parameters, objids: pd.Series) -> dict[str, NDArray[np.float32]]:
    if parameters.sample not in PRECOMPUTED:
        return {}
    errors = read_standard_errors(parameters.sample).reindex(objids)
    return {str(name): _single(errors[name]) for name in errors}


def _pipelines(
    folder: RunFolder, parameters: Parameters, catalogue: pd.DataFrame,
    kept: NDArray[np.intp], types: pd.Series, notes: list[str],
) -> list[dict[str, Any]]:  # fmt: skip
    """Partitions of every pipeline and number of clusters, this run's own among them."""
    n, number = len(catalogue), parameters.n_components
    plain = parameters.space == "autoencoder" and parameters.mixture_fit == "likelihood"
    name = "the paper's, with our networks" if plain else "this run's"
    own = _read_own(folder, catalogue, kept)
    own |= with_ari(types.iloc[kept], own)
    latent = _read_latent(folder, len(kept), notes)
    if latent is None or len(latent) < 2:
        unknown = dict.fromkeys(("ari_null", "bic", "bic_null"))
        alone = own | unknown | {part: spread(own[part], kept, n) for part in PARTS if own}
        nobody = np.empty((n, 0), np.uint8)
        return [{"name": name, "neighbours": nobody, "choices": {number: alone}}] if own else []
    settings: dict[str, Any] = {
        "reg_covar": parameters.reg_covar,
        "random_state": parameters.seed,
        "n_init": 1,
    }
    mixture = OrderedGaussianMixture(covariance_type=parameters.covariance_type, **settings)
    choices = _choices(latent, mixture, {*NUMBERS, number}, types.iloc[kept])
    if number in choices:
        choices[number] |= own
    spaces = {name: (latent, choices)}
    alternative = _alternative(folder, parameters)
    if alternative is not None:
        mixture = OrderedGaussianMixture(covariance_type=ALTERNATIVE.covariance, **settings)
        choices = _choices(alternative, mixture, NUMBERS, types.iloc[kept])
        spaces["our alternative"] = alternative, choices
    return [
        {
            "name": name,
            "neighbours": spread(neighbours(space, kept), kept, n, fill=n),
            "choices": {
                k: choice | {part: spread(choice[part], kept, n) for part in PARTS}
                for k, choice in choices.items()
            },
        }
        for name, (space, choices) in spaces.items()
        if choices
    ]


def _choices(
    space: NDArray[np.float64],
    mixture: OrderedGaussianMixture,
    numbers: Iterable[int],
    types: pd.Series,
) -> dict[int, dict[str, Any]]:
    """Clusters by number of components, and their scores next to those on data without clusters.

    The null's BIC is that of a mixture fitted to as many points of a Gaussian copula, its adjusted
    Rand index that of the galaxies as this mixture divides them. Probabilities are in half percent.
    """
    some = space[:: -(-len(space) // MOST_FITTED)]
    copula = gaussian_copula(some, mixture.random_state)

    def choose(number: int) -> dict[str, Any]:
        fitted, null = (clone(mixture).set_params(n_components=number) for _ in range(2))
        fitted.tol = null.tol = TOLERANCE
        fitted.fit(some)
        null.fit(copula)
        found = parts(fitted.predict(space), fitted.predict_proba(space))
        return found | with_ari(types, found) | {
            "ari_null": _rounded(agreement(types, null.predict(space))["ari"]),
            "bic": _rounded(fitted.bic(some) / len(some)),
            "bic_null": _rounded(null.bic(copula) / len(some)),
        }  # fmt: skip

    possible = sorted(number for number in numbers if 2 <= number <= len(some) // 2)
    # One thread for each fit: BLAS with threads of its own would be five times slower.
    with warnings.catch_warnings(), threadpool_limits(1), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore", ConvergenceWarning)
        return dict(zip(possible, pool.map(choose, possible), strict=True))


def parts(clusters: NDArray[np.integer], probabilities: NDArray[np.floating]) -> dict[str, Any]:
    """Encode what a partition says of galaxies; probabilities in half per cent."""
    shares = np.rint(200 * probabilities).astype(np.uint8)
    return dict(zip(PARTS, (clusters.astype(np.uint8), shares), strict=True))


def with_ari(types: pd.Series, found: dict[str, Any]) -> dict[str, float | None]:
    """Compare a partition, if there is one, with the types."""
    return {"ari": _rounded(agreement(types, found["cluster"])["ari"])} if found else {}


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _read_latent(folder: RunFolder, n_kept: int, notes: list[str]) -> NDArray[np.float64] | None:
    if n_kept and folder.file(LATENT).exists():
        latent = folder.read_arrays(LATENT)["latent"].astype(np.float64)
        if len(latent) == n_kept:
            return latent
    if n_kept:
        notes.append("This run has no latent space, so the number of clusters cannot be changed.")
    return None


def _read_own(folder: RunFolder, catalogue: pd.DataFrame, kept: NDArray[np.intp]) -> dict[str, Any]:
    """Clusters and probabilities of the run itself, which the catalogue holds."""
    clusters = catalogue["cluster"].iloc[kept]
    if clusters.empty or clusters.isna().any() or not folder.file(MIXTURE).exists():
        return {}
    probabilities = folder.read_arrays(MIXTURE)["responsibilities"]
    return parts(clusters.to_numpy(np.int64), probabilities)


def _alternative(folder: RunFolder, parameters: Parameters) -> NDArray[np.float64] | None:
    """Our space, where the run has what it takes."""
    try:
        table = read_feature_table(folder, parameters, ["quarter"])
    except UserError:
        return None
    deep = [name for name in table.columns if "-quarter:" in name]
    if not set(SHAPE) <= set(table.columns) or not deep or len(table) <= ALTERNATIVE.components:
        return None
    space = ALTERNATIVE.space(parameters, parameters.seed).fit_transform(table)
    return np.asarray(space, np.float64)


def neighbours(space: NDArray[np.float64], kept: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of the catalogue that hold the nearest galaxies of each one in a space."""
    number = min(N_NEIGHBOURS, len(space) - 1)
    if number < 1:
        return np.empty((len(space), 0), np.intp)
    search = NearestNeighbors(n_neighbors=number).fit(space)
    return np.asarray(kept[search.kneighbors(return_distance=False)], np.intp)


def spread(
    values: NDArray[Any], kept: NDArray[np.intp], n: int, fill: int = NOTHING
) -> NDArray[Any]:
    """Put values of the kept galaxies into rows of the whole catalogue."""
    kind = values.dtype if values.dtype == np.uint8 else np.min_scalar_type(fill)
    full = np.full((n, *values.shape[1:]), fill, kind)
    full[kept] = values
    return full
