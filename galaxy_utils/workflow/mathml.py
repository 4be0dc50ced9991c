"""A Sphinx extension: formulae as MathML, which browsers draw without a script."""

from __future__ import annotations

from functools import cache
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_from_doctree
from docutils.utils import new_document
from sphinx.util.math import get_node_equation_number


@cache
def mathml(formula: str, display: bool = False) -> str:
    """Translate a formula in TeX into a `<math>` element.

    Raises
    ------
    ValueError
        If docutils does not understand the formula.
    """
    document = new_document("formula")
    document += nodes.math_block("", formula.strip())
    settings = {"math_output": "MathML", "report_level": 5}
    made = publish_from_doctree(document, writer_name="html5", settings_overrides=settings)
    element = BeautifulSoup(made, "html.parser").find("math")
    if element is None:
        raise ValueError(f"not understood: {formula}")
    if not display:
        del element["display"]
    element["alttext"] = formula.strip()
    return str(element).replace("\n", "")


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{mathml(node.astext())}</span>')
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(f"{mathml(node.astext(), display=True)}</div>")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer, and make it the one in use."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
