"""Other galaxies put through the fitted taxonomy: cluster, oddness, neighbours, drift."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from galaxy_utils.clustering.model import MEASURED, Model
from galaxy_utils.data.images import Image
from galaxy_utils.provenance import write_atomically

GREY = "a grey picture: its colours are measured as zero and mean nothing"

NEIGHBOURS = 5
"""Known galaxies named beside each."""

FEWEST = 20
"""With fewer galaxies drift is not judged."""

DRIFT_AUC = 0.65
"""From this area under the curve on, with an interval above one half, samples are called
different: below it they overlap for the most part."""

THUMBNAIL = 128
"""Side of a thumbnail in pixels: the central half of an SDSS cutout."""

COLOURS = ("colour_gr", "colour_ri")
"""Of `model.MEASURED`: both are exactly zero where a picture has one band."""

Values = NDArray[np.float64]


def classify(
    model: Model, measured: pd.DataFrame, deep: NDArray[np.floating]
) -> tuple[pd.DataFrame, Values]:
    """Cluster, oddness and nearest known galaxies of measured galaxies.

    Parameters
    ----------
    model : Model
        The taxonomy.
    measured : DataFrame
        Columns objid, `model.MEASURED`, flag, reason.
    deep : ndarray of float, shape (n, n_features)
        Joined deep features; NaN where the image could not be embedded.

    Returns
    -------
    table : DataFrame
        The same rows; cluster (missing where something was not measured),
        p_<cluster> and largest (responsibilities), log_likelihood, percentile
        (share of the training galaxies that are less likely, percent),
        is_anomaly, nearest_<i>, nearest_<i>_type, nearest_<i>_distance, reason.
    space : ndarray of float64, shape (n_classified, dimension)
        Of the rows that have a cluster.
    """
    values = measured[list(MEASURED)].to_numpy(np.float64)
    whole = np.isfinite(values).all(axis=1) & np.isfinite(deep).all(axis=1)
    table = measured.reset_index(drop=True).copy()
    table["reason"] = _reasons(table, whole, np.isfinite(deep).all(axis=1))
    space = model.transform(values[whole], deep[whole]) if whole.any() else np.empty((0, 0))
    for name, column in _columns(model, space).items():
        table.loc[whole, name] = column
        if not whole.any():
            table[name] = np.nan
    table["cluster"] = table["cluster"].astype("Int64")
    table["is_anomaly"] = table["is_anomaly"].astype("boolean")
    return table, space


def _reasons(
    table: pd.DataFrame, whole: NDArray[np.bool_], embedded: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Why a galaxy has no cluster, or a doubtful one; what measuring said stays."""
    said = table["reason"].fillna("").to_numpy(object).copy()
    finite = np.isfinite(table[list(MEASURED)].to_numpy(np.float64))
    for row in np.flatnonzero(~whole):
        missing = [name for name, there in zip(MEASURED, finite[row], strict=True) if not there]
        more = "" if embedded[row] else "no deep features"
        said[row] = said[row] or "; ".join(filter(None, [", ".join(missing), more]))
    for row in np.flatnonzero((table[list(COLOURS)] == 0).all(axis=1)):
        said[row] = "; ".join(filter(None, [said[row], GREY]))
    return np.asarray(said, dtype=object)


def _columns(model: Model, space: Values) -> dict[str, Any]:
    k = len(model.weights)
    nearest = [f"nearest_{i}{part}" for i in range(1, NEIGHBOURS + 1)
               for part in ("", "_type", "_distance")]  # fmt: skip
    names = ["cluster", *(f"p_{c}" for c in range(k)), "largest", "log_likelihood", "percentile",
             "is_anomaly", *nearest]  # fmt: skip
    if not len(space):
        return dict.fromkeys(names, ())
    mixture = model.mixture()
    share, likelihood = mixture.predict_proba(space), mixture.score_samples(space)
    found: dict[str, Any] = {"cluster": share.argmax(axis=1)}
    found |= {f"p_{c}": share[:, c] for c in range(k)}
    found |= {
        "largest": share.max(axis=1), "log_likelihood": likelihood,
        "percentile": model.percentile(likelihood), "is_anomaly": likelihood < model.threshold,
    }  # fmt: skip
    distances, rows = model.neighbours(space, NEIGHBOURS)
    for place in range(NEIGHBOURS):
        found[f"nearest_{place + 1}"] = model.objids[rows[:, place]].astype(object)
        found[f"nearest_{place + 1}_type"] = model.types[rows[:, place]].astype(object)
        found[f"nearest_{place + 1}_distance"] = distances[:, place]
    return found


@dataclass(frozen=True)
class Drift:
    """How far new galaxies lie from those that the model was fitted to.

    Parameters
    ----------
    number : int
        New galaxies with a cluster.
    parameters : DataFrame
        One row a measured parameter: parameter, new and known (medians), ks
        (two-sample Kolmogorov-Smirnov distance), p_holm.
    odd_percent, odd_low, odd_high : float
        Share below the likelihood of the anomalies, with an interval of 95 %.
    odd_expected : float
        The same among the training galaxies.
    auc, auc_low, auc_high : float
        Area under the curve of a linear classifier that tells new from known
        galaxies in the model's space (held-out folds), with an interval of 95 %.
    outside : bool or None
        The verdict; None where there are too few galaxies.
    """

    number: int
    parameters: pd.DataFrame
    odd_percent: float
    odd_low: float
    odd_high: float
    odd_expected: float
    auc: float
    auc_low: float
    auc_high: float
    outside: bool | None

    def sentence(self) -> str:
        """The verdict in words, with its numbers.

        Returns
        -------
        str
            One or two sentences.
        """
        if self.outside is None:
            return (
                f"{self.number} galaxies are too few to judge whether they are of the kind that "
                f"the taxonomy was fitted to (at least {FEWEST} are needed)."
            )
        verb = "cannot tell" if self.auc_low <= 0.5 else "tells"
        numbers = (
            f"A classifier {verb} them from the known galaxies: its area under the curve is "
            f"{self.auc:.2f} ({self.auc_low:.2f} to {self.auc_high:.2f}; some 0.50 if they are "
            f"alike); "
            f"{self.odd_percent:.1f} % ({self.odd_low:.1f} to {self.odd_high:.1f}) are as odd as "
            f"the oddest {self.odd_expected:.0f} % of the known ones."
        )
        verdict = (
            "These galaxies lie outside what the taxonomy was fitted to: do not trust the clusters."
            if self.outside
            else "No sign that these galaxies are of another kind than the known ones."
        )
        return f"{verdict} {numbers}"


def judge_drift(model: Model, table: pd.DataFrame, space: Values, seed: int = 0) -> Drift:
    """Compare new galaxies with the training galaxies.

    Parameters
    ----------
    model : Model
        The taxonomy.
    table : DataFrame
        Of `classify`.
    space : ndarray of float64, shape (n_classified, dimension)
        Of `classify`.
    seed : int
        Of folds and resampling.

    Returns
    -------
    Drift
        The verdict: outside where the classifier's area is at least
        `DRIFT_AUC` and its interval above one half, or where the interval of
        the share of odd galaxies lies above twice what is expected.
    """
    mine = table[table["cluster"].notna()]
    number = len(mine)
    expected = 100 * float((model.log_likelihoods < model.threshold).mean())
    if number < FEWEST:
        empty = pd.DataFrame(columns=["parameter", "new", "known", "ks", "p_holm"])
        nan = float("nan")
        return Drift(number, empty, nan, nan, nan, expected, nan, nan, nan, None)
    odd = int(mine["is_anomaly"].sum())
    low, high = (100 * float(v) for v in proportion_confint(odd, number, method="wilson"))
    auc, auc_low, auc_high = _domain_auc(model, space, seed)
    outside = (auc >= DRIFT_AUC and auc_low > 0.5) or low > 2 * expected
    return Drift(
        number, _shifts(model, mine), 100 * odd / number, low, high, expected,
        auc, auc_low, auc_high, bool(outside),
    )  # fmt: skip


def _shifts(model: Model, mine: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for place, name in enumerate(MEASURED):
        new, known = mine[name].to_numpy(float), model.measured[:, place].astype(float)
        test = ks_2samp(new, known)
        rows.append([name, np.median(new), np.median(known), test.statistic, test.pvalue])
    table = pd.DataFrame(rows, columns=["parameter", "new", "known", "ks", "p_holm"])
    return table.assign(p_holm=multipletests(table["p_holm"], method="holm")[1])


def _domain_auc(model: Model, space: Values, seed: int) -> tuple[float, float, float]:
    rng = np.random.default_rng(seed)
    known = rng.permutation(len(model.space))[: max(4 * len(space), 200)]
    values = np.vstack([space, model.space[known].astype(np.float64)])
    new = np.arange(len(values)) < len(space)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    classifier = LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced")
    scaled = StandardScaler().fit_transform(values)
    said = cross_val_predict(classifier, scaled, new, cv=folds, method="decision_function")
    drawn = []
    for _ in range(200):
        rows = np.concatenate([rng.choice(np.flatnonzero(new == side), int((new == side).sum()))
                               for side in (True, False)])  # fmt: skip
        drawn.append(roc_auc_score(new[rows], said[rows]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(roc_auc_score(new, said)), float(low), float(high)


def write_tables(folder: Path, table: pd.DataFrame) -> None:
    """Write what was found as parquet and CSV.

    Parameters
    ----------
    folder : Path
        It exists.
    table : DataFrame
        Of `classify`.
    """
    unfinished = folder / "galaxies.parquet.partial"
    table.to_parquet(unfinished, index=False)
    unfinished.replace(folder / "galaxies.parquet")
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_atomically(folder / "galaxies.csv", text)


def thumbnail(image: Image | None) -> str:
    """A small JPEG of the central half as a data address.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3), or None
        A cutout.

    Returns
    -------
    str
        For the `src` of an HTML image; empty where there is no image.
    """
    if image is None:
        return ""
    top, left = (side // 4 for side in image.shape[:2])
    middle = image[top : image.shape[0] - top, left : image.shape[1] - left]
    small = PillowImage.fromarray(np.ascontiguousarray(middle))
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(kept.getvalue()).decode()


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ name }}, classified</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
figure { display: inline-block; margin: .3rem; width: 8.2rem; vertical-align: top;
  font-size: .7rem }
figure img { width: 8rem; height: 8rem; object-fit: contain; background: #222 }
figcaption { overflow-wrap: anywhere } .odd img { outline: 3px solid #d55e00 }
.drift { border-left: 5px solid {{ "#d55e00" if outside else "#0072b2" }}; padding: .5rem 1rem }
table { border-collapse: collapse } td, th { padding: .15rem .6rem; text-align: right }
tr { border-bottom: 1px solid #ccc }
</style></head><body>
<h1>{{ name }}</h1>
<p>{{ total }} images, {{ classified }} with a cluster, {{ anomalies }} of them called anomalies
(orange frame). Model: {{ about.recipe }}, fitted to {{ about.galaxies }} galaxies of
{{ about.sample }}, seed {{ about.seed }}, code {{ about.code }}. Everything stands in
<a href="galaxies.csv">galaxies.csv</a> and galaxies.parquet. Pictures show the central half of
each image. {{ matched }}</p>
<p class="drift">{{ drift }}</p>
{% if shifts %}<table><caption>Medians and Kolmogorov-Smirnov distances</caption>
<tr><th>parameter</th><th>these</th><th>known</th><th>distance</th><th>p (Holm)</th></tr>
{% for row in shifts %}<tr><td>{{ row.parameter }}</td><td>{{ "%.3f"|format(row.new) }}</td>
<td>{{ "%.3f"|format(row.known) }}</td><td>{{ "%.2f"|format(row.ks) }}</td>
<td>{{ "%.1g"|format(row.p_holm) }}</td></tr>{% endfor %}</table>{% endif %}
{% for group in groups %}<h2>{{ group.title }}</h2><p>{{ group.text }}</p>
{% for galaxy in group.galaxies %}<figure class="{{ "odd" if galaxy.odd }}">
{% if galaxy.picture %}<img src="{{ galaxy.picture }}" alt="cutout of {{ galaxy.objid }}">
{% endif %}
<figcaption>{{ galaxy.objid }}<br>{{ galaxy.text }}</figcaption></figure>
{% endfor %}{% endfor %}
</body></html>
"""


def page(
    name: str,
    table: pd.DataFrame,
    drift: Drift,
    about: Mapping[str, Any],
    pictures: Mapping[str, Image | None],
    matched: str = "",
) -> str:
    """Thumbnails by cluster, the oddest first, with the verdict on drift above.

    Parameters
    ----------
    name : str
        Of the folder.
    table : DataFrame
        Of `classify`.
    drift : Drift
        Of `judge_drift`.
    about : mapping
        Of `model.load_model`.
    pictures : mapping of str to ndarray or None
        Cutout by objid.
    matched : str
        How many rows of a catalogue have an image; empty without one.

    Returns
    -------
    str
        HTML that needs no other file; every text in it is escaped.
    """
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(PAGE)
    has = table["cluster"].notna()
    return template.render(
        name=name, total=len(table), classified=int(has.sum()), about=about, matched=matched,
        anomalies=int(table.loc[has, "is_anomaly"].sum()), drift=drift.sentence(),
        outside=drift.outside, shifts=drift.parameters.to_dict("records"),
        groups=[_group(table, cluster, pictures) for cluster in about["clusters"]]
        + [_unmeasured(table[~has], pictures)],
    )  # fmt: skip


def _group(
    table: pd.DataFrame, cluster: Mapping[str, Any], pictures: Mapping[str, Image | None]
) -> dict[str, Any]:
    mine = table[table["cluster"] == cluster["cluster"]].sort_values("percentile")
    people = f"people saw {cluster['commonest']} in {cluster['share']:.0f} % of the known ones"
    return {
        "title": f"Cluster {cluster['cluster']}: {len(mine)} galaxies",
        "text": f"{cluster['galaxies']} known galaxies; {people}. The oddest come first.",
        "galaxies": [
            {"objid": row["objid"], "odd": bool(row["is_anomaly"]),
             "picture": thumbnail(pictures.get(str(row["objid"]))),
             "text": f"p = {row['largest']:.2f}; odder than {100 - row['percentile']:.0f} %"}
            for _, row in mine.iterrows()
        ],
    }  # fmt: skip


def _unmeasured(table: pd.DataFrame, pictures: Mapping[str, Image | None]) -> dict[str, Any]:
    return {
        "title": f"Without a cluster: {len(table)}",
        "text": "What could not be measured, and why.",
        "galaxies": [
            {"objid": row["objid"], "odd": False, "text": row["reason"],
             "picture": thumbnail(pictures.get(str(row["objid"])))}
            for _, row in table.iterrows()
        ],
    }  # fmt: skip
