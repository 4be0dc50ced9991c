"""How far a build is: pages note it in `state/`, and the build shows it in one line."""

from __future__ import annotations

import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from galaxy_utils.run_folder import RunFolder

UNITS = re.compile(r"(experiment \w+): .*?(\d+)/(\d+)")
"""What the progress bar of an experiment writes."""

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
        self._note: dict[str, Any] = {"started": time.time()}

    def __enter__(self) -> Progress:
        """Note that the page has begun."""
        self._write()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
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
        """Take what a notebook writes to standard error, where experiments count their units."""
        if counts := UNITS.findall(text):
            self._note["at"] = "{}, {} of {} units".format(*counts[-1])
            self._write()

    def flush(self) -> None:
        """Nothing is held back."""

    def _write(self) -> None:
        self._folder.write_json(self._file, self._note)


@dataclass
class LiveLine:
    """One line that says how many pages of a build are done, and which are under way."""

    folder: RunFolder
    started: float = field(default_factory=time.time)
    _finished: set[str] = field(default_factory=set)
    _printed: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.folder.file(PLAN).unlink(missing_ok=True)
        self._terminal = sys.stdout.isatty()

    def update(self) -> None:
        """Show the present state: over the last line, or rarely where there is no terminal."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{self.text()[:width]}", end="", flush=True)
            return
        for name, note in self._notes().items():
            if "seconds" in note and name not in self._finished:
                self._finished.add(name)
                print(f"{name}: {note['seconds']:.0f} s", flush=True)
        if time.time() - self._printed >= PLAIN_SECONDS:
            self._printed = time.time()
            print(self.text(), flush=True)

    def close(self) -> None:
        """Show the last state and leave the line."""
        self.update()
        if self._terminal:
            print("\r\033[K", end="", flush=True)

    def errors(self) -> list[str]:
        """Messages of what failed in this build, and names of what ended without a word."""
        return [
            note.get("error", f"{name} was killed: perhaps the memory is too small")
            for name, note in self._notes().items()
            if note and "seconds" not in note
        ]

    def text(self) -> str:
        """The line, without the means to place it."""
        notes = self._notes()
        if not notes:
            return "looking at what has changed"
        ended = sum("seconds" in note for note in notes.values())
        running = [
            f"{name} ({note.get('at', 'starts')})"
            for name, note in notes.items()
            if note and "seconds" not in note
        ]
        line = f"{ended} of {len(notes)} done; {', '.join(running) or 'waiting'}"
        left = (time.time() - self.started) * (len(notes) - ended) / max(ended, 1)
        return line + (f"; about {left / 60:.0f} min left" if ended and left > 90 else "")

    def _notes(self) -> dict[str, dict[str, Any]]:
        """What is planned, to what it noted in this build; empty where it has not begun."""
        names = self._read(PLAN) or []
        notes = {name: self._read(f"state/{name}.json") or {} for name in names}
        started = {name: note.get("started", 0.0) for name, note in notes.items()}
        return {n: note if started[n] >= self.started else {} for n, note in notes.items()}

    def _read(self, relative: str) -> Any:
        return self.folder.read_json(relative) if (self.folder.path / relative).exists() else None
