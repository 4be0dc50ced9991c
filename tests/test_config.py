"""The schema of parameters and what it says of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from galaxy_utils.config import (
    FEWEST_GALAXIES,
    PROFILES,
    Parameters,
    check_enough,
    check_names,
    make_parameters,
    parameter_table,
    parse_assignments,
    read_parameters,
    split_names,
    write_parameters,
)
from galaxy_utils.errors import UserError
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.workflow import build


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_valid(profile: str) -> None:
    made = make_parameters(profile)
    for name, value in PROFILES[profile].items():
        assert getattr(made, name) == value


def test_the_default_profile_is_the_defaults() -> None:
    assert make_parameters("book") == Parameters()


def test_an_override_wins_over_the_profile() -> None:
    made = make_parameters("smoke", {"epochs": 3})
    assert (made.epochs, made.sample) == (3, "hdf")


# Unknown names


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("n_component", "n_components"), ("latent", "latent_dim"), ("Seed", "seed")],
)
def test_an_unknown_name_suggests_the_nearest(name: str, nearest: str) -> None:
    says = f"no parameter {name!r}; did you mean {nearest!r}"
    with pytest.raises(UserError, match=says):
        check_names([name])
    with pytest.raises(UserError, match=says):
        make_parameters("book", {name: 1})
    with pytest.raises(UserError, match=says):
        parse_assignments(f"{name}=1")


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(UserError, match="no parameter 'zzzz'$"):
        check_names(["zzzz"])


def test_names_can_be_checked_against_others() -> None:
    check_names(["x"], known=["x", "y"])
    with pytest.raises(UserError, match="did you mean 'seed'"):
        check_names(["sead"], known=["seed"])


def test_an_unknown_profile_lists_those_there_are() -> None:
    with pytest.raises(UserError, match="did you mean 'smoke'.*smoke, book, best, full"):
        make_parameters("smok")


# Types and ranges


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 1.5),
        ("epochs", "10"),
        ("epochs", True),
        ("epochs", None),
        ("confidence", "high"),
        ("from_pixels", 1),
        ("from_pixels", "true"),
        ("sample", 7),
        ("crop", "third"),
        ("covariance_type", "round"),
    ],
)
def test_a_wrong_type_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UserError, match=f"parameter {name}="):
        make_parameters("book", {name: value})


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("n_components", 2, 1),
        ("n_components", 50, 51),
        ("latent_dim", 512, 513),
        ("isolation_contamination", 0.0, -0.01),
        ("isolation_contamination", 0.5, 0.51),
        ("anomaly_percent", 49.9, 50.0),
        ("anomaly_percent", 0.1, 0.0),
        ("confidence", 0.99, 1.0),
        ("learning_rate", 1.0, float("nan")),
        ("learning_rate", 1e-6, 0.0),
        ("reg_covar", 0.0, float("inf")),
        ("seed", 0, -1),
        ("seed", 2**31 - 1, 2**31),
        ("n_galaxies", 0, -5),
    ],
)
def test_ranges(name: str, allowed: float, refused: float) -> None:
    assert getattr(make_parameters("book", {name: allowed}), name) == allowed
    with pytest.raises(UserError, match=f"parameter {name}="):
        make_parameters("book", {name: refused})


def test_every_wrong_parameter_is_told_with_its_meaning() -> None:
    with pytest.raises(UserError) as error:
        make_parameters("book", {"epochs": 0, "seed": -1})
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert "epochs=0" in lines[0]
    assert "passes over the training galaxies" in lines[0]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("efficientnet_lite3", "no backbone 'efficientnet_lite3'; did you mean 'efficientnet_lite"),
        ("efficientnet_b0,efficientnet_b0", "different backbones"),
        ("", "one or more"),
        (",", "one or more"),
    ],
)
def test_backbones_are_checked(value: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make_parameters("book", {"backbones": value})


@pytest.mark.parametrize("value", ["0", "-3", "3.5", "8193", "a,b"])
def test_widths_are_checked(value: str) -> None:
    with pytest.raises(UserError, match="whole numbers from 1 to 8192"):
        make_parameters("book", {"hidden_dims": value})


def test_lists_are_stored_without_blanks() -> None:
    made = make_parameters(
        "book", {"hidden_dims": " 64 , 32,", "backbones": "efficientnet_b0, convnext_base"}
    )
    assert made.hidden_dims == "64,32"
    assert made.backbones == "efficientnet_b0,convnext_base"
    assert split_names(" a , ,b,") == ["a", "b"]


def test_parameters_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Parameters().epochs = 3


# The command line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("latent_dim=32 n_components=5", {"latent_dim": 32, "n_components": 5}),
        ("learning_rate=1e-3", {"learning_rate": 1e-3}),
        ("learning_rate=0.01", {"learning_rate": 0.01}),
        ("anomaly_percent=3", {"anomaly_percent": 3.0}),
        ("from_pixels=true", {"from_pixels": True}),
        ("from_pixels=False", {"from_pixels": False}),
        ("crop=native", {"crop": "native"}),
        ("hidden_dims=64", {"hidden_dims": "64"}),
        ("hidden_dims=64,32", {"hidden_dims": "64,32"}),
        ("sample=data/my=folder", {"sample": "data/my=folder"}),
        ("sample=1234", {"sample": "1234"}),
    ],
)
def test_assignments_get_the_parameters_type(text: str, expected: dict[str, Any]) -> None:
    found = parse_assignments(text)
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }
    make_parameters("book", found)


@pytest.mark.parametrize("text", ["epochs", "epochs 3", "epochs=3 and more"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="expected name=value"):
        parse_assignments(text)


def test_a_doubled_name_is_refused() -> None:
    with pytest.raises(UserError, match="n_components is given twice"):
        parse_assignments("n_components=5 seed=1 n_components=6")


@pytest.mark.parametrize("text", ["epochs=many", "epochs=", "epochs=1e3", "learning_rate=fast"])
def test_a_value_of_the_wrong_type_is_refused_when_made(text: str) -> None:
    with pytest.raises(UserError, match=f"parameter {text.partition('=')[0]}="):
        make_parameters("book", parse_assignments(text))


@pytest.mark.parametrize("text", ["epochs=[1", "epochs=*", "seed=!!x/y"])
def test_a_value_that_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=text.partition("=")[0]):
        make_parameters("book", parse_assignments(text))


# Files


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 5000),
        "learning_rate": st.floats(1e-9, 1),
        "from_pixels": st.booleans(),
        "crop": st.sampled_from(["full", "native"]),
        "sample": st.text("abc é:#'\"/=-0", min_size=1),
        "seed": st.integers(0, 2**31 - 1),
    },
)


@settings(deadline=None, max_examples=25)
@given(profile=st.sampled_from(sorted(PROFILES)), changes=CHANGES)
def test_what_is_written_is_read(
    profile: str, changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("run") / "parameters.yml"
    made = make_parameters(profile, changes)
    write_parameters(path, profile, made)
    assert read_parameters(path) == (profile, made)


def test_an_unchanged_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yml"
    write_parameters(path, "book", Parameters())
    path.touch()
    before = path.stat().st_mtime_ns
    write_parameters(path, "book", Parameters())
    assert path.stat().st_mtime_ns == before
    write_parameters(path, "book", Parameters(seed=1))
    assert read_parameters(path)[1].seed == 1


def test_a_run_older_than_a_parameter_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yml"
    path.write_text("profile: smoke\nepochs: 3\n")
    assert read_parameters(path) == ("smoke", Parameters(epochs=3))


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make book"):
        read_parameters(tmp_path / "parameters.yml")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("epoch: 3", "did you mean 'epochs'"),
        ("epochs: many", "parameters.yml: parameter epochs='many'"),
        ("seed: -1", "parameters.yml: parameter seed=-1"),
    ],
)
def test_an_edited_file_is_checked(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "parameters.yml"
    path.write_text(content)
    with pytest.raises(UserError, match=says):
        read_parameters(path)


@pytest.mark.parametrize("content", ["", "epochs: [", "- a", "just text"])
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "parameters.yml"
    path.write_text(content)
    with pytest.raises(UserError, match="parameters.yml"):
        read_parameters(path)


# The table


def test_the_table_lists_every_parameter_with_meaning_and_paper() -> None:
    table = parameter_table().set_index("parameter")
    assert list(table.index) == list(Parameters.model_fields)
    assert (table["meaning"].str.len() > 10).all()
    assert (table["paper"] != "").all()
    assert table.loc["latent_dim", "type and range"] == "int >= 1, <= 512"
    assert table.loc["confidence", "type and range"] == "float > 0, < 1"
    assert table.loc["crop", "type and range"] == "full | half | native | centre | quarter"
    assert table.loc["latent_dim", "default"] == "64"
    assert table.loc["seed", "paper"] == "not stated"


def test_a_sample_too_small_for_a_book_is_refused_at_once(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(12):
        PillowImage.new("RGB", (64, 64)).save(images / f"{number}.png")
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(UserError, match=r"12 galaxies in the sample .*images: a book needs at lea"):
        build(folder, "smoke", make_parameters("smoke", {"sample": str(images)}), 1)
    assert not folder.path.exists(), "a refused sample leaves no run folder"
    with pytest.raises(UserError, match="79 galaxies after purging: a book needs at least 80"):
        check_enough(79, "after purging")
    check_enough(FEWEST_GALAXIES)
