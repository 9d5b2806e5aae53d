"""Sort the images of a folder by their class.

python examples/classify_folder.py runs/muffins photos/
"""

import argparse
from collections import Counter
from pathlib import Path

import classifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="run of `classifier train`, or its model folder")
    parser.add_argument("folder", type=Path, help="folder of images, searched recursively")
    options = parser.parse_args()

    model = classifier.load_classifier(options.model, device="cpu")
    counts: Counter[str] = Counter()
    for result in classifier.predict_files(model, options.folder):
        if isinstance(result, classifier.Unreadable):
            print(f"{result.file.path}: {result.reason}")
            continue
        best = int(result.probabilities.argmax())
        counts[model.classes[best]] += 1
        print(f"{result.file.path}: {model.classes[best]} ({result.probabilities[best]:.1%})")
    for name, count in counts.most_common():
        print(f"{count} x {name}")


if __name__ == "__main__":
    main()
