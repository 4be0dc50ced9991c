"""Encoders compared on galaxies that none of them was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import rotate
from skimage.transform import resize
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.config import Parameters
from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.data.split import is_held_out
from galaxy_utils.evaluation.metrics import agreement
from galaxy_utils.evaluation.probes import probes
from galaxy_utils.evaluation.resampling import bootstrap, interval, permutation
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.images import has_image
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.galaxies import evenly
from galaxy_utils.features.preprocessing import centre_crop
from galaxy_utils.features.run_table import galaxies_of, kept_objids, read_morphology, read_types
from galaxy_utils.morphology.measurement import FIVE, measure
from galaxy_utils.run_folder import RunFolder

FIVE_PARAMETERS, PIXELS, RANDOM = "five parameters", "pixels", "random ConvNeXt"
GALAXY = "galaxy ConvNeXt"
CONFIGURATIONS = {
    "Lite0, eq1": "efficientnet_lite0-eq1",
    "Lite0, crop2": "efficientnet_lite0-crop2",
    "Lite0, quarter": "efficientnet_lite0-quarter",
    "Lite2, eq1": "efficientnet_lite2-eq1",
    "Lite2, crop2": "efficientnet_lite2-crop2",
    "Lite2, quarter": "efficientnet_lite2-quarter",
    GALAXY: "galaxy_convnext-quarter",
}
"""Encoders that are a backbone and a crop."""

IMAGENET = [name for name in CONFIGURATIONS if name.startswith("Lite")]
NAMES = [*IMAGENET, RANDOM, PIXELS, FIVE_PARAMETERS, GALAXY]

MANY, FEW = 1000, 40
"""With fewer galaxies than the first only one ImageNet encoder is compared, on no more galaxies
than the second."""

N_COMPONENTS = 16
"""Whitened principal components that are clustered."""

_PERCENT = {
    "linear": "linear_hit", "neighbours": "neighbours_hit",
    "rotated_linear": "linear_turned", "rotated_neighbours": "neighbours_turned",
}  # fmt: skip
"""Columns of the summary, and the scores of single galaxies that they are means of."""

Features = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Inputs:
    """Features by encoder, and of the test galaxies also those of their rotated images."""

    features: Features
    rotated: Features
    types: NDArray[np.object_]
    test: NDArray[np.bool_]
    parameters: Parameters


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs | None:
    """Measure the images of the kept galaxies with all encoders; None where there are none.

    What the measured table of the sample holds of their features is taken from there.
    """
    galaxies = galaxies_of(folder, parameters)
    sample = galaxies.sample
    objids = [o for o in kept_objids(folder) if has_image(sample, o)] if sample.has_images else []
    if not objids:
        return None
    many, seed = len(objids) >= MANY, parameters.seed
    if not many:
        objids = evenly(pd.DataFrame({"objid": objids}), FEW)["objid"].tolist()
    test = is_held_out(objids)
    images = [partial(sample.image, objid) for objid in objids]
    angles = np.random.default_rng(seed).uniform(0, 360, test.sum())
    pairs = zip(compress(images, test), angles, strict=True)
    rotated_images = [partial(_read_rotated, image, angle) for image, angle in pairs]
    stored = galaxies.precomputed(CONFIGURATIONS.values(), objids)
    known = {name: stored[key] for name, key in CONFIGURATIONS.items() if key in stored}
    features = _measure_features(images, seed, many, known)
    rotated = _measure_features(rotated_images, seed, many, {})
    table = read_morphology(folder).loc[objids]
    features[FIVE_PARAMETERS] = table[list(FIVE)].to_numpy(np.float32)
    found = [measure(band_mean(image())) for image in rotated_images]
    five = [[getattr(morphology, name) for name in FIVE] for morphology in found]
    rotated[FIVE_PARAMETERS] = np.array(five, np.float32)
    return complete(Inputs(
        {name: features[name] for name in rotated}, rotated,
        read_types(folder).loc[objids].to_numpy(object), test, parameters,
    ))  # fmt: skip


def rotate_image(image: Image, angle: float) -> Image:
    """Rotate a composite by degrees about its centre; corners are filled by reflection."""
    counts = rotate(image.astype(np.float32), angle, reshape=False, order=1, mode="reflect")
    return np.asarray(np.clip(counts, 0, 255).round(), np.uint8)


def _read_rotated(image: Callable[[], Image], angle: float) -> Image:
    return rotate_image(image(), angle)


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
        wanted = many or name not in IMAGENET or name == "Lite0, quarter"
        if wanted and name not in found:
            found[name] = embed(load_encoder(EmbeddingSpec.named(configuration)), images)
    galaxy = EmbeddingSpec.named(CONFIGURATIONS[GALAXY])
    found[RANDOM] = embed(make_encoder(galaxy, random_network(seed), engine_name()), images)
    found[PIXELS] = np.stack([pixel_features(image()) for image in images])
    return found


def complete(data: Inputs) -> Inputs:
    """Leave out galaxies for which some encoder has no features, upright or rotated."""
    kept = np.logical_and.reduce([np.isfinite(v).all(axis=1) for v in data.features.values()])
    rotated = np.logical_and.reduce([np.isfinite(v).all(axis=1) for v in data.rotated.values()])
    kept[np.flatnonzero(data.test)[~rotated]] = False
    return replace(
        data,
        features={name: values[kept] for name, values in data.features.items()},
        rotated={name: values[kept[data.test]] for name, values in data.rotated.items()},
        types=data.types[kept],
        test=data.test[kept],
    )


def _units(draws: int, seed: int) -> list[Row]:
    return [{"encoder": name, "seeds": draws, "seed": seed} for name in NAMES]


def _measure(data: Inputs, unit: Row) -> list[Row]:
    name, seed, test = unit["encoder"], unit["seed"], data.test
    if name not in data.features or min(test.sum(), (~test).sum() // 5) < 2:
        return []  # not measured, or too few galaxies
    X, X_rotated = (f[name].astype(np.float64) for f in (data.features, data.rotated))
    rows = _probe_rows(X[~test], data.types[~test], X[test], data.types[test], X_rotated, seed)
    for draw in range(unit["seeds"]):
        scores = _cluster_scores(data, X, seed + draw)
        rows += [{"draw": draw, "score": score, "value": v} for score, v in scores.items()]
    return rows


def _probe_rows(
    X: NDArray[np.float64], types: NDArray[np.object_], X_test: NDArray[np.float64],
    types_test: NDArray[np.object_], X_rotated: NDArray[np.float64], seed: int,
) -> list[Row]:  # fmt: skip
    """Whether a probe predicts the type of each test galaxy, and the same type once rotated."""
    known, rows = np.asarray(pd.notna(types)), list[Row]()
    if len(set(types[known])) < 2:
        return rows
    for name, probe in probes(X.shape[1], int(known.sum()), seed).items():
        probe.fit(X[known], types[known].astype(str))
        predicted = probe.predict(X_test)
        scores = {
            f"{name}_hit": pd.Series(predicted == types_test)[pd.notna(types_test)],
            f"{name}_turned": pd.Series(predicted == probe.predict(X_rotated)),
        }
        for score, values in scores.items():
            rows += [{"score": score, "galaxy": g, "value": int(v)} for g, v in values.items()]
    return rows


def _cluster_scores(data: Inputs, X: NDArray[np.float64], seed: int) -> dict[str, float]:
    """Adjusted Rand index of clusters with the types, and of permuted clusters (the null)."""
    train, types = X[~data.test], data.types[data.test]
    pipeline = make_pipeline(
        StandardScaler(),
        PCA(min(N_COMPONENTS, *train.shape), whiten=True, random_state=seed),
        OrderedGaussianMixture(
            data.parameters.judged_components, covariance_type="diag",
            n_init=data.parameters.n_init, reg_covar=data.parameters.reg_covar, random_state=seed,
        ),
    )  # fmt: skip
    labels = pipeline.fit(train).predict(X[data.test])

    def permuted_ari(order: NDArray[np.int64]) -> float:
        return agreement(types, labels[order])["ari"]

    null = permutation(permuted_ari, len(labels), seed, 1)
    return {"ari": agreement(types, labels)["ari"], "null_ari": float(null.iloc[0])}


ENCODERS = Experiment(
    "encoders", _units, _measure,
    ("sample", "n_galaxies", "engine", "concentration_minimum", "concentration_maximum",
     "asymmetry_maximum", "isolation_contamination", "seed", "judged_components", "n_init",
     "reg_covar"),
    tuple(f"{configuration}.npz" for configuration in CONFIGURATIONS.values()),
    inputs=read_inputs,
)  # fmt: skip
"""Probes and clusters, by encoder."""


def summary(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Summarise each encoder: percentages of galaxies, and the ARI of clusters over seeds."""
    columns = [f"{name}{end}" for name in (*_PERCENT, "ari") for end in ("", "_low", "_high")]
    table = pd.DataFrame(np.nan, NAMES, [*columns, "null_ari"])
    for (encoder, score), values in (
        rows.groupby(["encoder", "score"])["value"] if len(rows) else ()
    ):
        if score in ("ari", "null_ari"):
            table.loc[encoder, score] = values.mean()
        if score == "ari":
            table.loc[encoder, ["ari_low", "ari_high"]] = values.min(), values.max()
        for name in [name for name, of_galaxy in _PERCENT.items() if of_galaxy == score]:
            table.loc[encoder, [name, f"{name}_low", f"{name}_high"]] = _percent(values, seed)
    return table


def _percent(values: pd.Series, seed: int) -> tuple[float, float, float]:
    """Mean over galaxies and its 95 % interval, in percent."""
    numbers = values.to_numpy(np.float64)
    draws = bootstrap(lambda drawn: float(numbers[drawn].mean()), len(numbers), seed, 1000)
    low, high = interval(draws)
    return 100 * float(numbers.mean()), 100 * low, 100 * high


def gains(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare the galaxy encoder with the best ImageNet encoder, on the same galaxies, by probe."""
    found = {}
    for probe in ("linear", "neighbours") if "galaxy" in rows else ():
        scores = rows[rows["score"] == f"{probe}_hit"]
        hits = scores.pivot(index="galaxy", columns="encoder", values="value")
        rivals = [name for name in IMAGENET if name in hits]
        if rivals and GALAXY in hits:
            rival = hits[rivals].mean().idxmax()
            found[probe] = rival, *_percent(hits[GALAXY] - hits[rival], seed)
    table = pd.DataFrame.from_dict(found, orient="index", columns=["rival", "gain", "low", "high"])
    return table.reindex(["linear", "neighbours"])
