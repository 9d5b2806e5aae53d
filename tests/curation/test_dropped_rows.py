"""Faces whose rows are dropped, and kills while they are."""

import gc
import shutil
import sys

from faceswap.curation.repairing import drop_rows
from faceswap.facesets.faceset import Faceset
from tests.core.event_stopper import run_until
from tests.facesets.written import write_faceset


def test_rows_are_never_gone_without_a_mark(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    (path / "images" / "000002-0.png").unlink()
    whole = shutil.copytree(path, tmp_path / "whole" / "clip")
    changes = run_until(sys.maxsize, drop_rows, whole)
    for number in range(len(changes)):
        output = shutil.copytree(path, tmp_path / f"at-{number}" / "clip")
        run_until(number, drop_rows, output)
        gc.collect()  # of the lock, which a killed process would not hold
        faceset = Faceset.open(output)
        assert len(faceset.faces()) == 6 or faceset.record["chosen"], changes[number]
        drop_rows(output)
        assert Faceset.open(output).record == Faceset.open(whole).record
