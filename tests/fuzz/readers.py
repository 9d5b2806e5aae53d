"""Readers of files from elsewhere, each with a valid file to start from."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import torch

from classifier.data import open_dataset
from classifier.evaluation.comparison import read_history, summarise
from classifier.models import build_network
from classifier.models import model_file as classifier_files
from classifier.models.pretrained import read_weights
from classifier.training.settings import Settings
from faceswap.conversion.output.patches import PATCHES, is_description
from faceswap.conversion.video.segments import Segment
from faceswap.conversion.video.work_folder import SegmentRecord, WorkFolder
from faceswap.core.config import dump_yaml, load_config
from faceswap.core.files import sha256_file, write_json
from faceswap.core.model_folder import WEIGHTS
from faceswap.core.training_state import Progress, TrainingState
from faceswap.demonstration.settings import DemoSettings, claim_demo
from faceswap.demonstration.stages import Stages
from faceswap.facesets.subjects import find_records
from faceswap.media.converted import find_converted
from faceswap.models.model_file import ModelMeta, load_model, save_model
from faceswap.models.references import References
from faceswap.models.registry import build_model
from faceswap.provenance.describe import as_json, describe
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.subject import Subject, describe_records
from faceswap.training.run.run_directory import RunDirectory
from faceswap.training.settings import TrainConfig
from tests.fuzz.faceset_readers import FACESETS
from tests.fuzz.interchange_readers import INTERCHANGE
from tests.fuzz.mutation import (
    Mutation,
    mutated_bytes,
    mutated_json,
    mutated_table,
    mutated_yaml,
)
from tests.fuzz.reader import Reader
from tests.models.guided import references as filled_references


def _config(folder: Path) -> Reader:
    file = folder / "c.yaml"
    file.write_text(dump_yaml(load_config(TrainConfig, "faceswap", "classic")))

    def read() -> None:
        load_config(TrainConfig, "faceswap", file)

    return Reader(file, mutated_yaml, read)


def _classifier_config(folder: Path) -> Reader:
    file = folder / "c.yaml"
    file.write_text(dump_yaml(load_config(Settings, "classifier", "lenet5")))
    return Reader(file, mutated_yaml, lambda: load_config(Settings, "classifier", file))


def _override(folder: Path) -> Reader:
    file = folder / "option"
    file.write_text("optimizer.lr: 1")

    def read() -> None:
        text = file.read_text(encoding="utf-8", errors="surrogateescape").replace(":", "=", 1)
        load_config(TrainConfig, "faceswap", None, [text])

    return Reader(file, mutated_yaml, read)


def _model(folder: Path) -> Reader:
    model = build_model("fuzzed", ["alice", "bob"])
    subjects = {"alice": [Subject("Alice", "self").to_json()]}
    meta = ModelMeta("fuzzed", {"width": 2}, model.identities, 1.5, 9, subjects)
    save_model(folder, model, meta)

    def read() -> None:
        for records in find_records(folder).values():
            describe_records(records)
        load_model(folder)

    return Reader(folder / "model.json", mutated_json, read)


def _model_weights(folder: Path) -> Reader:
    return _weights_of(_model(folder))


def _model_references(folder: Path) -> Reader:
    model = build_model("with_references", ["alice", "bob"])
    references = model.get_submodule("references")
    for kept in references.children():
        kept.load_state_dict(filled_references(3, 32).state_dict())
    save_model(folder, model, ModelMeta("with_references", {}, model.identities, 1.5, 9))

    def read() -> None:
        for kept in load_model(folder).model.get_submodule("references").children():
            assert isinstance(kept, References)
            kept.images(16)

    return _weights_of(Reader(folder / "model.json", mutated_json, read))


def _weights_of(reader: Reader) -> Reader:
    """Reader of the weights beside the metadata that ``reader`` reads."""
    weights, metadata = reader.file.with_name(WEIGHTS), json.loads(reader.file.read_text())

    def read() -> None:
        write_json(reader.file, metadata | {"weights_sha256": sha256_file(weights)})
        reader.read()

    return Reader(weights, mutated_bytes, read)


def _classifier_model(folder: Path) -> Reader:
    built = build_network("mlp", 3, {"hidden": "4", "size": 8})
    meta = classifier_files.ModelMeta(
        "mlp", {"hidden": "4"}, 8, ("a", "b", "c"), scores={"loss": 1}
    )
    classifier_files.save_model(folder, built.module.state_dict(), built, meta)
    return Reader(
        folder / "model.json",
        mutated_json,
        lambda: summarise("run", classifier_files.load_model(folder), []),
    )


def _manifest(folder: Path) -> Reader:
    run = RunDirectory(folder)
    subject = Subject("Alice", "self").to_json()
    entry = {"path": "x", "name": "x", "faces": 3, "sha256": "a" * 64, "subject": subject}
    run.start(load_config(TrainConfig, "faceswap", "classic"), {"a": [entry], "b": [entry]}, ["x"])

    def read() -> None:
        for name in run.stored_facesets():
            assert (run.cache / name).parent == run.cache
        for records in find_records(folder).values():
            describe_records(records)

    return Reader(run.manifest, mutated_json, read)


def _checkpoint(name: str, mutation: Mutation) -> Callable[[Path], Reader]:
    def make(folder: Path) -> Reader:
        model = torch.nn.Linear(2, 3)
        optimizer = torch.optim.AdamW(model.parameters())
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        state = TrainingState(folder, model, optimizer, None, None, 3, "")
        state.save(Progress(step=5, best=(0.5,)))
        path = folder / "step-00000005"

        def read() -> None:
            if name != "checksums.json":
                sums = {f.name: sha256_file(f) for f in path.iterdir() if f.stem != "checksums"}
                write_json(path / "checksums.json", sums)
            state.load(Progress)

        return Reader(path / name, mutation, read)

    return make


def _history(folder: Path) -> Reader:
    names = ("train_loss", "loss", "accuracy", "balanced_accuracy", "mean_iou", "lr")
    entry = {"epoch": 1, "images_per_second": 9.0, "seconds": 1.0, **dict.fromkeys(names, 0.5)}
    write_json(folder / "history.json", [entry, entry | {"epoch": 2}])
    built = build_network("mlp", 3, {"hidden": "4", "size": 8})
    meta = classifier_files.ModelMeta("mlp", {}, 8, ("a", "b", "c"))
    loaded = classifier_files.LoadedClassifier(built, meta, "")

    def read() -> None:
        summarise("run", loaded, read_history(folder))

    return Reader(folder / "history.json", mutated_json, read)


def _report(folder: Path) -> Reader:
    (folder / "p.bin").write_bytes(b"not a picture")
    files = [{"name": "p.bin", "sha256": "a" * 64, "manifest": "embedded"}]
    report = {"tool": "tool 1", "synthetic": {"comment": "x"}, "files": files}
    write_json(folder / "p.bin.json", report)

    def read() -> None:
        found = read_provenance(folder / "p.bin")
        as_json(found)
        list(describe(found))

    return Reader(folder / "p.bin.json", mutated_json, read)


def _list(suffix: str) -> Callable[[Path], Reader]:
    def make(folder: Path) -> Reader:
        paths = [f"{number}.png" for number in range(6)]
        for path in paths:
            (folder / path).touch()
        splits = ["train", "val", "test"] * 2
        table = pa.table({"path": paths, "label": ["cat", "dog"] * 3, "split": splits})
        file = folder / f"l{suffix}"
        if suffix == ".csv":
            pa_csv.write_csv(table, file)
            return Reader(file, mutated_bytes, lambda: open_dataset(file))
        pq.write_table(table, file)
        return Reader(file, mutated_table, lambda: open_dataset(file))

    return make


def _classes(folder: Path) -> Reader:
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        (folder / name / "1.png").touch()
    file = folder / "classes.csv"
    file.write_text("index,name,colour\n0,cat,#ff0000\n1,dog,0 0 255\n")
    return Reader(file, mutated_bytes, lambda: open_dataset(folder))


def _stages(folder: Path) -> Reader:
    file = folder / "stages.json"
    write_json(file, {"train": {"key": {"clip": "a"}, "metrics": {"seconds": 1.0}}})

    def read() -> None:
        before = file.read_bytes()
        Stages(file).run("train", {"clip": "b"}, [], dict)
        file.write_bytes(before)

    return Reader(file, mutated_json, read)


def _demo_settings(folder: Path) -> Reader:
    claim_demo(folder, DemoSettings(1.0))
    return Reader(
        folder / "settings.json", mutated_json, lambda: claim_demo(folder, DemoSettings(1.0))
    )


def _converted(folder: Path) -> Reader:
    file = folder / "clip.mp4.json"
    report = {"synthetic": {}, "source": {"name": "clip.mp4"}, "files": [{"name": "clip.mp4"}]}
    write_json(file, report)
    return Reader(file, mutated_json, lambda: find_converted([folder / "clip.mp4"]))


def _patches(folder: Path) -> Reader:
    file = folder / "000001.json"
    PATCHES.write(file, {"source": "clip.mp4", "frame": 0, "faces": []})
    return Reader(file, mutated_json, lambda: is_description(file))


def _segment(folder: Path) -> Reader:
    work, segment = WorkFolder(folder, ".mp4"), Segment(0, 2)
    work.write(segment, SegmentRecord([0, 1], 1, 2, 2, ["bob"], 0, []))
    (file,) = folder.glob("segment-*.json")
    return Reader(file, mutated_json, lambda: work.read(segment))


def _unfinished_conversion(folder: Path) -> Reader:
    work = WorkFolder(folder / "work", ".mp4")
    work.open("key")
    return Reader(work.path / "conversion.json", mutated_json, lambda: work.open("key"))


def _pretrained(folder: Path) -> Reader:
    reader = _model(folder)
    return Reader(reader.file, mutated_json, lambda: read_weights(folder))


READERS: dict[str, Callable[[Path], Reader]] = {
    **FACESETS,
    **INTERCHANGE,
    "config": _config,
    "classifier-config": _classifier_config,
    "set": _override,
    "model": _model,
    "model-weights": _model_weights,
    "model-references": _model_references,
    "classifier-model": _classifier_model,
    "manifest": _manifest,
    "state": _checkpoint("state.json", mutated_json),
    "checksums": _checkpoint("checksums.json", mutated_json),
    "optimizer": _checkpoint("optimizer.safetensors", mutated_bytes),
    "history": _history,
    "report": _report,
    "converted": _converted,
    "patches": _patches,
    "segment": _segment,
    "unfinished-conversion": _unfinished_conversion,
    "list-csv": _list(".csv"),
    "list-parquet": _list(".parquet"),
    "classes": _classes,
    "stages": _stages,
    "demo-settings": _demo_settings,
    "pretrained": _pretrained,
}
"""Functions that write a valid file below a folder, by the name of its reader."""
