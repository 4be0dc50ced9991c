"""Conclusions of the paper, and questions of ours, each with the rule that decides on it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd


class ConclusionVerdict(StrEnum):
    """Whether a conclusion holds, in the order of the page."""

    HOLDS = "holds"
    CAVEAT = "holds with a caveat"
    FAILS = "does not hold"
    UNKNOWN = "not measured in this run"


class Origin(StrEnum):
    """Whether the paper draws a conclusion, or we ask for it."""

    PAPER = "claimed by the paper"
    OURS = "asked by us"


PAPER, OURS = Origin


def _verdict(holds: bool = False, caveat: bool = False) -> ConclusionVerdict:
    if holds:
        return ConclusionVerdict.HOLDS
    return ConclusionVerdict.CAVEAT if caveat else ConclusionVerdict.FAILS


@dataclass(frozen=True)
class Conclusion:
    """A conclusion in our words, the rule that decides on it, and what the page shows.

    The rule gets the values of the results `keys`. `numbers` has `{key}` in place of the
    text of a result; each of `extras` is shown where the run has all its results. The
    figure or table `anchor` of `page` shows what decides.
    """

    statement: str
    keys: tuple[str, ...]
    rule: Callable[..., ConclusionVerdict]
    numbers: str
    page: str
    anchor: str
    origin: Origin = PAPER
    extras: tuple[str, ...] = ()


CONCLUSIONS = (
    Conclusion(
        "Five morphological parameters can be measured for nearly every galaxy of such a sample.",
        ("morphology.n_complete", "morphology.n_galaxies"),
        lambda complete, galaxies: _verdict(complete >= 0.95 * galaxies, caveat=True),
        "{morphology.n_complete} of {morphology.n_galaxies} galaxies have all of them",
        "03-morphological-parameters", "fig-parameters", OURS,
    ),
    Conclusion(
        "Frozen networks know more of a galaxy's type than the five parameters.",
        ("labels.own_probe_balanced", "labels.best_deep_balanced", "labels.five_probe_balanced"),
        # Five points more with the run's own crop hold; with another crop alone, with a caveat.
        lambda own, best, five: _verdict(own >= five + 5, best >= five + 5),
        "networks {labels.networks_text}; mean recall of a linear classifier with labels: "
        "{labels.own_probe_balanced} % from *{labels.own_probe}*, the crop of this run, "
        "{labels.best_deep_balanced} % from *{labels.best_deep}*, the best crop picked with "
        "labels; the five parameters alone {labels.five_probe_balanced} %",
        "17-human-labels", "table-probes", OURS,
    ),
    Conclusion(
        "The galaxies are not one structureless group in the bottleneck.",
        ("nulls.silhouette_lowest", "nulls.copula_silhouette_highest"),
        lambda lowest, copula: _verdict(caveat=lowest > copula),
        "silhouette {nulls.silhouette} over seeds, at most {nulls.copula_silhouette_highest} "
        "on a copula without clusters; a curved continuum without any cluster would beat that "
        "copula too",
        "14-scores-beside-nulls", "fig-nulls", OURS,
    ),
    Conclusion(
        "Clusters without labels can agree with the Galaxy Zoo classes.",
        ("instead.voting_low", "instead.supervised_ari"),
        lambda low, bound: _verdict(caveat=low > 0.1 and bound > 0),
        "not by the paper's pipeline (ARI {instead.paper_ari}); by a mixture distilled from "
        "{instead.n_members} pipelines {instead.voting_ari} ({instead.voting_low} to "
        "{instead.voting_high}) on galaxies that took no part, where a classifier that is shown "
        "labels reaches {instead.supervised_ari}",
        "20-what-we-would-do-instead", "table-alternative", OURS,
        extras=(
            "the one pipeline that a rule without labels selects reaches {instead.selected_ari} "
            "({instead.selected_low} to {instead.selected_high})",
            "K-means on measured parameters alone reaches {instead.kmeans_ari}",
        ),
    ),
    Conclusion(
        "Morphology survives the bottleneck.",
        ("autoencoder.raw_plain_morphology_percent",
         "autoencoder.standardised_plain_morphology_percent"),
        lambda *percent: _verdict(min(percent) >= 50, max(percent) >= 50),
        "{autoencoder.raw_plain_morphology_percent} % of its variance, but "
        "{autoencoder.standardised_plain_morphology_percent} % once deep features are z-scored",
        "06-autoencoder", "table-losses",
    ),
    Conclusion(
        "The stages cost time in proportion to the number of galaxies.",
        ("scalability.near_linear",),
        lambda linear: _verdict(linear, caveat=True),
        "slopes of what needs all galaxies at once: "
        "autoencoder {scalability.autoencoder_slope}, mixture {scalability.mixture_slope}",
        "12-scalability", "table-3",
    ),
    Conclusion(
        "Fusing images and morphology makes better clusters.",
        ("nulls.fusion_adds",), _verdict,
        "silhouette with real pairs minus shuffled ones: {nulls.fusion_gain} "
        "({nulls.fusion_low} to {nulls.fusion_high})",
        "14-scores-beside-nulls", "table-1-fair",
    ),
    Conclusion(
        "There are four clusters.",
        ("number.four_chosen",),
        lambda four: _verdict(caveat=four),
        "BIC takes {number.bic}, ICL {number.icl}, held-out likelihood {number.held_out}; "
        "recovered more surely, beyond data without clusters: {number.steadier}",
        "15-number-of-clusters", "table-chosen-numbers",
    ),
    Conclusion(
        "The clusters are the same when the pipeline is run again.",
        ("nulls.seed_ari",),
        lambda ari: _verdict(ari >= 0.8, ari >= 0.5),
        "ARI between seeds {nulls.seed_ari}, at worst {nulls.seed_ari_lowest}",
        "14-scores-beside-nulls", "table-seed-agreement",
    ),
    Conclusion(
        "In one and the same bottleneck the clusters are recovered with other galaxies.",
        ("number.more_stable_than_null", "number.all_stable"),
        lambda than_null, stable: _verdict(than_null and stable, than_null or stable),
        "mean Jaccard {number.jaccard}, lowest {number.jaccard_lowest}, without clusters "
        "{number.jaccard_null}; an independent fit confirms {number.confident_agree} % of the "
        "confident assignments, which promised {number.confident_promised} %",
        "15-number-of-clusters", "fig-stability", OURS,
    ),
    Conclusion(
        "The pipeline finds families of galaxies where there are some.",
        ("truth.paper_ari",),
        lambda ari: _verdict(ari >= 0.5, ari >= 0.2),
        "ARI with the families of mock galaxies {truth.paper_ari}; another pipeline "
        "{truth.ours_ari}; measured parameters alone {truth.bare_ari} by a mixture and "
        "{truth.peer_ari} by K-Means",
        "21-known-truth", "table-recovery", OURS,
    ),
    Conclusion(
        "A galaxy's class does not depend on how it is photographed.",
        ("robust.paper_turned",),
        lambda percent: _verdict(percent <= 2, percent <= 10),
        "turned by a quarter, {robust.paper_turned} % of {robust.n_galaxies} galaxies change "
        "cluster; moved by two pixels, {robust.paper_moved} %",
        "22-robustness", "fig-robustness", OURS,
    ),
    Conclusion(
        "A share of confident assignments shows that the taxonomy is stable.",
        ("nulls.confident_stands_out", "nulls.confident", "nulls.confident_null",
         "number.confident_agree", "number.confident_agree_null", "number.calibrated"),
        # Half as many without confidence as on the hardest null, and what they promise is kept.
        lambda exceeds, confident, null, agree, agree_null, calibrated: _verdict(
            exceeds and 100 - confident <= (100 - null) / 2 and agree > agree_null and calibrated,
            caveat=exceeds,
        ),
        "{nulls.confident} % confident, {nulls.confident_null} % on the hardest null "
        "(*{nulls.confident_null_name}*) and {nulls.confident_copula} % on a copula without any "
        "cluster; an independent fit confirms {number.confident_agree} % of those, "
        "without clusters {number.confident_agree_null} % at most",
        "14-scores-beside-nulls", "fig-nulls",
    ),
    Conclusion(
        "The clusters are confirmed by rules on concentration and asymmetry.",
        ("nulls.accuracy_stands_out", "circularity.matched_above"), _verdict,
        "accuracy {circularity.clusters_accuracy} %, permuted clusters "
        "{circularity.permuted_accuracy} %, largest class {circularity.majority_accuracy} %; with "
        "limits at the sample's own thirds {circularity.matched_clusters} %, permuted "
        "{circularity.matched_clusters_permuted} %",
        "16-circularity", "table-rule-baselines",
    ),
    Conclusion(
        "The clusters are early types, late types and interacting systems.",
        ("labels.paper_ari", "labels.permuted_highest"),
        lambda ari, _: _verdict(ari >= 0.3, ari >= 0.1),
        "ARI with the Galaxy Zoo classes {labels.paper_ari} "
        "({labels.paper_ari_low} to {labels.paper_ari_high})",
        "17-human-labels", "fig-contingency",
    ),
    Conclusion(
        "The anomalies are mergers.",
        ("anomalies.mergers_supported",),
        lambda supported: _verdict(caveat=supported),
        "{anomalies.merger_share} % were seen as such (others {anomalies.merger_share_rest} %, "
        "p {anomalies.merger_p})",
        "18-anomalies", "table-anomaly-properties",
    ),
    Conclusion(
        "The anomalies are artefacts.",
        ("anomalies.artefacts_supported",),
        lambda supported: _verdict(caveat=supported),
        "{anomalies.flagged_share} % have a flag from measuring (others "
        "{anomalies.flagged_share_rest} %, p {anomalies.flagged_p}); nobody verified them, and "
        "their share is a chosen quantile",
        "18-anomalies", "table-anomaly-properties",
        extras=(
            "people could not tell what {anomalies.untyped_share} % are (others "
            "{anomalies.untyped_share_rest} %)",
            "among as many galaxies as were injected {anomalies.paper_precision} % are injected "
            "ones (guessing: {anomalies.planted_chance} %)",
        ),
    ),
    Conclusion(
        "Galaxies without a confident cluster are lenticulars in transition.",
        ("stability.compared_percent", "stability.copula_percent"),
        lambda compared, copula: _verdict(caveat=compared < copula),
        "{stability.uncertain_percent} % of the galaxies have none (confident by likelihood: "
        "{stability.compared_percent} %, on data of the same marginals without clusters "
        "{stability.copula_percent} %); a low posterior says that components overlap, and Galaxy "
        "Zoo has no class for lenticulars that could say more",
        "11-probabilistic-stability", "fig-posteriors",
    ),
    Conclusion(
        "The clusters differ in the five parameters, and not only because these were put in.",
        ("circularity.matched_seen_by_images",),
        lambda by_images: _verdict(caveat=by_images),
        "the parameters went into the clusters, which still explain of their variance: "
        "{taxonomy.eta_text}; by rules made of them, at the sample's thirds, "
        "{circularity.matched_clusters} % with them put in (permuted "
        "{circularity.matched_clusters_permuted} %) and {circularity.matched_deep} % by images "
        "alone (permuted {circularity.matched_deep_permuted} %)",
        "09-taxonomy", "fig-3",
    ),
    Conclusion(
        "A mixture serves such galaxies better than K-Means.",
        ("tested.kmeans_worse",), _verdict,
        "adjusted mutual information with the Galaxy Zoo classes, mixture minus K-Means: "
        "{tested.kmeans_difference}",
        "19-algorithms-tested", "table-paired-tests",
    ),
    Conclusion(
        "Density-based clustering must reject a large part of a survey as noise.",
        ("tested.noise_inherent",), _verdict,
        "from {tested.noise_lowest} % to {tested.noise_highest} % over {tested.n_settings} "
        "settings, more than {tested.noise_limit} % in {tested.n_above} of them (on data without "
        "clusters in {tested.n_null_above}); two clusters of {tested.real_percent} % or more come "
        "out of {tested.n_parting}",
        "19-algorithms-tested", "fig-noise-grid",
    ),
)  # fmt: skip


def conclusion_verdict(conclusion: Conclusion, results: Mapping[str, Any]) -> ConclusionVerdict:
    """Verdict on a conclusion, `UNKNOWN` where the value of a deciding result is None."""
    values = [results[key]["value"] for key in conclusion.keys]
    return ConclusionVerdict.UNKNOWN if None in values else conclusion.rule(*values)


def conclusion_table(results: Mapping[str, Any]) -> pd.DataFrame:
    """Verdicts on all conclusions.

    Parameters
    ----------
    results : mapping of str to dict
        The run's recorded results.

    Returns
    -------
    DataFrame of str
        Columns verdict (a `ConclusionVerdict`), origin (an `Origin`), conclusion,
        numbers, page, anchor; in the order of the verdicts, and for each the paper's
        conclusions before ours.

    Raises
    ------
    KeyError
        If the run did not record a result that decides.
    """
    rows = [
        {
            "verdict": conclusion_verdict(conclusion, results).value,
            "origin": conclusion.origin.value,
            "conclusion": conclusion.statement,
            "numbers": _numbers(conclusion, results),
            "page": conclusion.page,
            "anchor": conclusion.anchor,
        }
        for conclusion in CONCLUSIONS
    ]
    order = [*ConclusionVerdict, *Origin]
    return pd.DataFrame(rows).sort_values(
        ["verdict", "origin"], key=lambda names: names.map(order.index), ignore_index=True
    )


def _numbers(conclusion: Conclusion, results: Mapping[str, Any]) -> str:
    def known(text: str) -> bool:
        keys = re.findall(r"\{([\w.]+)\}", text)
        return all(key in results and results[key]["value"] is not None for key in keys)

    text = "; ".join([conclusion.numbers, *filter(known, conclusion.extras)])
    return re.sub(r"\{([\w.]+)\}", lambda key: str(results[key[1]]["text"]), text)


def conclusions_markdown(table: pd.DataFrame, verdict: ConclusionVerdict) -> str:
    """The conclusions with one verdict as text of a page.

    Parameters
    ----------
    table : DataFrame
        As of `conclusion_table`.
    verdict : ConclusionVerdict
        Which of them.

    Returns
    -------
    str
        MyST markdown, one list entry per conclusion; says so where there is none.
    """
    shown = table[table["verdict"] == verdict].drop(columns="verdict")
    lines = []
    for origin, conclusion, numbers, page, anchor in shown.to_numpy():
        numbers = numbers[0].upper() + numbers[1:]
        source = f"[{page[3:].replace('-', ' ')}]({page}), {{numref}}`{anchor}`"
        lines.append(f"- *{origin.capitalize()}.* {conclusion} {numbers} ({source}).")
    return "\n".join(lines) or "*Nothing.*"
