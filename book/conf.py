"""Plain Sphinx with myst-nb, to see that the book's sources do not depend on Jupyter Book.

sphinx-build -W --keep-going runs/book/build/source build/sphinx
"""

extensions = [
    "myst_nb",
    "sphinx_external_toc",
    "sphinx_design",
    "sphinx_togglebutton",
    "sphinxcontrib.bibtex",
    "galaxy_utils.workflow.mathml",
]
external_toc_path = "_toc.yml"
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"
numfig = True
suppress_warnings = ["mystnb.unknown_mime_type"]
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
