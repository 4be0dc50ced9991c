"""Encoders compared on galaxies that none of them was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.transform import resize
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import PipelineSpec
from galaxy_utils.config import Parameters
from galaxy_utils.data.images import Image, ImageError, band_mean
from galaxy_utils.data.sample import Sample
from galaxy_utils.data.split import is_held_out
from galaxy_utils.evaluation.metrics import agreement
from galaxy_utils.evaluation.probes import probes
from galaxy_utils.evaluation.representations import (
    cluster_scores,
    correlate,
    predict_types,
    rotate_image,
)
from galaxy_utils.evaluation.resampling import bootstrap, interval
from galaxy_utils.evaluation.selection import eligible
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.selection import candidates
from galaxy_utils.experiments.store import Row, read_result
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.features.galaxies import Galaxies, evenly
from galaxy_utils.features.preprocessing import centre_crop
from galaxy_utils.features.run_table import galaxies_of, kept_objids, read_morphology, read_types
from galaxy_utils.morphology.measurement import FIVE, measure
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import RunFolder

FIVE_PARAMETERS, PIXELS, RANDOM = "five parameters", "pixels", "random ConvNeXt"
GALAXY, ONE_VIEW, MIRRORED = "galaxy ConvNeXt", "galaxy ConvNeXt, one view", "galaxy ConvNeXt, 8"
CONFIGURATIONS = {
    "Lite0, eq1": "efficientnet_lite0-eq1",
    "Lite0, crop2": "efficientnet_lite0-crop2",
    "Lite0, quarter": "efficientnet_lite0-quarter",
    "Lite2, eq1": "efficientnet_lite2-eq1",
    "Lite2, crop2": "efficientnet_lite2-crop2",
    "Lite2, quarter": "efficientnet_lite2-quarter",
    GALAXY: "galaxy_convnext-quarter",
    ONE_VIEW: "galaxy_convnext-centre",
}
"""Encoders that are a backbone and a crop."""

IMAGENET = [name for name in CONFIGURATIONS if name.startswith("Lite")]
IMAGENET_PAIR, MIXED_PAIR = "Lite0 + Lite2, quarter", "Lite0, quarter + galaxy"
PAIRS = {
    IMAGENET_PAIR: ("Lite0, quarter", "Lite2, quarter"),
    MIXED_PAIR: ("Lite0, quarter", GALAXY),
}
"""Concatenated features of two encoders."""

NAMES = [*IMAGENET, RANDOM, PIXELS, FIVE_PARAMETERS, GALAXY, ONE_VIEW, MIRRORED, *PAIRS]

MANY, FEW = 1000, 40
"""With fewer galaxies than the first only one ImageNet encoder is compared, on no more galaxies
than the second."""

N_COMPONENTS, N_DIRECTIONS = 16, 8
"""Whitened principal components that are clustered, and how many of them are interpreted."""

GOAL_POINTS, GOAL_TURNED, GOAL_ARI = 5.0, 95.0, 0.35
"""Goals set in advance for the galaxy encoder: percentage points more than the best ImageNet
encoder of the full frame or its half, percent of rotated galaxies whose predicted type is the
same, and the adjusted Rand index of the pipeline that was selected without labels."""

_IN_PIPELINE = {
    "Lite0 + Lite2": PAIRS[IMAGENET_PAIR], "Lite0 + galaxy": PAIRS[MIXED_PAIR],
    "galaxy alone": (GALAXY,),
}  # fmt: skip
PROBES = ("linear", "neighbours")
_PERCENT = {
    "linear": "linear_hit", "neighbours": "neighbours_hit", "turned": "neighbours_turned",
    "turned_linear": "linear_turned",
}  # fmt: skip
_CLUSTER_SCORES = ["ari", "ami", "null_ari", "stability", "cluster_turned"]

Features = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Inputs:
    """Features by encoder, and of the test galaxies also those of their rotated images."""

    features: Features
    rotated: Features
    types: NDArray[np.object_]
    test: NDArray[np.bool_]
    properties: pd.DataFrame
    parameters: Parameters


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs | None:
    """Measure the images of the kept galaxies with all encoders; None where there are none.

    What the measured table of the sample holds of their features is taken from there.
    """
    galaxies = galaxies_of(folder, parameters)
    objids = _with_images(galaxies.sample, kept_objids(folder))
    if not objids:
        return None
    test, seed, many = is_held_out(objids), parameters.seed, len(objids) >= MANY
    images = [partial(galaxies.sample.image, objid) for objid in objids]
    angles = np.random.default_rng(seed).uniform(0, 360, test.sum())
    turned = [partial(_rotated, *pair) for pair in zip(compress(images, test), angles, strict=True)]
    table = read_morphology(folder).loc[objids]
    features = _measure_features(images, seed, many, _precomputed(galaxies, objids))
    rotated = _measure_features(turned, seed, many, {})
    features[FIVE_PARAMETERS] = table[list(FIVE)].to_numpy(np.float32)
    found = [measure(band_mean(image())) for image in turned]
    five = [[getattr(morphology, name) for name in FIVE] for morphology in found]
    rotated[FIVE_PARAMETERS] = np.array(five, np.float32)
    return complete(Inputs(
        with_pairs({name: features[name] for name in rotated}), with_pairs(rotated),
        read_types(folder).loc[objids].to_numpy(object), test,
        table[[name for name in (*FIVE, *SHAPE) if name in table]], parameters,
    ))  # fmt: skip


def _with_images(sample: Sample, objids: list[str]) -> list[str]:
    """Galaxies with an image; of a small sample a few."""
    found = [o for o in objids if _has_image(sample, o)] if sample.has_images else []
    if not found or len(found) >= MANY:
        return found
    return list(evenly(pd.DataFrame({"objid": found}), FEW)["objid"])


def _has_image(sample: Sample, objid: str) -> bool:
    try:
        return objid in sample.cutouts or sample.path(objid).exists()
    except ImageError:
        return False


def _rotated(image: Callable[[], Image], angle: float) -> Image:
    return rotate_image(image(), angle)


def _mirrored(image: Callable[[], Image]) -> Image:
    return np.ascontiguousarray(image()[:, ::-1])


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
    untrained = make_encoder(galaxy, random_network(seed), engine_name())
    found[RANDOM] = embed(untrained, images)
    mirrored = embed(load_encoder(galaxy), [partial(_mirrored, image) for image in images])
    found[MIRRORED] = np.asarray((found[GALAXY] + mirrored) / 2, np.float32)
    found[PIXELS] = np.stack([pixel_features(image()) for image in images])
    return found


def precomputed_features(folder: RunFolder, parameters: Parameters) -> Features:
    """Read the features of the kept galaxies by encoder, as far as the measured table has them."""
    return _precomputed(galaxies_of(folder, parameters), kept_objids(folder))


def _precomputed(galaxies: Galaxies, objids: list[str]) -> Features:
    if galaxies.measured is None:
        return {}
    rows = pd.Index(galaxies.sample.catalogue["objid"]).get_indexer(pd.Index(objids))
    there = galaxies.measured.embeddings
    names = {name: key for name, key in CONFIGURATIONS.items() if key in there}
    return {name: galaxies.embedding(key)[rows] for name, key in names.items()}


def with_pairs(features: Mapping[str, NDArray[np.float32]]) -> Features:
    """Add the concatenated features of those pairs whose encoders are both there."""
    there = {name: parts for name, parts in PAIRS.items() if features.keys() >= set(parts)}
    pairs = {k: np.hstack([features[part] for part in parts]) for k, parts in there.items()}
    return {**features, **pairs}


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
        properties=data.properties[kept],
    )


def _units(draws: int, seed: int) -> list[Row]:
    return [{"encoder": name, "seeds": draws, "seed": seed} for name in NAMES]


def _measure(data: Inputs, unit: Row) -> list[Row]:
    name, seed, test = unit["encoder"], unit["seed"], data.test
    if name not in data.features or min(test.sum(), (~test).sum() // 5) < 2:
        return []  # not measured, or too few galaxies
    X, X_rotated = (f[name].astype(np.float64) for f in (data.features, data.rotated))
    rows = _type_rows(data, X, X_rotated, seed)
    for draw in range(unit["seeds"]):
        pipeline, types = _pipeline(X[~test], data.parameters, seed + draw), data.types[test]
        scores = cluster_scores(pipeline, X[~test], X[test], types, seed + draw, X_rotated)
        scores["cluster_turned"] = scores.pop("unchanged")
        rows += [{"draw": draw, "score": k, "value": scores[k]} for k in _CLUSTER_SCORES]
    components = _pipeline(X[~test], data.parameters, seed)[:-1].fit(X[~test]).transform(X)
    found = correlate(components[:, :N_DIRECTIONS], data.properties)
    named = found.rename(columns={"component": "direction"}).assign(score="direction")
    return [*rows, *({str(k): v for k, v in row.items()} for row in named.to_dict("records"))]


def _pipeline(X: NDArray[np.float64], parameters: Parameters, seed: int) -> Pipeline:
    mixture = OrderedGaussianMixture(
        parameters.judged_components, covariance_type="diag", n_init=parameters.n_init,
        reg_covar=parameters.reg_covar, random_state=seed,
    )  # fmt: skip
    pca = PCA(min(N_COMPONENTS, *X.shape), whiten=True, random_state=seed)
    return make_pipeline(StandardScaler(), pca, mixture)


def _type_rows(
    data: Inputs, X: NDArray[np.float64], X_rotated: NDArray[np.float64], seed: int
) -> list[Row]:
    """Whether a probe predicts the type of each galaxy, and the same type after a rotation."""
    types, test = data.types, data.test
    if not pd.notna(types[test]).any():
        return []
    predicted = predict_types(X[~test], types[~test], X[test], X_rotated, seed)
    rows: list[Row] = []
    for row in predicted.to_dict("records"):
        known = types[test][row["galaxy"]]
        values = {"hit": row["upright"] == known, "turned": row["upright"] == row["rotated"]}
        rows += [
            {"score": f"{row['probe']}_{score}", "galaxy": row["galaxy"], "value": int(value)}
            for score, value in values.items()
            if score == "turned" or pd.notna(known)
        ]
    return rows


ENCODERS = Experiment(
    "encoders", _units, _measure,
    ("sample", "n_galaxies", "engine", "concentration_minimum", "concentration_maximum",
     "asymmetry_maximum", "isolation_contamination", "seed", "judged_components", "n_init",
     "reg_covar"),
    tuple(f"{configuration}.npz" for configuration in CONFIGURATIONS.values()),
    inputs=read_inputs,
)  # fmt: skip
"""Probes, clusters and the meaning of components, by encoder."""


def summary(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Summarise each encoder."""
    columns = [f"{name}{end}" for name in (*_PERCENT, "ari") for end in ("", "_low", "_high")]
    table = pd.DataFrame(np.nan, NAMES, [*columns, *_CLUSTER_SCORES[1:]])
    if rows.empty:
        return table
    for (encoder, score), values in rows.groupby(["encoder", "score"])["value"]:
        if score in _CLUSTER_SCORES:
            table.loc[encoder, score] = values.mean()
        if score == "ari":
            table.loc[encoder, ["ari_low", "ari_high"]] = values.min(), values.max()
    for name, score in _PERCENT.items():
        for encoder, values in rows[rows["score"] == score].groupby("encoder")["value"]:
            table.loc[encoder, [name, f"{name}_low", f"{name}_high"]] = _percent(values, seed)
    return table


def _percent(values: pd.Series, seed: int) -> tuple[float, float, float]:
    """Mean over galaxies and its 95 % interval, in percent."""
    numbers = values.to_numpy(np.float64)
    draws = bootstrap(lambda drawn: float(numbers[drawn].mean()), len(numbers), seed, 1000)
    low, high = interval(draws)
    return 100 * float(numbers.mean()), 100 * low, 100 * high


def gains(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare the accuracy of encoders on the same galaxies."""
    crops = {
        "full frame": IMAGENET[::3], "half": IMAGENET[1::3], "quarter": IMAGENET[2::3],
        "full frame or half": [*IMAGENET[::3], *IMAGENET[1::3]], "any crop": IMAGENET,
    }  # fmt: skip
    index = pd.MultiIndex.from_product([[*crops, "pair"], PROBES], names=["comparison", "probe"])
    found = {}
    for probe in PROBES if "galaxy" in rows else ():  # no types, or nothing measured
        scores = rows[rows["score"] == f"{probe}_hit"]
        hits = scores.pivot(index="galaxy", columns="encoder", values="value")
        for comparison in [*crops, "pair"]:
            ours = MIXED_PAIR if comparison == "pair" else GALAXY
            rivals = [name for name in crops.get(comparison, [IMAGENET_PAIR]) if name in hits]
            if rivals and ours in hits:
                rival = hits[rivals].mean().idxmax()
                found[comparison, probe] = rival, *_percent(hits[ours] - hits[rival], seed)
    table = pd.DataFrame.from_dict(found, orient="index", columns=["rival", "gain", "low", "high"])
    return table.reindex(index)


def goals(
    table: pd.DataFrame, gained: pd.DataFrame, clusters: pd.DataFrame, components: int
) -> pd.DataFrame:
    """Compare the galaxy encoder with the goals that were set for it."""
    columns = ["probe", "asked", "measured", "low", "high", "goal"]
    lines: list[list[Any]] = []
    crops = gained.loc[["full frame", "half", "quarter"]].reset_index()
    for row in crops.to_dict("records"):
        probe, values = row["probe"], [row[name] for name in ("gain", "low", "high")]
        asked = f"{probe}: points beyond {row['rival']}"
        lines.append([probe, asked, *values, GOAL_POINTS])
    for score, probe in (("turned", "neighbours"), ("turned_linear", "linear")):
        share = table.loc[GALAXY, [score, f"{score}_low", f"{score}_high"]]
        lines.append([probe, f"{probe}: % the same when turned", *share, GOAL_TURNED])
    found = pd.DataFrame(lines, columns=columns).dropna()
    reached = np.where(found["measured"] >= found["goal"], "reached", "missed")
    inside = found["goal"].between(found["low"], found["high"])
    verdict = np.where(inside, reached + ", within its error", "clearly " + reached)
    return pd.concat([found.assign(verdict=verdict), _cluster_goals(clusters, components)])


def _cluster_goals(clusters: pd.DataFrame, components: int) -> pd.DataFrame:
    """The networks of the profiles in the selected pipeline, and the best encoders of all."""
    selected = clusters["encoders"].eq("Lite0 + Lite2") & clusters["components"].eq(components)
    best = clusters.sort_values("ari").tail(1)
    found = pd.concat([clusters[selected].assign(what="chosen recipe"),
                       best.assign(what="the highest of its table")])  # fmt: skip
    name = found["encoders"] + ", " + found["components"].astype(str)
    asked = "clusters, " + found["what"] + ": ARI of " + name
    verdict = np.where(found["ari"] >= GOAL_ARI, "reached", "missed")
    measured = found[["ari", "ari_low", "ari_high"]].set_axis(["measured", "low", "high"], axis=1)
    return measured.assign(asked=asked, goal=GOAL_ARI, verdict=verdict)


def directions(rows: pd.DataFrame, encoder: str) -> pd.DataFrame:
    """Arrange the rank correlations of an encoder: properties (index) by components from 1."""
    if rows.empty:
        return pd.DataFrame()
    found = rows[(rows["encoder"] == encoder) & (rows["score"] == "direction")]
    table = found.pivot(index="property", columns="direction", values="value")
    return table.rename(columns=int).loc[found["property"].drop_duplicates()]


def selected_spec() -> PipelineSpec:
    """Return the pipeline that was selected without labels in the precomputed search."""
    return PipelineSpec.from_row(eligible(candidates(read_result("search"))).iloc[0])


def compare_in_pipeline(
    features: Features, measured: pd.DataFrame, types: pd.Series, spec: PipelineSpec,
    parameters: Parameters, seeds: range,
) -> pd.DataFrame:  # fmt: skip
    """Fit a pipeline to the features of other encoders, also with half and twice the components."""
    test, known = is_held_out(measured.index), types.notna().to_numpy()
    enough = min((known & test).sum(), (known & ~test).sum()) >= MANY / 10
    found = []
    for name, parts in _IN_PIPELINE.items() if enough else ():
        if features.keys() >= set(parts):
            X = make_feature_table(measured, {CONFIGURATIONS[p]: features[p] for p in parts})
            for number in (spec.components // 2, spec.components, 2 * spec.components):
                pipelines = {
                    seed: replace(spec, components=number).pipeline(parameters, seed)
                    for seed in seeds
                }
                scores = pd.DataFrame(
                    [_scores(pipeline, X, types, test, s) for s, pipeline in pipelines.items()]
                )
                ari = scores["ari"].agg(["mean", "min", "max"])
                bound, stability = scores["upper_bound"].mean(), scores["stability"].iloc[0]
                found.append([name, number, *ari, bound, stability])
    columns = ["encoders", "components", "ari", "ari_low", "ari_high", "upper_bound", "stability"]
    return pd.DataFrame(found, columns=columns).astype(dict.fromkeys(columns[2:], float))


def _scores(
    pipeline: Pipeline, X: pd.DataFrame, types: pd.Series, test: NDArray[np.bool_], seed: int
) -> dict[str, float]:
    y, shown = types.to_numpy(object), ~test & types.notna().to_numpy()
    space = clone(pipeline[:-1]).fit(X[~test])
    values = space.transform(X[shown])
    classifier = probes(values.shape[1], len(values), seed)["linear"]
    predicted = classifier.fit(values, y[shown].astype(str)).predict(space.transform(X[test]))
    found = cluster_scores(pipeline, X[~test], X[test], y[test], seed)
    return found | {"upper_bound": agreement(y[test], predicted)["ari"]}
