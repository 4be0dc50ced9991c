"""Figure 1: which stage takes what from which, under the parameters of a run."""

from __future__ import annotations

import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch

from galaxy_utils.config import BACKBONE_NAMES, make_parameters
from galaxy_utils.plots.pipeline import (
    FEATURES,
    INPUT,
    MIXTURE,
    MORPHOLOGY,
    Stage,
    pipeline_stages,
    plot_pipeline,
)


def graph(profile: str = "book", **changed: object) -> dict[str, Stage]:
    run = make_parameters(profile, changed).model_dump()
    return {stage.title: stage for stage in pipeline_stages(run)}


def before(stages: dict[str, Stage], title: str) -> set[str]:
    """All stages that one rests on."""
    direct = stages[title].after
    return {*direct, *(name for one in direct for name in before(stages, one))}


def test_networks_stand_side_by_side_and_are_concatenated_with_the_parameters() -> None:
    stages = graph(backbones="efficientnet_b0,convnext_base")
    assert stages["efficientnet_b0"].after == stages["convnext_base"].after == (INPUT,)
    assert set(stages[FEATURES].after) == {"efficientnet_b0", "convnext_base", "z-scores"}
    assert stages["autoencoder"].after == (FEATURES,)
    assert stages[MIXTURE].after == ("autoencoder",)


def test_the_parameters_do_not_rest_on_the_input_of_the_networks() -> None:
    stages = graph()
    assert before(stages, MORPHOLOGY) == {"images"}
    assert INPUT not in before(stages, "z-scores")
    assert "data purging" in before(stages, INPUT)


@pytest.mark.parametrize(
    ("crop", "equation", "part"),
    [
        ("full", True, "full frame"),
        ("half", True, "central half"),
        ("native", False, "full frame"),
        ("centre", False, "central quarter"),
        ("quarter", False, "4 rotations"),
    ],
)
def test_the_input_of_the_networks_is_named(crop: str, equation: bool, part: str) -> None:
    detail = graph(crop=crop)[INPUT].detail
    assert ("eq. 1" in detail) == equation
    assert part in detail


def test_where_the_bottleneck_is_not_clustered_it_is_not_drawn() -> None:
    stages = graph("best")
    assert "autoencoder" not in stages
    assert stages[MIXTURE].after == (FEATURES,)
    assert "distilled" in stages[MIXTURE].detail
    assert "distilled" not in graph("best", mixture_fit="likelihood")[MIXTURE].detail
    assert "16 whitened" in graph("best", deep_components=16)[FEATURES].detail


def test_a_forest_that_is_left_out_is_not_named() -> None:
    assert "Forest" in graph()["data purging"].detail
    assert "Forest" not in graph(isolation_contamination=0.0)["data purging"].detail


@pytest.mark.parametrize("number", [1, 2, 5])
def test_every_stage_is_a_box_and_every_dependence_an_arrow(number: int) -> None:
    networks = ",".join(BACKBONE_NAMES[:number])
    run = make_parameters("book", {"backbones": networks}).model_dump()
    stages = pipeline_stages(run)
    figure = plot_pipeline(run)
    axis = figure.axes[0]
    boxes = [patch for patch in axis.patches if isinstance(patch, FancyBboxPatch)]
    arrows = [text for text in axis.texts if not text.get_text()]
    assert len(boxes) == len(stages) == len({(s.column, s.row) for s in stages})
    assert len(arrows) == sum(len(stage.after) for stage in stages)
    plt.close(figure)
