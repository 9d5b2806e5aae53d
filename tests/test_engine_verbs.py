"""The verbs with ``--engine ray``: the same files as those of one process."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import WeightsUnavailable
from faceswap.models import build_model
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.provenance.file_provenance import read_provenance
from faceswap.recognizers import build_recognizer
from tests.conversion.video.test_conversion import packets
from tests.facesets.test_killed_faceset import content
from tests.footage import moving_portrait, plain_picture, write_clip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="the extra `ray` is not installed"
    ),
]
OPTIONS = {"size": 64, "code": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Clips, one of them longer than a segment and one without a face, and a model."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "clips").mkdir()
    write_clip(folder / "clips" / "long.mp4", 1060, lambda index: moving_portrait(index % 40))
    write_clip(folder / "clips" / "plain.mp4", 8, plain_picture)
    write_clip(folder / "clips" / "short.mp4", 12)
    model = build_model("small", ["alice", "bob"], OPTIONS)
    save_model(folder / "model", model, ModelMeta("small", OPTIONS, ("alice", "bob"), 1.25, 7))
    return folder


def faceswap(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "faceswap", *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


def test_extract(folder):
    local = faceswap(folder, "extract", "clips", "-o", "local")
    shared = faceswap(folder, "extract", "clips", "-o", "shared", "--engine", "ray")
    assert (local.returncode, shared.returncode) == (2, 2), shared.stderr  # of plain.mp4
    assert "No face was found in clips/plain.mp4" in shared.stderr
    assert "2 sources of 3 complete, 1 failure, 1,080 frames processed." in shared.stderr
    assert content(folder / "shared") == content(folder / "local")
    again = faceswap(folder, "extract", "clips/long.mp4", "-o", "shared", "--engine", "ray")
    assert again.returncode == 0
    assert "-> shared/long, already complete" in again.stderr


def test_convert(folder):
    options = ("clips", "--model", "model", "--to", "bob", "-o")
    local = faceswap(folder, "convert", *options, "here")
    shared = faceswap(folder, "convert", *options, "there", "--engine", "ray")
    assert (local.returncode, shared.returncode) == (2, 2), shared.stderr
    for name in ("long.mp4", "short.mp4"):
        ours, theirs = folder / "there" / name, folder / "here" / name
        assert packets(ours) == packets(theirs)
        found, expected = read_provenance(ours), read_provenance(theirs)
        assert (found.state, found.conversion) == ("intact", expected.conversion)
    names = [sorted(file.name for file in (folder / each).iterdir()) for each in ("here", "there")]
    assert names[0] == names[1]


def test_people(folder):
    try:
        build_recognizer()
    except WeightsUnavailable as error:
        pytest.skip(error.message)
    if not (folder / "local").exists():
        faceswap(folder, "extract", "clips", "-o", "local")
    for name in ("one", "many"):
        shutil.copytree(folder / "local", folder / name)
        remove_embeddings(folder / name)
    local = faceswap(folder, "faces", "people", "one")
    shared = faceswap(folder, "faces", "people", "many", "--engine", "ray")
    assert (local.returncode, shared.returncode) == (0, 0), shared.stderr
    assert content(folder / "many") == content(folder / "one")


def remove_embeddings(folder: Path) -> None:
    """Makes facesets what an extraction without recognition leaves."""
    for path in folder.glob("*/faces.parquet"):
        rows = pq.read_table(path)
        for name in ("embedding", "person"):
            place, field = rows.schema.get_field_index(name), rows.schema.field(name)
            rows = rows.set_column(place, field, pa.nulls(rows.num_rows, field.type))
        pq.write_table(rows, path)
