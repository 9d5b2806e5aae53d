"""Read a faceset with pandas and DuckDB: it is a Parquet file and a folder of images.

python examples/read_faceset.py faces/alice
"""

import argparse
from pathlib import Path

import duckdb
import pandas as pd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faceset", type=Path, help="directory of a faceset")
    options = parser.parse_args()
    table = options.faceset / "faces.parquet"

    faces = pd.read_parquet(table, columns=["frame", "time", "yaw", "pitch", "sharpness", "image"])
    print(f"{len(faces)} faces in {faces['frame'].nunique()} frames")
    print(faces[["yaw", "pitch", "sharpness"]].describe().round(2))

    sharpest = duckdb.execute(
        "SELECT round(yaw / 15) * 15 AS yaw, count(*) AS faces, arg_max(image, sharpness) AS image "
        "FROM read_parquet(?) GROUP BY 1 ORDER BY 1",
        [str(table)],
    ).fetchall()
    for yaw, count, image in sharpest:
        print(f"yaw {yaw:+.0f} degrees: {count} faces, sharpest images/{image}")


if __name__ == "__main__":
    main()
