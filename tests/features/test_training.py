"""Training without labels: it learns, it resumes to the same weights, it never sees a fifth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from galaxy_utils.cli import main
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.data.split import is_held_out
from galaxy_utils.errors import UserError
from galaxy_utils.features import pretraining, training
from galaxy_utils.features.galaxy_convnext import Shape, load_weights
from galaxy_utils.features.training import TrainingPlan, learning_rate, train_encoder

PLAN = TrainingPlan(shape=Shape("atto", 32, 32), epochs=3, batch_size=8, warmup=1, projection=16)


def _frames(number: int = 24) -> torch.Tensor:
    """Round and elongated blobs in turns."""
    axis = torch.arange(64) - 31.5
    found = []
    for i in range(number):
        width = (3.0, 3.0 + 6 * (i % 2))
        blob = torch.exp(-0.5 * ((axis[:, None] / width[0]) ** 2 + (axis / width[1]) ** 2))
        found.append((200 * blob).to(torch.uint8).expand(3, 64, 64))
    return torch.stack(found)


def _same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_the_loss_falls_and_the_log_tells(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=8)
    _, log = train_encoder(_frames(), plan, tmp_path, "cpu")
    assert list(log) == ["epoch", "loss", "learning_rate", "seconds"] and len(log) == 8
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]


def test_a_killed_training_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train_encoder(_frames(), PLAN, tmp_path / "whole", "cpu")
    run_epoch = training._Training.run_epoch

    def killed(self: training._Training, frames: torch.Tensor, epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt
        run_epoch(self, frames, epoch)

    monkeypatch.setattr(training._Training, "run_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train_encoder(_frames(), PLAN, tmp_path / "cut", "cpu")
    monkeypatch.undo()
    resumed, log = train_encoder(_frames(), PLAN, tmp_path / "cut", "cpu")
    assert len(log) == 3 and _same(whole, resumed)
    other, _ = train_encoder(_frames(), replace(PLAN, seed=1), tmp_path / "other", "cpu")
    assert not _same(whole, other)


def test_every_epoch_has_views_of_its_own(tmp_path: Path) -> None:
    _, log = train_encoder(_frames(8), replace(PLAN, learning_rate=0.0), tmp_path, "cpu")
    assert log["loss"].nunique() == 3


def test_the_global_generator_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_encoder(_frames(8), replace(PLAN, epochs=1), tmp_path, "cpu")
    assert torch.equal(torch.rand(3), expected)


def test_another_plan_does_not_go_on(tmp_path: Path) -> None:
    train_encoder(_frames(8), replace(PLAN, epochs=1), tmp_path, "cpu")
    with pytest.raises(UserError, match="begun with another plan or other galaxies"):
        train_encoder(_frames(8), PLAN, tmp_path, "cpu")


def test_too_few_galaxies_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="4 images are fewer than a batch of 8"):
        train_encoder(_frames(4), PLAN, tmp_path, "cpu")


def test_the_rate_rises_and_falls() -> None:
    plan = TrainingPlan(epochs=100, warmup=10, learning_rate=1e-3)
    rates = [learning_rate(plan, e) for e in (0, 5, 10, 55, 100)]
    assert rates == pytest.approx([0, 5e-4, 1e-3, 5e-4, 0], abs=1e-9)


def test_plans_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "plan.yml"
    path.write_text("epochs: 7\nshape: {size: femto, field: 64}\n", encoding="utf-8")
    plan = pretraining.read_plan(path)
    assert plan == TrainingPlan(epochs=7, shape=Shape("femto", 64))
    path.write_text("epoch: 7\n", encoding="utf-8")
    with pytest.raises(
        UserError, match="epoch: Unexpected keyword argument; there are: shape, augmentation"
    ):
        pretraining.read_plan(path)
    path.write_text("- 7\n", encoding="utf-8")
    with pytest.raises(UserError, match="plan.yml: : Input should be a dictionary"):
        pretraining.read_plan(path)
    with pytest.raises(UserError, match="cannot be read"):
        pretraining.read_plan(tmp_path / "none.yml")


def test_the_middle_of_large_and_small_frames() -> None:
    image = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    np.testing.assert_array_equal(pretraining.crop_or_pad(image, 10), image[5:15, 10:20])
    padded = pretraining.crop_or_pad(image, 40)
    np.testing.assert_array_equal(padded[10:30, 5:35], image)
    assert padded[:10].sum() == padded[:, :5].sum() == 0


def test_the_command_trains_on_what_is_not_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for i, frame in enumerate(_frames(40)):
        Image.fromarray(frame.permute(1, 2, 0).numpy()).save(images / f"g{i}.png")
    (images / "g0.png").write_bytes(b"not an image")
    plan = tmp_path / "plan.yml"
    plan.write_text("epochs: 1\nbatch_size: 8\nprojection: 16\nwarmup: 1\n"
                    "shape: {size: atto, field: 32, side: 32}\n", encoding="utf-8")  # fmt: skip
    seen: list[str] = []
    read = pretraining.read_frames
    monkeypatch.setattr(
        pretraining, "read_frames", lambda s, o, side: (seen.extend(o), read(s, o, side))[1]
    )
    arguments = ["train", "--images", str(images), "--plan", str(plan), "--out", str(out)]
    assert main(arguments) == 0
    objids = folder_sample(images).catalogue["objid"]
    assert set(seen) == set(objids[~is_held_out(objids)]) and len(seen) < 40
    about = json.loads((out / "encoder.json").read_text(encoding="utf-8"))
    unreadable = int("g0" in seen)
    assert about["galaxies"] == len(seen) - unreadable and about["held_out"] == 40 - len(seen)
    assert len(pd.read_csv(out / "log.csv")) == 1
    assert load_weights(out).window.shape == (32, 32)
    said = capsys.readouterr().out
    assert "1 epochs, last loss" in said and said.strip().endswith("weights.safetensors")
