"""What survives: conclusions of the paper, and questions of ours, each judged by a written rule."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

HOLDS, CAVEAT, FAILS, UNKNOWN = (
    "holds", "holds with a caveat", "does not hold", "not measured in this run",
)  # fmt: skip
LISTS = (HOLDS, CAVEAT, FAILS, UNKNOWN)

PAPER, OURS = "claimed by the paper", "asked by us"
ORIGINS = (PAPER, OURS)

Values = Mapping[str, Any]
Rule = Callable[[Values], str]


@dataclass(frozen=True)
class Conclusion:
    """One line of the page and how it is judged.

    Parameters
    ----------
    statement : str
        In our words.
    keys : tuple of str
        Results that decide.
    rule : callable
        From their values, by key, to one of `LISTS`.
    numbers : str
        What is shown, with `{key}` for the text of a result.
    page : str
        Stem of the page that has it.
    anchor : str
        Label of its figure or table there.
    origin : str
        One of `ORIGINS`: whether the paper concludes it, or we ask.
    extras : tuple of str
        More of `numbers`, each shown where the run has all its results.
    """

    statement: str
    keys: tuple[str, ...]
    rule: Rule
    numbers: str
    page: str
    anchor: str
    origin: str = PAPER
    extras: tuple[str, ...] = ()


def _above(key: str, holds: float, caveat: float) -> Rule:
    def rule(values: Values) -> str:
        """Compare the result with both limits."""
        return HOLDS if values[key] >= holds else CAVEAT if values[key] >= caveat else FAILS

    return rule


def _true(key: str, yes: str = HOLDS, no: str = FAILS) -> Rule:
    return lambda values: yes if values[key] else no


def _compare(
    first: str, second: str, holds: Callable[[Any, Any], bool] = operator.gt, yes: str = HOLDS
) -> Rule:
    return lambda values: yes if holds(values[first], values[second]) else FAILS


def _knows_more(values: Values) -> str:
    """Five points more in the run's own framing hold; in another framing alone, with a caveat."""
    own, best, five = (values[f"labels.{k}_balanced"] for k in _PROBES)
    return HOLDS if own >= five + 5 else CAVEAT if best >= five + 5 else FAILS


def _sure(values: Values) -> str:
    """Half as many without confidence as on the hardest null, and what they promise is kept."""
    if not values["nulls.confident_stands_out"]:
        return FAILS
    unsure, null = (100 - values[f"nulls.{k}"] for k in ("confident", "confident_null"))
    confirmed = values["number.confident_agree"] > values["number.confident_agree_null"]
    kept = confirmed and values["number.calibrated"]
    return HOLDS if unsure <= null / 2 and kept else CAVEAT


_PROBES = ("own_probe", "best_deep", "five_probe")

CONCLUSIONS = (
    Conclusion(
        "Five morphological parameters can be measured for nearly every galaxy of such a sample.",
        ("morphology.n_complete", "morphology.n_galaxies"),
        lambda v: HOLDS if min(v.values()) >= 0.95 * max(v.values()) else CAVEAT,
        "{morphology.n_complete} of {morphology.n_galaxies} galaxies have all of them",
        "03-morphological-parameters", "fig-parameters", OURS,
    ),
    Conclusion(
        "Frozen networks know more of a galaxy's type than the five parameters.",
        ("labels.own_probe_balanced", "labels.best_deep_balanced", "labels.five_probe_balanced"),
        _knows_more,
        "networks {labels.networks_text}; mean recall of a linear classifier with labels: "
        "{labels.own_probe_balanced} % from "
        "*{labels.own_probe}*, the framing of this run, {labels.best_deep_balanced} % from "
        "*{labels.best_deep}*, the best framing picked with labels; the five parameters alone "
        "{labels.five_probe_balanced} %",
        "17-human-labels", "table-probes", OURS,
    ),
    Conclusion(
        "The galaxies are not one structureless group in the bottleneck.",
        ("nulls.silhouette_lowest", "nulls.copula_silhouette_highest"),
        _compare("nulls.silhouette_lowest", "nulls.copula_silhouette_highest", yes=CAVEAT),
        "silhouette {nulls.silhouette} over seeds, at most {nulls.copula_silhouette_highest} "
        "on a copula without clusters; a curved continuum without any cluster would beat that "
        "copula too",
        "14-scores-beside-nulls", "fig-nulls", OURS,
    ),
    Conclusion(
        "Clusters without labels can agree with what people see.",
        ("instead.cross_taught", "instead.cross_taught_low", "instead.goal_ari"),
        lambda v: (
            CAVEAT
            if v["instead.cross_taught"] >= v["instead.goal_ari"]
            and v["instead.cross_taught_low"] > 0.1
            else FAILS
        ),
        "not by the paper's recipe (ARI {instead.paper_ari}); by a mixture that many recipes teach "
        "{instead.cross_taught} ({instead.cross_taught_low} to {instead.cross_taught_high}), "
        "{instead.cross_taught_share} % of what a linear classifier with labels gets in the same "
        "space, {instead.cross_taught_wide_share} and {instead.cross_taught_raw_share} % of what "
        "it gets from more, on other galaxies than those on which its form was settled (the "
        "method was thought of when a vote had just missed {instead.goal_share} % on them)",
        "20-what-we-would-do-instead", "table-cross-validation", OURS,
        (
            "{instead.taught_ari} on those on which it was",
            "the one recipe that a rule without labels chooses gets {instead.cross_chosen} "
            "({instead.cross_chosen_low} to {instead.cross_chosen_high})",
            "the rule before it was changed, as free of labels, would have given "
            "{instead.alone_ari} on the galaxies on which it was",
            "rules without labels give from {instead.ari_lowest_rule} to "
            "{instead.ari_highest_rule}",
            "{instead.cross_taught_gain_measured_text}",
        ),
    ),
    Conclusion(
        "Morphology survives the bottleneck.",
        (
            "autoencoder.raw_plain_morphology_percent",
            "autoencoder.standardised_plain_morphology_percent",
        ),
        lambda v: (
            HOLDS if min(v.values()) >= 50 else CAVEAT if max(v.values()) >= 50 else FAILS
        ),
        "{autoencoder.raw_plain_morphology_percent} % of its variance, but "
        "{autoencoder.standardised_plain_morphology_percent} % once deep features are z-scored",
        "06-autoencoder", "table-losses",
    ),
    Conclusion(
        "The stages cost time in proportion to the number of galaxies.",
        ("scalability.near_linear",), _true("scalability.near_linear", HOLDS, CAVEAT),
        "slopes of what needs all galaxies at once: "
        "autoencoder {scalability.autoencoder_slope}, mixture {scalability.mixture_slope}",
        "12-scalability", "table-3",
    ),
    Conclusion(
        "Fusing images and morphology makes better clusters.",
        ("nulls.fusion_adds",), _true("nulls.fusion_adds"),
        "silhouette with real pairs minus dealt ones: {nulls.fusion_gain} "
        "({nulls.fusion_low} to {nulls.fusion_high})",
        "14-scores-beside-nulls", "table-1-fair",
    ),
    Conclusion(
        "There are four clusters.",
        ("number.four_chosen",), _true("number.four_chosen", CAVEAT),
        "BIC takes {number.bic}, ICL {number.icl}, held-out likelihood {number.held_out}; "
        "found again more surely, beyond data without clusters: {number.steadier}",
        "15-number-of-clusters", "table-chosen-numbers",
    ),
    Conclusion(
        "The clusters are the same when the recipe is executed again.",
        ("nulls.seed_ari",), _above("nulls.seed_ari", 0.8, 0.5),
        "ARI between seeds {nulls.seed_ari}, at worst {nulls.seed_ari_lowest}",
        "14-scores-beside-nulls", "table-seed-agreement",
    ),
    Conclusion(
        "In one and the same bottleneck the clusters are found again with other galaxies.",
        ("number.more_stable_than_null", "number.all_stable"),
        lambda v: HOLDS if all(v.values()) else CAVEAT if any(v.values()) else FAILS,
        "mean Jaccard {number.jaccard}, lowest {number.jaccard_lowest}, without clusters "
        "{number.jaccard_null}; an independent fit confirms {number.confident_agree} % of the "
        "confident assignments, which promised {number.confident_promised} %",
        "15-number-of-clusters", "fig-stability", OURS,
    ),
    Conclusion(
        "The recipe finds families of galaxies where there are some.",
        ("truth.paper_ari",), _above("truth.paper_ari", 0.5, 0.2),
        "ARI with the families of mock galaxies {truth.paper_ari}; another recipe "
        "{truth.ours_ari}; measured parameters alone {truth.bare_ari} by a mixture and "
        "{truth.peer_ari} by K-Means",
        "21-known-truth", "table-recovery", OURS,
    ),
    Conclusion(
        "A galaxy's class does not depend on how it is photographed.",
        ("robust.paper_turned",),
        lambda v: HOLDS if v["robust.paper_turned"] <= 2 else CAVEAT
        if v["robust.paper_turned"] <= 10 else FAILS,
        "turned by a quarter, {robust.paper_turned} % of {robust.n_galaxies} galaxies change "
        "cluster; moved by two pixels, "
        "{robust.paper_moved} %",
        "22-robustness", "fig-robustness", OURS,
    ),
    Conclusion(
        "A share of confident assignments shows that the taxonomy is stable.",
        ("nulls.confident_stands_out", "nulls.confident", "nulls.confident_null",
         "number.confident_agree", "number.confident_agree_null", "number.calibrated"), _sure,
        "{nulls.confident} % confident, {nulls.confident_null} % on the hardest null "
        "(*{nulls.confident_null_name}*) and {nulls.confident_copula} % on a copula without any "
        "cluster; an independent fit confirms {number.confident_agree} % of those, "
        "without clusters {number.confident_agree_null} % at most",
        "14-scores-beside-nulls", "fig-nulls",
    ),
    Conclusion(
        "The clusters are confirmed by rules on concentration and asymmetry.",
        ("nulls.accuracy_stands_out", "circularity.matched_above"),
        lambda v: HOLDS if v["nulls.accuracy_stands_out"]
        else CAVEAT if v["circularity.matched_above"] else FAILS,
        "accuracy {circularity.clusters_accuracy} %, permuted clusters "
        "{circularity.permuted_accuracy} %, largest class {circularity.majority_accuracy} %; with "
        "limits at the sample's own thirds {circularity.matched_clusters} %, permuted "
        "{circularity.matched_clusters_permuted} %",
        "16-circularity", "table-rule-baselines",
    ),
    Conclusion(
        "The clusters are early types, late types and interacting systems.",
        ("labels.paper_ari", "labels.permuted_highest"),
        lambda v: (
            HOLDS if v["labels.paper_ari"] >= 0.3
            else CAVEAT if v["labels.paper_ari"] >= 0.1 else FAILS
        ),
        "ARI with the types that people saw {labels.paper_ari} "
        "({labels.paper_ari_low} to {labels.paper_ari_high})",
        "17-human-labels", "fig-contingency",
    ),
    Conclusion(
        "The anomalies are mergers.",
        ("anomalies.mergers_supported",), _true("anomalies.mergers_supported", CAVEAT),
        "{anomalies.merger_share} % were seen as such (others {anomalies.merger_share_rest} %, "
        "p {anomalies.merger_p})",
        "18-anomalies", "table-anomaly-properties", PAPER,
    ),
    Conclusion(
        "The anomalies are artefacts.",
        ("anomalies.artefacts_supported",), _true("anomalies.artefacts_supported", CAVEAT),
        "{anomalies.flagged_share} % have a flag from measuring (others "
        "{anomalies.flagged_share_rest} %, p {anomalies.flagged_p}); nobody verified them, and "
        "their share is a chosen quantile",
        "18-anomalies", "table-anomaly-properties", PAPER,
        (
            "people could not tell what {anomalies.untyped_share} % are (others "
            "{anomalies.untyped_share_rest} %)",
            "among as many galaxies as were planted {anomalies.paper_precision} % are planted "
            "ones (guessing: {anomalies.planted_chance} %)",
        ),
    ),
    Conclusion(
        "Galaxies without a confident cluster are lenticulars in transition.",
        ("stability.compared_percent", "stability.copula_percent"),
        lambda v: CAVEAT
        if v["stability.compared_percent"] < v["stability.copula_percent"] else FAILS,
        "{stability.uncertain_percent} % of the galaxies have none (confident by likelihood: "
        "{stability.compared_percent} %, on data of the same marginals without clusters "
        "{stability.copula_percent} %); a low posterior says that components overlap, and Galaxy "
        "Zoo has no class for lenticulars that could say more",
        "11-probabilistic-stability", "fig-posteriors",
    ),
    Conclusion(
        "The clusters differ in the five parameters, and not only because these were put in.",
        ("circularity.matched_seen_by_images",),
        _true("circularity.matched_seen_by_images", CAVEAT),
        "the parameters went into the clusters, which still explain of their variance: "
        "{taxonomy.eta_text}; by rules made of them, at the sample's thirds, "
        "{circularity.matched_clusters} % with them put in (permuted "
        "{circularity.matched_clusters_permuted} %) and {circularity.matched_deep} % by images "
        "alone (permuted {circularity.matched_deep_permuted} %)",
        "09-taxonomy", "fig-3",
    ),
    Conclusion(
        "A mixture serves such galaxies better than K-Means.",
        ("tested.kmeans_worse",), _true("tested.kmeans_worse"),
        "adjusted mutual information with the types that people saw, mixture minus K-Means: "
        "{tested.kmeans_difference}",
        "19-algorithms-tested", "table-paired-tests",
    ),
    Conclusion(
        "Density-based clustering must reject a large part of a survey as noise.",
        ("tested.noise_inherent",), _true("tested.noise_inherent"),
        "from {tested.noise_lowest} % to {tested.noise_highest} % over {tested.n_settings} "
        "settings, more than {tested.noise_limit} % in {tested.n_above} of them (on data without "
        "clusters in {tested.n_null_above}); two clusters of {tested.real_percent} % or more come "
        "out of {tested.n_parting}",
        "19-algorithms-tested", "fig-noise-grid",
    ),
)  # fmt: skip


def judge(conclusion: Conclusion, results: Mapping[str, Any]) -> str:
    """Put one conclusion on a list.

    Parameters
    ----------
    conclusion : Conclusion
        What is judged.
    results : mapping of str to dict
        The run's results.

    Returns
    -------
    str
        One of `LISTS`; `UNKNOWN` where a result is missing.

    Raises
    ------
    KeyError
        If the run records no such result at all.
    """
    values = {key: results[key]["value"] for key in conclusion.keys}
    if any(value is None for value in values.values()):
        return UNKNOWN
    return conclusion.rule(values)


def lists(results: Mapping[str, Any]) -> pd.DataFrame:
    """Put every conclusion on its list.

    Parameters
    ----------
    results : mapping of str to dict
        The run's results.

    Returns
    -------
    DataFrame
        Columns verdict, origin, conclusion, numbers, page, anchor, in the order of
        `LISTS`, and in each the paper's before ours.
    """
    rows = [
        {
            "verdict": judge(conclusion, results),
            "origin": conclusion.origin,
            "conclusion": conclusion.statement,
            "numbers": _numbers(conclusion, results),
            "page": conclusion.page,
            "anchor": conclusion.anchor,
        }
        for conclusion in CONCLUSIONS
    ]
    table = pd.DataFrame(rows)
    order = len(ORIGINS) * table["verdict"].map(LISTS.index) + table["origin"].map(ORIGINS.index)
    return table.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def _numbers(conclusion: Conclusion, results: Mapping[str, Any]) -> str:
    shown = [extra for extra in conclusion.extras if _has_all(extra, results)]
    return _filled("; ".join([conclusion.numbers, *shown]), results)


def _has_all(text: str, results: Mapping[str, Any]) -> bool:
    keys = re.findall(r"\{([\w.]+)\}", text)
    return all(results.get(key, {"value": None})["value"] is not None for key in keys)


def _filled(text: str, results: Mapping[str, Any]) -> str:
    for key, entry in results.items():
        text = text.replace("{" + key + "}", str(entry["text"]))
    return text


def as_markdown(table: pd.DataFrame, verdict: str) -> str:
    """One list as text of a page.

    Parameters
    ----------
    table : DataFrame
        As of `lists`.
    verdict : str
        Which list.

    Returns
    -------
    str
        MyST markdown; says so where the list is empty.
    """
    mine = table[table["verdict"] == verdict]
    if mine.empty:
        return "*Nothing.*"
    return "\n".join(_line(*row) for row in mine.drop(columns="verdict").itertuples(index=False))


def _line(origin: str, conclusion: str, numbers: str, page: str, anchor: str) -> str:
    title = page[3:].replace("-", " ")
    shown = numbers[0].upper() + numbers[1:]
    source = f"[{title}]({page}), {{numref}}`{anchor}`"
    return f"- *{origin.capitalize()}.* {conclusion} {shown} ({source})."
