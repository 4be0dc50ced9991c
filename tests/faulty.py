"""Run a command many times in forked processes, each ended or hindered in its own way.

python tests/faulty.py measure|classify IMAGES OUT: prints, as JSON, the exit status of each try.
The networks are replaced by a cheap stand-in, so that a try takes a second.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from galaxy_utils.cli import main
from galaxy_utils.features import inference
from galaxy_utils.features.backbones import EmbeddingSpec
from galaxy_utils.features.inference import Encoder
from galaxy_utils.morphology.measurement import warm_up
from galaxy_utils.workflow import classification, report


def _cheap(spec: EmbeddingSpec) -> Encoder:
    width = 320 if spec.backbone == "galaxy_convnext" else 1280

    def run(batch: np.ndarray) -> np.ndarray:
        return np.tile(batch.mean(axis=(2, 3)), width)[:, :width]

    return Encoder(spec, run, "cheap", batch_size=3)


def in_a_child(action: Callable[[], object], command: list[str]) -> int:
    """Exit status of the command after an action in a fork; minus the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        action()
        status = main(command)
    finally:
        sys.stdout.flush()
        os._exit(status)


def kill_at_write(number: int, out: Path) -> None:
    """End the process as `kill -9` does, just before it opens or renames a file for the n-th time.

    Reading does not count, nor do files outside the output folder.
    """
    seen = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        writes = event == "os.rename" or (event == "open" and args[2] and int(str(args[2])) & 3)
        if writes and str(args[0]).startswith(str(out)):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def kill_after(seconds: float) -> None:
    """End the process at a moment of its own choosing: nobody handles this signal."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def no_space_after(size: int) -> None:
    """Let no file grow beyond a size, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _main(name: str, images: str, out: Path) -> None:
    inference.load_encoder = _cheap
    warm_up()
    assert classification and report  # imported once, before the forks
    options = ["--cores", "1", "--no-errors", "--out", str(out)]
    command = {
        "measure": ["measure", "--images", images, "--backbones", "efficientnet_lite0", *options],
        "classify": ["classify", images, *options],
    }[name]
    rng = np.random.default_rng(0)
    killed = [
        *(in_a_child(lambda n=n: kill_at_write(n, out), command) for n in (1, 5, 9)),
        *(in_a_child(lambda t=t: kill_after(t), command) for t in rng.uniform(0.05, 0.4, 2)),
    ]
    full = [in_a_child(lambda s=s: no_space_after(s), command) for s in (200,)]
    last = in_a_child(lambda: None, command)
    print(json.dumps({"killed": killed, "full": full, "last": last}))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
