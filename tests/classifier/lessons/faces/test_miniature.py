import os

import numpy as np
import pytest

from classifier.lessons.faces import miniature
from classifier.lessons.lesson import no_progress
from faceswap.facesets.faceset import Faceset


def test_held_out_faces_are_not_trained_on(trained):
    for name, faces in trained.held_out.items():
        used = {face.image for _, face in trained.training[name]}
        held = {face.image for _, face in faces}
        assert len(held) == 8
        assert not used & held
        assert len(used | held) == 40


def test_training_is_determined_by_its_seed(trained, two_facesets, tmp_path):
    settings = ("model.options.width=4", "training.batch=2", "optimizer.lr=1.0e-3")

    def again(seed):
        return miniature.train(
            "v1",
            settings,
            two_facesets,
            tmp_path / str(seed),
            steps=6,
            seed=seed,
            on_progress=no_progress,
        )

    assert np.array_equal(again(3).losses, trained.losses)
    assert not np.array_equal(again(4).losses, trained.losses)


def test_the_identity_that_signs_previews_stays_in_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path))
    with miniature.own_folder() as folder:
        assert os.environ["FACESWAP_CONFIG"].startswith(str(folder))
    assert os.environ["FACESWAP_CONFIG"] == str(tmp_path)
    assert not folder.exists()


@pytest.mark.usefixtures("shared_weights")
def test_both_portraits_are_filmed_and_found(tmp_path):
    clips = miniature.film(tmp_path, 1, frames=10, size=192)
    facesets = miniature.extract(clips, tmp_path / "faces", every=2)
    assert list(facesets) == ["collins", "hopper"]
    for path in facesets.values():
        faces = Faceset.open(path).trainable()
        assert [face.frame for face in faces] == [0, 2, 4, 6, 8]
        assert all(abs(face.yaw) < 40 for face in faces)
    assert [miniature.title(name) for name in facesets] == ["Collins", "Hopper"]
