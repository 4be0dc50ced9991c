"""The supervised classifier: as good as it says, calibrated, and corrected for other shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.classifier import ZOO, GalaxyClassifier
from galaxy_utils.clustering.zoo import (
    NATURAL,
    TRAINING,
    ZOO_FEATURES,
    correct_prior,
    read_prior,
    zoo_columns,
)
from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.data.split import fold_of
from galaxy_utils.errors import UserError
from galaxy_utils.evaluation.metrics import calibration_error
from galaxy_utils.evaluation.selection import supervised_upper_bound
from galaxy_utils.features.galaxies import open_galaxies
from galaxy_utils.workflow.classification import MODEL

CLASSES = ["edge_on", "elliptical", "merger", "spiral"]


@pytest.fixture(scope="module")
def held_out() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of galaxies in fields of one fold, fitted to the others; classes, shares."""
    galaxies = open_galaxies("sdss5000")
    types = galaxy_types(galaxies.sample.catalogue["gz1_class"])
    known = types.notna().to_numpy()
    X, types = galaxies.embedding(ZOO_FEATURES)[known], types[known].to_numpy(str)
    test = fold_of(galaxies.sample.catalogue["objid"][known]) == 0
    fitted = supervised_upper_bound().fit(X[~test], types[~test])
    assert list(fitted.classes_) == CLASSES
    shares = pd.Series(types[~test]).value_counts(normalize=True)[CLASSES].to_numpy()
    return fitted.predict_proba(X[test]), types[test], shares


def test_held_out_galaxies_are_named_as_often_right_as_the_model_says(
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    probabilities, types, _ = held_out
    right = np.array(CLASSES)[probabilities.argmax(axis=1)] == types
    about = GalaxyClassifier.load(MODEL).about["zoo"]
    assert right.mean() == pytest.approx(about["accuracy"], abs=0.04)
    assert 0.78 < about["accuracy"] < 0.88 and 0.76 < about["balanced_accuracy"] < 0.86
    assert calibration_error(probabilities.max(axis=1), right) < 0.04
    rng = np.random.default_rng(0)
    shuffled = types[rng.permutation(len(types))] == np.array(CLASSES)[probabilities.argmax(axis=1)]
    assert calibration_error(probabilities.max(axis=1), shuffled) > 0.3


def test_the_calibration_error_of_known_numbers() -> None:
    confidence = np.repeat([0.95, 0.55], 100)
    right = np.repeat([True, False, True, False], [90, 10, 55, 45])
    assert calibration_error(confidence, right) == pytest.approx(0.5 * 0.05, abs=1e-9)
    assert calibration_error(np.ones(4), np.zeros(4, bool)) == 1.0


@pytest.mark.parametrize(
    "shares", [(0.08, 0.6, 0.02, 0.3), (0.17, 0.16, 0.17, 0.5)], ids=["other", "as trained"]
)
def test_natural_shares_are_found_again(
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray], shares: tuple[float, ...]
) -> None:
    probabilities, types, trained = held_out
    rng = np.random.default_rng(0)
    rows = np.concatenate([
        rng.choice(np.flatnonzero(types == name), int(2000 * share))
        for name, share in zip(CLASSES, shares, strict=True)
    ])  # fmt: skip
    before, after = probabilities[rows], correct_prior(probabilities[rows], trained, NATURAL)
    np.testing.assert_allclose(after[1], shares, atol=0.05)
    truth = types[rows]
    accuracy = [(np.array(CLASSES)[p.argmax(axis=1)] == truth).mean() for p in (before, after[0])]
    gain = accuracy[1] - accuracy[0]
    assert 0.03 < gain < 0.2 if shares[1] == 0.6 else abs(gain) < 0.02


def test_a_given_prior_is_bayes_rule_and_few_images_decide_little() -> None:
    trained, prior = np.array([0.5, 0.5]), np.array([0.1, 0.9])
    found, shares = correct_prior(np.array([[0.8, 0.2]]), trained, prior)
    assert found[0, 0] == pytest.approx(0.8 * 0.1 / (0.8 * 0.1 + 0.2 * 0.9))
    assert shares is prior
    same, kept = correct_prior(np.array([[0.8, 0.2]]), trained, TRAINING)
    assert same[0, 0] == 0.8 and kept is trained
    few = correct_prior(np.array([[0.99, 0.01]]), trained, NATURAL)[1]
    assert 0.5 < few[0] < 0.7


def test_a_prior_is_read_from_a_file_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "prior.yml"
    file.write_text("spiral: 2\nelliptical: 1\nedge_on: 1\nmerger: 0\n")
    np.testing.assert_allclose(read_prior(str(file), CLASSES), [0.25, 0.25, 0, 0.5])
    for text, message in {
        "spiral: 1": "expected one line for each of edge_on, elliptical, merger, spiral",
        "spiral: -1\nelliptical: 1\nedge_on: 1\nmerger: 0": "shares are numbers from 0",
        "spiral: many\nelliptical: 1\nedge_on: 1\nmerger: 0": "shares are numbers from 0",
        "spiral: 0\nelliptical: 0\nedge_on: 0\nmerger: 0": "not all of them 0",
        "- [": "neither training nor natural nor a file that can be read",
    }.items():
        file.write_text(text)
        with pytest.raises(UserError, match=message):
            read_prior(str(file), CLASSES)
    with pytest.raises(UserError, match="prior 'equal': neither training nor natural"):
        read_prior("equal", CLASSES)


def test_a_galaxy_without_features_has_no_class() -> None:
    model = GalaxyClassifier.load(MODEL)
    X = open_galaxies("sdss5000").embedding(ZOO_FEATURES)[:3].copy()
    X[1, 5] = np.nan
    table, prior = zoo_columns(model.zoo, X, model.about["zoo"], TRAINING)
    assert table["type"].tolist()[1] == "" and table.loc[1, "p_spiral"] != table.loc[1, "p_spiral"]
    assert table.filter(like="p_").sum(axis=1).to_numpy()[[0, 2]] == pytest.approx(1.0)
    assert prior == pytest.approx(model.about["zoo"]["shares"])
    assert table["type"][0] == table.filter(like="p_").loc[0].idxmax().removeprefix("p_")
    nothing, _ = zoo_columns(model.zoo, X[[1]], model.about["zoo"], NATURAL)
    assert nothing["type"].tolist() == [""]


def test_a_classifier_of_another_kind_is_refused(tmp_path: Path) -> None:
    model = GalaxyClassifier.load(MODEL)
    model.save(tmp_path)
    (tmp_path / ZOO).write_bytes(b"no pipeline")
    with pytest.raises(UserError, match=r"zoo\.skops does not match its checksum"):
        GalaxyClassifier.load(tmp_path)
    (tmp_path / "model.json").write_text("{cut")
    with pytest.raises(UserError, match=r"model\.json is damaged"):
        GalaxyClassifier.load(tmp_path)
