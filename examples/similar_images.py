"""Find the images that look most like one image, by the features of a trained network.

python examples/similar_images.py runs/muffins query.jpg photos/
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import classifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="run of `classifier train`, or its model folder")
    parser.add_argument("query", type=Path, help="image to compare with")
    parser.add_argument("folder", type=Path, help="folder of images")
    parser.add_argument("--count", type=int, default=5)
    options = parser.parse_args()

    paths = sorted(path for path in options.folder.iterdir() if path.suffix in {".jpg", ".png"})
    images = [np.asarray(Image.open(path).convert("RGB")) for path in [options.query, *paths]]

    model = classifier.load_classifier(options.model, device="cpu")
    features = classifier.extract_features(model, images)  # (N, D) float32
    features /= np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    similarity = features[1:] @ features[0]  # cosine similarity to the query
    for index in np.argsort(-similarity)[: options.count]:
        print(f"{similarity[index]:.3f} {paths[index]}")


if __name__ == "__main__":
    main()
