"""How far a build is: pages note it in `state/`, and the build shows it in one line."""

from __future__ import annotations

import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from galaxy_utils.run_folder import RunFolder

UNITS = re.compile(r"(study \w+): .*?(\d+)/(\d+)")
"""What a study's progress bar writes."""

PLAN = "state/plan.json"
"""Names of the pages that a build may have to make, and `BOOK`."""

BOOK = "rendering"
"""Name under which the book itself notes how far it is."""

PLAIN_SECONDS = 30.0
"""Time between two lines where they are not written to a terminal."""


class Progress:
    """Notes in `state/<name>.json` how far one page is; a context manager."""

    def __init__(self, name: str, folder: RunFolder) -> None:
        self._file, self._folder = f"state/{name}.json", folder
        before = folder.read_json(self._file) if folder.file(self._file).exists() else {}
        last = before.get("seconds") or before.get("last_seconds")
        self._note: dict[str, Any] = {"started": time.time(), "last_seconds": last}

    def __enter__(self) -> Progress:
        """Note that the page has begun."""
        self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note how long it took, or what stopped it."""
        self._note.pop("at", None)
        if error is None:
            self._note["seconds"] = round(time.time() - self._note["started"], 1)
        elif isinstance(error, Exception):
            self._note["error"] = str(error)
        self._write()

    def cell_done(self, done: int, total: int) -> None:
        """Note how many cells of the notebook are executed."""
        self._note["at"] = f"{done} of {total} cells"
        self._write()

    def write(self, text: str) -> None:
        """Take what a notebook writes to standard error, where studies count their units."""
        if counts := UNITS.findall(text):
            self._note["at"] = "{}, {} of {} units".format(*counts[-1])
            self._write()

    def flush(self) -> None:
        """Nothing is held back."""

    def _write(self) -> None:
        self._folder.write_json(self._file, self._note)


@dataclass
class LiveLine:
    """One line that says which pages of a build are done, which run, and how long it will take."""

    folder: RunFolder
    cores: int
    started: float = field(default_factory=time.time)
    _finished: set[str] = field(default_factory=set)
    _said: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.folder.file(PLAN).unlink(missing_ok=True)
        self._terminal = sys.stdout.isatty()

    def update(self) -> None:
        """Show the present state: over the last line, or rarely where there is no terminal."""
        plan = self.plan()
        ended = {name for name in plan if "seconds" in self._note(name)}
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{self.text(plan, ended)[:width]}", end="", flush=True)
            return
        for name in sorted(ended - self._finished):
            print(f"{plan[name]}: {self._note(name)['seconds']:.0f} s", flush=True)
        self._finished |= ended
        if plan and time.time() - self._said >= PLAIN_SECONDS:
            self._said = time.time()
            print(self.text(plan, ended), flush=True)

    def close(self) -> None:
        """Show the last state and leave the line."""
        self.update()
        if self._terminal:
            print("\r\033[K", end="", flush=True)

    def plan(self) -> dict[str, str]:
        """What the build may have to make: number of a page, or `BOOK`, to its name."""
        path = self.folder.path / PLAN
        names = self.folder.read_json(PLAN) if path.exists() else []
        return {name if name == BOOK else name[:2]: name for name in names}

    def errors(self) -> list[str]:
        """Messages of what failed in this build, and names of what ended without a word."""
        notes = {name: self._note(key) for key, name in self.plan().items()}
        return [
            note.get("error", f"{name} was killed: perhaps the memory is too small")
            for name, note in notes.items()
            if note and "seconds" not in note
        ]

    def text(self, plan: dict[str, str], ended: set[str]) -> str:
        """The line, without the means to place it."""
        if not plan:
            return "looking at what has changed"
        running = {
            name: note for name in plan if "seconds" not in (note := self._note(name)) and note
        }
        parts = [f"{plan[name]} ({note.get('at', 'starts')})" for name, note in running.items()]
        left = self._seconds_left(plan, ended, running)
        return f"{len(ended)} of {len(plan)} done; {', '.join(parts) or 'waiting'}" + (
            f"; about {left / 60:.0f} min left" if left > 90 else ""
        )

    def _seconds_left(
        self, plan: dict[str, str], ended: set[str], running: dict[str, dict[str, Any]]
    ) -> float:
        """From how long pages took last time; where that is unknown, as long as the others now."""
        passed = time.time() - self.started
        usual = passed * min(self.cores, len(plan)) / max(len(ended), 1)
        left = []
        for name in plan.keys() - ended:
            last = self._last_seconds(name) or usual
            begun = running.get(name, {}).get("started")
            left.append(max(last - (time.time() - begun if begun else 0.0), 0.0))
        return max(sum(left) / self.cores, *left, 0.0)

    def _last_seconds(self, name: str) -> float | None:
        path = self.folder.path / f"state/{name}.json"
        note = self.folder.read_json(f"state/{name}.json") if path.exists() else {}
        seconds = note.get("seconds") or note.get("last_seconds")
        return None if seconds is None else float(seconds)

    def _note(self, name: str) -> dict[str, Any]:
        """What a page noted in this build; empty where it has not begun."""
        path: Path = self.folder.path / f"state/{name}.json"
        note: dict[str, Any] = self.folder.read_json(f"state/{name}.json") if path.exists() else {}
        return note if note.get("started", 0.0) >= self.started else {}
