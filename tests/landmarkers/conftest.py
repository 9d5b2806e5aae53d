import numpy as np
import pytest
from skimage import data

from faceswap.landmarkers import build_landmarker


@pytest.fixture(scope="module")
def landmarker():
    return build_landmarker("facemesh")


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(data.astronaut())
