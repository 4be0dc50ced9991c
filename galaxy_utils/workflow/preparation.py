"""What is settled before the first page of a run, and written after the last."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from galaxy_utils.config import Parameters, check_enough, read_parameters, split_names
from galaxy_utils.features.galaxies import fingerprint_of, open_galaxies
from galaxy_utils.features.named_samples import NAMED_SAMPLES
from galaxy_utils.provenance import git_commit, sha256_of_file, versions
from galaxy_utils.run_folder import DATA, ROOT, RunFolder
from galaxy_utils.workflow.sections import SECTIONS


def absolute_sample(parameters: Parameters) -> Parameters:
    """Make a sample's folder absolute, since notebooks run in another directory."""
    if parameters.sample in NAMED_SAMPLES:
        return parameters
    folder = Path(parameters.sample).expanduser().resolve()
    return parameters.model_copy(update={"sample": str(folder)})


def write_sample_fingerprint(
    folder: RunFolder, parameters: Parameters, *, keep: bool = True
) -> None:
    """Open the sample before anything runs and note its state in the run."""
    measured = folder.file("measured") if keep else None
    galaxies = open_galaxies(
        parameters.sample, parameters.n_galaxies, parameters.from_pixels, measured
    )
    check_enough(len(galaxies.sample.catalogue), f"in the sample {parameters.sample}")
    galaxies.check_morphology(parameters.engine)
    for backbone in split_names(parameters.backbones):
        galaxies.check_embedding(backbone, parameters.crop)
    folder.write_json("sample.json", fingerprint_of(galaxies))


def write_provenance(folder: RunFolder, started: float) -> None:
    """Write versions, commit, checksums, host and times of a finished run, begun at `started`."""
    seconds = {
        s.notebook: folder.read_json(f"state/{s.notebook}.json")["seconds"] for s in SECTIONS
    }
    folder.write_json(
        "provenance.json",
        {
            "git_commit": git_commit(ROOT),
            "versions": versions(),
            "python": platform.python_version(),
            "host": platform.platform(),
            "cpu_count": os.cpu_count(),
            "seed": read_parameters(folder.path / "parameters.yml")[1].seed,
            "sample": folder.read_json("sample.json"),
            "data": {
                str(path.relative_to(ROOT)): sha256_of_file(path)
                for path in sorted(DATA.rglob("manifest.json"))
            },
            "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds_per_section": seconds,
        },
    )
