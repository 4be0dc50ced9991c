"""Samples that have a name, and the folders of what was fetched, simulated or measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

from galaxy_utils.data.paper_sample import PaperSample
from galaxy_utils.provenance import PACKAGE, sha256_of_file
from galaxy_utils.run_folder import DATA, MEASUREMENTS, ROOT

PRECOMPUTED = {"sdss5000": DATA / "sdss5000"}
"""Samples that come with the project as measured tables."""

SKYSERVER = "skyserver"
"""Sample selected as the paper's, fetched from SkyServer."""

MOCK = "mock"
"""Sample of simulated galaxies."""

MOCK_NUMBER, MOCK_SEED, MOCK_ARTEFACTS = 2000, 0, 0.05
"""Defaults of the sample `mock`: galaxies, seed, share of artefacts."""

NAMED_SAMPLES = (*PRECOMPUTED, "hdf", SKYSERVER, MOCK)
"""What a sample may be called that is no folder."""


def measured_folder(images: Path) -> Path:
    """Default folder of the measured table of a folder of images.

    Its name has a digest of the absolute path: two folders called `images` have two tables.
    """
    source = images.expanduser().resolve()
    digest = hashlib.sha256(str(source).encode()).hexdigest()[:8]
    return ROOT / "runs" / MEASUREMENTS / f"{source.name}-{digest}"


def mock_folder(seed: int, artefact_share: float) -> Path:
    """Folder of simulated galaxies.

    Its name has a digest of the code that simulates: galaxies by older code are never reused.
    """
    files = sorted(p for p in (PACKAGE / "simulate").iterdir() if p.suffix in (".py", ".csv"))
    checksums = [sha256_of_file(path) for path in files]
    code = hashlib.sha256("".join(checksums).encode()).hexdigest()[:8]
    return ROOT / "runs" / MEASUREMENTS / f"{MOCK}-{seed}-{artefact_share:g}-{code}"


def skyserver_sample(n_galaxies: int) -> PaperSample:
    """Selection of the sample `skyserver`: the paper's; 0 galaxies for as many as it has."""
    return PaperSample.of(number=n_galaxies) if n_galaxies else PaperSample.of()


def skyserver_folder(wanted: PaperSample) -> Path:
    """Default folder of a sample that is fetched from SkyServer."""
    name = f"{SKYSERVER}-{wanted.number}-{wanted.seed}"
    if wanted.z_max != PaperSample.of().z_max:
        name += f"-z{wanted.z_max:g}"
    return ROOT / "runs" / MEASUREMENTS / name
