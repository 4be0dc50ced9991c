"""Write the data of the lessons from a finished run: python book/teaching/make_data.py runs/book

galaxies.csv   one row per galaxy of the run: measurements, Galaxy Zoo class, cluster of the
               pipeline, and sixteen principal components of the deep features
stamps.npz     twelve simulated galaxies of 64 x 64 px (electrons, sky subtracted), three families
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

HERE = Path(__file__).parent
MEASURED = [
    "concentration", "asymmetry", "smoothness", "gini", "m20", "axis_ratio", "colour_gr",
    "rpetro_circ", "sn_per_pixel", "n_sources",
]  # fmt: skip


def galaxy_table(run: Path) -> pd.DataFrame:
    """Collect the columns of galaxies.csv from a run."""
    catalogue = pd.read_parquet(run / "catalogue.parquet").query("kept").reset_index(drop=True)
    with np.load(run / "artefacts" / "deep.npz", allow_pickle=False) as stored:
        deep = np.hstack([stored[name] for name in stored.files])
    components = PCA(16, random_state=0).fit_transform(deep)
    table = catalogue[["objid", "gz1_class", *MEASURED, "cluster"]].copy()
    for index in range(components.shape[1]):
        table[f"deep_{index + 1}"] = components[:, index]
    return table


def stamps(seed: int = 0) -> dict[str, np.ndarray]:
    """Draw galaxies with a bulge, with a disc and with two nuclei, each with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64] - 31.5
    images, families = [], []
    for family in ("elliptical", "disc", "merger"):
        for _ in range(4):
            ratio, angle = rng.uniform(0.6, 1.0), rng.uniform(0, np.pi)
            u = x * np.cos(angle) + y * np.sin(angle)
            v = (y * np.cos(angle) - x * np.sin(angle)) / ratio
            r = np.hypot(u, v)
            if family == "elliptical":
                light = 4000 * np.exp(-7.67 * ((r + 0.3) / 9) ** 0.25)
            elif family == "disc":
                arms = 1 + 0.5 * np.cos(2 * np.arctan2(v, u) - r / 3)
                light = 30 * np.exp(-r / 7) * arms
            else:
                other = np.hypot(x - rng.uniform(8, 14), y - rng.uniform(-8, 8))
                light = 40 * np.exp(-r / 4) + 25 * np.exp(-other / 3)
            images.append(light + rng.normal(0, 0.5, light.shape))
            families.append(family)
    return {"images": np.array(images, np.float32), "families": np.array(families)}


if __name__ == "__main__":
    galaxy_table(Path(sys.argv[1])).to_csv(
        HERE / "galaxies.csv", index=False, float_format="%.4g", lineterminator="\n"
    )
    np.savez_compressed(HERE / "stamps.npz", **stamps())
