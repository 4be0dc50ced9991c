"""Terms are linked once, in prose alone."""

from galaxy_utils.workflow.glossary import link_terms, read_terms
from galaxy_utils.workflow.rendering import BOOK

TERMS = {"adjusted Rand index": "adjusted Rand index", "ARI": "adjusted Rand index", "UMAP": "UMAP",
         "asymmetry": "asymmetry"}  # fmt: skip


def test_only_the_first_use_is_linked_whatever_the_spelling() -> None:
    first, second = link_terms(["An ARI of one. The ARI.", "The adjusted Rand index."], TERMS)
    assert first == "An {term}`ARI <adjusted Rand index>` of one. The ARI."
    assert second == "The adjusted Rand index."


def test_two_terms_in_one_line_and_a_capital_at_its_beginning() -> None:
    (found,) = link_terms(["Asymmetry and UMAP."], TERMS)
    assert found == "{term}`Asymmetry <asymmetry>` and {term}`UMAP <UMAP>`."


def test_headings_code_links_formulae_and_parts_of_words_are_left_alone() -> None:
    text = "# UMAP\n`ARI` [ARI](x) $ARI$ SAFARI\n```\nUMAP\n```\n:name: UMAP\n| UMAP |"
    assert link_terms([text], TERMS) == [text]


def test_the_glossary_has_an_entry_for_every_spelling() -> None:
    terms = read_terms(BOOK / "glossary.md")
    assert terms["ARI"] == terms["adjusted Rand index"] == "adjusted Rand index"
    assert len(set(terms.values())) >= 38
