"""Print the rendered book to one PDF through a browser."""

from __future__ import annotations

import posixpath
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from galaxy_utils.errors import UserError
from galaxy_utils.run_folder import RunFolder

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip

CLOSED = "details, .admonition.dropdown, .headerlink"
"""What is folded on the screen, and the marks of links."""


def find_browser() -> str | None:
    """Path of a Chromium or Chrome on this machine, None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def print_book(folder: RunFolder) -> Path:
    """Print all pages of a run's book, in the order of the table of contents.

    Code that is open on the screen is printed, what is folded (solutions, other code) is not.

    Parameters
    ----------
    folder : RunFolder
        A run whose book is rendered.

    Returns
    -------
    Path
        The PDF.

    Raises
    ------
    UserError
        If there is no browser or no book, or the browser fails.
    """
    browser = find_browser()
    if browser is None:
        raise UserError(
            "a PDF is printed by Chromium or Chrome, and neither was found; install one "
            "(Debian, Ubuntu: sudo apt install chromium), or print single pages from any browser"
        )
    html = folder.existing("html/index.html").parent
    whole, pdf = html / "whole-book.html", folder.file("book.pdf")
    whole.write_text(whole_book(html), encoding="utf-8")
    pdf.unlink(missing_ok=True)
    command = [
        browser, "--headless", "--disable-gpu", "--no-pdf-header-footer",
        "--no-sandbox",  # which root cannot have; the pages are our own
        f"--print-to-pdf={pdf}", whole.as_uri(),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        whole.unlink()
    if not pdf.exists():
        raise UserError(f"{browser} printed nothing:\n{done.stderr[-1000:]}")
    return pdf


def whole_book(html: Path) -> str:
    """Join all pages in one, with their links and names made those of one document."""
    index = _parsed(html / "index.html")
    links = [str(link["href"]) for link in index.select(".bd-docs-nav a.reference.internal")]
    names = ["index.html", *(link for link in links if not link.startswith("#"))]
    articles = [_article(html, name) for name in dict.fromkeys(names)]
    for element in index.select("script, body > *"):
        element.decompose()
    assert index.body is not None
    index.body["class"] = "whole-book"
    index.body.extend(articles)
    return str(index)


def _parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def _article(html: Path, name: str) -> Tag:
    article = _parsed(html / name).find("article")
    assert isinstance(article, Tag)
    for element in article.select(CLOSED):
        element.decompose()
    for element in article.select("[id]"):
        element["id"] = f"{name}:{element['id']}"
    article["id"] = name
    for element in article.select("img[src]"):
        element["src"] = _from_root(name, str(element["src"]))
    for element in article.select("a[href]"):
        element["href"] = _in_one_document(name, str(element["href"]))
    return article


def _from_root(page: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))


def _in_one_document(page: str, address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme:
        return address
    target = _from_root(page, parts.path) if parts.path else page
    return f"#{target}:{parts.fragment}" if parts.fragment else f"#{target}"
