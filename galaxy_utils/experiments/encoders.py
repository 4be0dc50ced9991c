"""Encoders compared by a linear probe, on galaxies that none of them was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.transform import resize
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.config import Parameters
from galaxy_utils.data.images import Image
from galaxy_utils.data.split import group_of, is_held_out
from galaxy_utils.evaluation.resampling import bootstrap, interval
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.images import has_image
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.galaxies import evenly
from galaxy_utils.features.preprocessing import centre_crop
from galaxy_utils.features.run_table import galaxies_of, kept_objids, read_morphology, read_types
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.run_folder import RunFolder

FIVE_PARAMETERS, PIXELS = "five parameters", "pixels, central quarter"
RANDOM = "ConvNeXt, random weights, central quarter"
GALAXY = "ConvNeXt, trained on galaxies, central quarter"
CONFIGURATIONS = {
    "EfficientNet-Lite0, full frame": "efficientnet_lite0-full",
    "EfficientNet-Lite0, central half": "efficientnet_lite0-half",
    "EfficientNet-Lite0, central quarter": "efficientnet_lite0-quarter",
    "EfficientNet-Lite2, full frame": "efficientnet_lite2-full",
    "EfficientNet-Lite2, central half": "efficientnet_lite2-half",
    "EfficientNet-Lite2, central quarter": "efficientnet_lite2-quarter",
    GALAXY: "galaxy_convnext-quarter",
}
"""Encoders that are a backbone and a crop."""

IMAGENET = [name for name in CONFIGURATIONS if name.startswith("EfficientNet")]
NAMES = [FIVE_PARAMETERS, PIXELS, RANDOM, *IMAGENET, GALAXY]

N_COMPONENTS = 128
"""Principal components that a probe is given, at most."""

MANY, FEW = 1000, 40
"""With fewer galaxies than the first only one ImageNet encoder is compared, on no more galaxies
than the second."""

Features = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Inputs:
    """Features by encoder, the types, and which galaxies a probe is fitted to and tested on."""

    features: Features
    types: NDArray[np.object_]
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs | None:
    """Measure the kept galaxies with all encoders; None where there are no images or no types.

    What the measured table of the sample holds of their features is taken from there.
    """
    galaxies = galaxies_of(folder, parameters)
    sample, types = galaxies.sample, read_types(folder)
    objids = [o for o in kept_objids(folder) if has_image(sample, o)] if sample.has_images else []
    if not objids or types.loc[objids].nunique() < 2:
        return None
    many = len(objids) >= MANY
    if not many:
        objids = evenly(pd.DataFrame({"objid": objids}), FEW)["objid"].tolist()
    stored = galaxies.precomputed(CONFIGURATIONS.values(), objids)
    known = {name: stored[key] for name, key in CONFIGURATIONS.items() if key in stored}
    images = [partial(sample.image, objid) for objid in objids]
    features = _measure_features(images, parameters.seed, many, known)
    features[FIVE_PARAMETERS] = read_morphology(folder).loc[objids, list(FIVE)].to_numpy(np.float32)
    return complete(Inputs(features, types.loc[objids].to_numpy(object), *_parts(objids)))


def _parts(objids: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Galaxies that the galaxy encoder was trained on, and the others in fields without these.

    Two cutouts of one field can show the same system.
    """
    held_out, fields = is_held_out(objids), pd.Series([group_of(objid) for objid in objids])
    return ~held_out, np.asarray(held_out & ~fields.isin(fields[~held_out]))


def pixel_features(image: Image) -> NDArray[np.float32]:
    """Central quarter of the height and width at 32 x 32 px in three bands, counts / 255."""
    framed = centre_crop(np.asarray(image, np.float32) / np.float32(255), 4)
    return np.asarray(resize(framed, (32, 32), anti_aliasing=True), np.float32).ravel()


def _measure_features(
    images: Sequence[Callable[[], Image]], seed: int, many: bool, known: Features
) -> Features:
    """Features by encoder; in a small sample of one ImageNet encoder only."""
    from galaxy_utils.features.backbones import EmbeddingSpec
    from galaxy_utils.features.galaxy_convnext import random_network
    from galaxy_utils.features.inference import embed, engine_name, load_encoder, make_encoder

    found = dict(known)
    for name, configuration in CONFIGURATIONS.items():
        wanted = many or name not in IMAGENET or configuration == "efficientnet_lite0-quarter"
        if wanted and name not in found:
            found[name] = embed(load_encoder(EmbeddingSpec.named(configuration)), images)
    galaxy = EmbeddingSpec.named(CONFIGURATIONS[GALAXY])
    found[RANDOM] = embed(make_encoder(galaxy, random_network(seed), engine_name()), images)
    found[PIXELS] = np.stack([pixel_features(image()) for image in images])
    return found


def complete(data: Inputs) -> Inputs:
    """Leave out galaxies for which some encoder has no features."""
    kept = np.logical_and.reduce([np.isfinite(v).all(axis=1) for v in data.features.values()])
    return replace(
        data,
        features={name: values[kept] for name, values in data.features.items()},
        types=data.types[kept],
        train=data.train[kept],
        test=data.test[kept],
    )


def _units(draws: int, seed: int) -> list[Row]:  # the probe is the same in every draw
    return [{"encoder": name, "seed": seed} for name in NAMES]


def _measure(data: Inputs, unit: Row) -> list[Row]:
    """Whether a linear probe of the other galaxies predicts the type of each test galaxy."""
    known = np.asarray(pd.notna(data.types))
    train, test = known & data.train, known & data.test
    if unit["encoder"] not in data.features or len(set(data.types[train])) < 2:
        return []
    X = data.features[unit["encoder"]].astype(np.float64)
    types = data.types.astype(str)
    probe = _linear_probe(X[train], unit["seed"]).fit(X[train], types[train])
    right = probe.predict(X[test]) == types[test] if test.any() else np.zeros(0, bool)
    galaxies = np.flatnonzero(known[data.test])
    return [{"galaxy": int(g), "value": int(v)} for g, v in zip(galaxies, right, strict=True)]


def _linear_probe(X: NDArray[np.float64], seed: int) -> Pipeline:
    """Logistic regression on leading components (Alain & Bengio 2016, arXiv:1610.01644)."""
    pca = PCA(min(N_COMPONENTS, *X.shape), random_state=seed)
    return make_pipeline(StandardScaler(), pca, LogisticRegression(C=0.1, max_iter=2000))


ENCODERS = Experiment(
    "encoders", _units, _measure,
    ("sample", "n_galaxies", "engine", "concentration_minimum", "concentration_maximum",
     "asymmetry_maximum", "isolation_contamination", "seed"),
    tuple(f"{configuration}.npz" for configuration in CONFIGURATIONS.values()),
    inputs=read_inputs,
)  # fmt: skip
"""Linear probes, by encoder."""


def accuracies(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return the share of right answers of each encoder (index) in percent.

    Columns value, low, high (95 % interval over galaxies); NaN for what was not measured.
    """
    found = {
        encoder: _percent(values, seed)
        for encoder, values in (rows.groupby("encoder")["value"] if len(rows) else ())
    }
    table = pd.DataFrame.from_dict(found, "index", columns=["value", "low", "high"], dtype=float)
    return table.reindex(NAMES)


def gain_of_training(rows: pd.DataFrame, seed: int = 0) -> tuple[float, float, float]:
    """Compare the galaxy encoder with the best ImageNet encoder, on the same galaxies.

    The difference in percentage points and its 95 % interval; NaN where one was not measured.
    """
    if "galaxy" not in rows:
        return np.nan, np.nan, np.nan
    right = rows.pivot(index="galaxy", columns="encoder", values="value")
    rivals = [name for name in IMAGENET if name in right]
    if not rivals or GALAXY not in right:
        return np.nan, np.nan, np.nan
    return _percent(right[GALAXY] - right[right[rivals].mean().idxmax()], seed)


def _percent(values: pd.Series, seed: int) -> tuple[float, float, float]:
    """Mean over galaxies and its 95 % interval, in percent."""
    numbers = values.to_numpy(np.float64)
    draws = bootstrap(lambda drawn: float(numbers[drawn].mean()), len(numbers), seed, 1000)
    low, high = interval(draws)
    return 100 * float(numbers.mean()), 100 * low, 100 * high
