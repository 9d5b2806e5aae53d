"""Train an autoencoder in a loop of your own, with the data and the losses of the toolkit.

    python examples/training_loop.py faces/alice faces/bob runs/own --steps 1000

`faceswap train` adds checkpoints, resuming, held-out metrics, previews and several GPUs.
"""

import argparse
from pathlib import Path

import torch

import faceswap
from faceswap.data.batches import BatchPlan, FaceBatches, load_ahead, prepare
from faceswap.data.cache import CropGeometry, build_cache
from faceswap.data.sampling import split_facesets
from faceswap.data.warp import WarpRanges
from faceswap.models import build_model
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.training.losses.reconstruction import reconstruction_losses
from faceswap.training.losses.weights import LossWeights

COVERAGE = 1.25  # side of the training square in face squares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path, help="faceset of one person")
    parser.add_argument("second", type=Path, help="faceset of the other person")
    parser.add_argument("output", type=Path, help="folder of the cache and the model")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=16, help="faces per person")
    options = parser.parse_args()

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    model = build_model("small", ["first", "second"]).to(device)
    sizes = (model.input_size, model.output_size)
    ranges = WarpRanges()

    caches, training, margin, subjects = {}, {}, 1.0, {}
    for name, path in (("first", options.first), ("second", options.second)):
        faceset = faceswap.open_faceset(path)
        pairs = [(faceset, face) for face in faceset.trainable()]
        geometry = CropGeometry.with_reach(
            max(sizes), COVERAGE, ranges.reach, faceset.crop_coverage
        )
        caches[name] = build_cache(options.output / "cache", name, pairs, geometry).cache
        training[name], _held_out = split_facesets(pairs, 0.1)
        margin, subjects[name] = geometry.margin, [faceset.subject]
    batches = FaceBatches(caches, training, BatchPlan(seed=0, batch=options.batch, ranges=ranges))

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.5, 0.999))
    weights = LossWeights(l1=1.0, dssim=1.0)
    for step, raw in enumerate(load_ahead(batches, range(options.steps), workers=0), start=1):
        batch = prepare(raw, device, sizes, margin)  # (2, B, 3, S, S) float32 RGB in [0, 1]
        losses = reconstruction_losses(model(batch.distorted), batch, weights).total  # (2,)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        if step % 20 == 0 or step == options.steps:
            print(f"step {step}: loss {losses.tolist()[0]:.4f} {losses.tolist()[1]:.4f}")

    meta = ModelMeta("small", {}, model.identities, COVERAGE, options.steps, subjects)
    save_model(options.output / "model", model, meta)
    print(f"Model: {options.output / 'model'}")


if __name__ == "__main__":
    main()
