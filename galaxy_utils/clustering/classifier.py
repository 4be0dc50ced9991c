"""A fitted taxonomy, kept on disk, that other galaxies can be put through."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline

from galaxy_utils.errors import UserError
from galaxy_utils.features.feature_table import MeasuredColumns
from galaxy_utils.provenance import PACKAGE, git_commit, sha256_of_file, versions, write_atomically

PIPELINE, ZOO = "pipeline.skops", "zoo.skops"
GALAXIES, ABOUT = "galaxies.parquet", "model.json"

TRUSTED = [
    "galaxy_utils.clustering.mixture.OrderedGaussianMixture",
    "galaxy_utils.clustering.pipelines.double_precision",
    "galaxy_utils.features.feature_table.DeepColumns",
]
"""Types of this package that a stored pipeline may hold; any other is refused."""

NEIGHBOURS = 5
"""Known galaxies named next to each new one."""

GREY = "grey image: its colours are measured as zero and mean nothing"
COLOURS = ["colour_gr", "colour_ri"]


@dataclass(frozen=True)
class GalaxyClassifier:
    """A fitted pipeline, ending in a mixture, and the galaxies that it was fitted to.

    `galaxies` holds `objid`, `type` ("" where unknown), `log_likelihood`, the measured parameters,
    and coordinates in the space of the mixture, `z_0`, `z_1`, …
    """

    pipeline: Pipeline
    galaxies: pd.DataFrame
    about: dict[str, Any]  # sample, seed, settings; `anomaly_percent` sets the threshold
    zoo: Pipeline  # supervised: Galaxy Zoo class from the features `ZOO_FEATURES`

    @classmethod
    def from_fitted(
        cls,
        pipeline: Pipeline,
        X: pd.DataFrame,
        types: pd.Series,
        about: Mapping[str, Any],
        zoo: Pipeline,
    ) -> GalaxyClassifier:
        """Describe the galaxies of a feature table that a pipeline is fitted to.

        `types` are missing where unknown; `about` includes `anomaly_percent`.
        """
        space = pipeline[:-1].transform(X)
        galaxies = pd.DataFrame({"objid": X.index.astype(str), "type": types.fillna("").to_numpy()})
        galaxies["log_likelihood"] = pipeline[-1].score_samples(space)
        for name in MeasuredColumns()(X):
            galaxies[name] = X[name].to_numpy(np.float32)
        names = [f"z_{number}" for number in range(space.shape[1])]
        space_table = pd.DataFrame(space.astype(np.float32), columns=names)
        return cls(pipeline, pd.concat([galaxies, space_table], axis=1), dict(about), zoo)

    @property
    def measured(self) -> list[str]:
        """Names of the measured parameters that the pipeline takes."""
        names = list(self.galaxies.columns)
        return names[names.index("log_likelihood") + 1 : names.index("z_0")]

    @property
    def space(self) -> NDArray[np.float64]:
        """Coordinates of the training galaxies, shape (n_galaxies, dimension)."""
        return self.galaxies.filter(regex=r"^z_\d+$").to_numpy(np.float64)

    @property
    def threshold(self) -> float:
        """Log-likelihood below which a galaxy is called an anomaly."""
        percent = self.about["anomaly_percent"]
        return float(np.percentile(self.galaxies["log_likelihood"], percent))

    def classify(
        self, measured: pd.DataFrame, X: pd.DataFrame
    ) -> tuple[pd.DataFrame, NDArray[np.float64]]:
        """Assign clusters to measured galaxies.

        Parameters
        ----------
        measured : DataFrame
            What was measured of each galaxy, among it `objid` and `reason`.
        X : DataFrame
            Feature table of the same rows; missing values where measuring failed.

        Returns
        -------
        table : DataFrame
            `measured` with the columns `cluster`, `p_0`, `p_1`, …, `largest` (probability),
            `log_likelihood`, `percentile` (of the training galaxies), `is_anomaly`, and
            `nearest_1`, `nearest_1_type`, `nearest_1_distance`, … A galaxy that lacks a feature
            has none of these, and the reason says which.
        space : ndarray of shape (n_classified, dimension)
            Coordinates of those with a cluster.
        """
        complete = np.isfinite(X.to_numpy(np.float64)).all(axis=1)
        table = measured.reset_index(drop=True).copy()
        table["reason"] = self._reasons(table, X)
        space = self.pipeline[:-1].transform(X[complete]) if complete.any() else np.empty((0, 0))
        found = self._predict(space).set_index(np.flatnonzero(complete))
        table = table.join(found)
        table["cluster"] = table["cluster"].astype("Int64")
        table["is_anomaly"] = table["is_anomaly"].astype("boolean")
        return table, space

    def _predict(self, space: NDArray[np.float64]) -> pd.DataFrame:
        """Predictions for galaxies in the space; an empty table with the same columns for none."""
        mixture, empty = self.pipeline[-1], not len(space)
        if empty:
            space = self.space[:1]
        probabilities, likelihood = mixture.predict_proba(space), mixture.score_samples(space)
        known = self.galaxies
        found: dict[str, Any] = {"cluster": probabilities.argmax(axis=1)}
        found |= {f"p_{number}": column for number, column in enumerate(probabilities.T)}
        ranks = np.searchsorted(np.sort(known["log_likelihood"]), likelihood)
        found |= {
            "largest": probabilities.max(axis=1), "log_likelihood": likelihood,
            "percentile": 100 * ranks / len(known), "is_anomaly": likelihood < self.threshold,
        }  # fmt: skip
        nearest = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(self.space)
        distances, rows = nearest.kneighbors(space)
        for place in range(NEIGHBOURS):
            found[f"nearest_{place + 1}"] = known["objid"].to_numpy(object)[rows[:, place]]
            found[f"nearest_{place + 1}_type"] = known["type"].to_numpy(object)[rows[:, place]]
            found[f"nearest_{place + 1}_distance"] = distances[:, place]
        return pd.DataFrame(found).iloc[: 0 if empty else None]

    def _reasons(self, table: pd.DataFrame, X: pd.DataFrame) -> list[str]:
        """Why a galaxy has no cluster, or a doubtful one; a reason from measuring stays."""
        names = self.measured
        finite = pd.DataFrame(np.isfinite(X[names].to_numpy(np.float64)), columns=names)
        embedded = np.isfinite(X.drop(columns=names).to_numpy(np.float64)).all(axis=1)
        reasons = []
        for row, reason in enumerate(table["reason"].fillna("").astype(str)):
            missing = [", ".join(finite.columns[~finite.iloc[row]])]
            missing += [] if embedded[row] else ["no deep features"]
            reason = reason or "; ".join(filter(None, missing))
            grey = (table.loc[row, COLOURS] == 0).all()
            reasons.append("; ".join(filter(None, [reason, GREY if grey else ""])))
        return reasons

    def clusters(self) -> pd.DataFrame:
        """Describe the clusters of the training galaxies: commonest type, median parameters.

        `share` is the percentage that the type has of the galaxies with a known type.
        """
        labels = self.pipeline[-1].predict(self.space)
        rows = []
        for number in range(self.pipeline[-1].n_components):
            mine = self.galaxies[labels == number]
            types = mine.loc[mine["type"] != "", "type"].value_counts(normalize=True)
            rows.append({
                "cluster": number, "galaxies": len(mine),
                "commonest": str(types.index[0]) if len(types) else "",
                "share": round(100 * float(types.iloc[0]), 1) if len(types) else float("nan"),
                **mine[self.measured].median().astype(float).round(3).to_dict(),
            })  # fmt: skip
        return pd.DataFrame(rows)

    def save(self, folder: Path) -> Path:
        """Write the classifier without pickle; return its JSON file, written last."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            name: skops.io.dumps(pipeline, compression=zipfile.ZIP_DEFLATED)
            for name, pipeline in ((PIPELINE, self.pipeline), (ZOO, self.zoo))
        } | {GALAXIES: self.galaxies.to_parquet()}
        for name, content in files.items():
            partial = folder / f"{name}.partial"
            partial.write_bytes(content)
            partial.replace(folder / name)
        digests = {name: sha256_of_file(folder / name) for name in files}
        content = {
            **self.about, "clusters": json.loads(self.clusters().to_json(orient="records")),
            "code": git_commit(PACKAGE), "versions": versions(), "sha256": digests,
        }  # fmt: skip
        write_atomically(folder / ABOUT, json.dumps(content, indent=1) + "\n")
        return folder / ABOUT

    @classmethod
    def load(cls, folder: Path) -> GalaxyClassifier:
        """Read a classifier from the folder that it was saved to.

        Raises `UserError` if there is none, a file does not match its checksum, or the pipeline
        holds a type that is neither scikit-learn's nor in `TRUSTED`.
        """
        files = (PIPELINE, ZOO, GALAXIES)
        if missing := [name for name in (*files, ABOUT) if not (folder / name).exists()]:
            raise UserError(
                f"{folder} holds no model: {', '.join(missing)} is missing; "
                "make one with make model"
            )
        again = f"restore it (git checkout {folder}) or make it again: make model"
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        except ValueError:
            raise UserError(f"{folder / ABOUT} is damaged; {again}") from None
        for name in files:
            if sha256_of_file(folder / name) != about["sha256"].get(name):
                raise UserError(f"{folder / name} does not match its checksum; {again}")
        galaxies = pd.read_parquet(folder / GALAXIES)
        return cls(_read_pipeline(folder / PIPELINE), galaxies, about, _read_pipeline(folder / ZOO))


def _read_pipeline(path: Path) -> Pipeline:
    content = path.read_bytes()
    unknown = set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED)
    if unknown:
        raise UserError(
            f"{path} holds types that are not trusted: {', '.join(sorted(unknown))}; "
            "make it again: make model"
        )
    return skops.io.loads(content, trusted=TRUSTED)
