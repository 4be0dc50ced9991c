"""Finished units of work, kept in a file so that a call that was killed resumes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

Key = tuple[str, ...]
"""What a unit of work is known by, for example a galaxy and the checksum of its image."""


@dataclass(frozen=True)
class Job:
    """The progress bar of several stages, each with the seconds that a unit of it takes."""

    bar: tqdm[Any]
    seconds: Mapping[str, float]


_JOB: ContextVar[Job | None] = ContextVar("job", default=None)


@contextmanager
def whole_job(name: str, seconds: Mapping[str, float], n_units: int) -> Iterator[None]:
    """Show one line for all stages inside: how far they are and the time left.

    `seconds` holds, by the title of each stage, about how long one of the `n_units` takes.
    """
    form = "{desc}: {percentage:3.0f} % of the whole job, {elapsed} elapsed, {remaining} left"
    with tqdm(total=n_units * sum(seconds.values()), desc=name, bar_format=form) as bar:
        bar.mininterval = 0.1 if sys.stderr.isatty() else 10.0
        token = _JOB.set(Job(bar, seconds))
        try:
            yield
        finally:
            _JOB.reset(token)


@dataclass(frozen=True)
class Store:
    """Results by key, each a line of JSON in a file that several processes may share.

    The file needs a name of its own for every state of what decides the results.
    """

    path: Path

    def read(self) -> dict[Key, Any]:
        """Return what is finished; a line that a kill cut off is passed over."""
        finished = {}
        for line in (
            self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ()
        ):
            with suppress(json.JSONDecodeError):  # empty, or cut off
                *key, result = json.loads(line)
                finished[tuple(key)] = result
        return finished

    def compute(
        self,
        keys: Sequence[Key],
        measure: Callable[[list[Key]], Iterable[Mapping[Key, Any]]],
        title: str = "",
    ) -> list[Any]:
        """Measure what is not finished yet; return all results in the order of the keys.

        `measure` takes the keys that are not finished, and yields batches of results by key, which
        JSON can hold. Each line follows its line break and each batch is written at once, so that a
        line that a kill cuts off spoils no other, and two processes never mix theirs.
        """
        finished = self.read()
        results = {key: finished[key] for key in keys if key in finished}
        todo = [key for key in keys if key not in results]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream, _stage(title, len(keys), len(results)) as advance:
            for batch in measure(todo) if todo else ():
                results.update(batch)
                lines = (json.dumps([*key, result]) for key, result in batch.items())
                stream.write("".join(f"\n{line}" for line in lines).encode())
                stream.flush()
                advance(len(batch))
        return [results[key] for key in keys]


@contextmanager
def _stage(title: str, total: int, finished: int) -> Iterator[Callable[[int], object]]:
    """Show how far a stage is: in the line of the whole job, or in one of its own."""
    job = _JOB.get()
    if job is None or title not in job.seconds:
        with tqdm(total=total, initial=finished, desc=title) as bar:
            bar.mininterval = 0.1 if sys.stderr.isatty() else 10.0
            yield bar.update
        return
    already = finished * job.seconds[title]
    job.bar.initial += already  # it says nothing about the speed
    job.bar.update(already)
    yield lambda n: job.bar.update(min(n * job.seconds[title], (job.bar.total or 0.0) - job.bar.n))
