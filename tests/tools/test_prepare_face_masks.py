from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from classifier.data.dataset import IGNORE_INDEX
from classifier.data.readers.opening import open_dataset
from tools.prepare_face_masks import prepare


def test_crops_are_unlabelled_beyond_the_photograph(shared_data: Path, tmp_path: Path) -> None:
    dataset = open_dataset(shared_data / "face_masks" / "frontal02")
    two = replace(dataset, splits={"train": dataset.samples[:2]})
    assert prepare(two, tmp_path / "aligned", 64) == []
    crops = open_dataset(tmp_path / "aligned").samples
    assert [crop.path.stem for crop in crops] == [sample.path.stem for sample in two.samples]
    for crop in crops:
        assert crop.mask is not None
        with Image.open(crop.path) as image, Image.open(crop.mask) as mask:
            labels = np.asarray(mask)
        assert image.size == mask.size == (64, 64)
        assert 3 in labels[20:36, 32]  # the nose is in the middle
        assert labels[63, 0] == IGNORE_INDEX
