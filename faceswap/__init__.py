"""Face swapping: extract faces from footage, train autoencoders, convert footage, evaluate swaps.

The functions of this package are imported on first use, so ``import faceswap`` is fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceswap.conversion.swap.swapper import Swapper
    from faceswap.core.errors import FaceswapError
    from faceswap.extraction.settings import ExtractSettings
    from faceswap.facesets.face import Face
    from faceswap.facesets.faceset import Faceset
    from faceswap.library import (
        evaluate_runs,
        export_model,
        extract_faces,
        load_model,
        open_faceset,
        train_model,
    )
    from faceswap.models.model_file import LoadedModel

__version__ = "0.1.0"

__all__ = [
    "ExtractSettings",
    "Face",
    "Faceset",
    "FaceswapError",
    "LoadedModel",
    "Swapper",
    "__version__",
    "evaluate_runs",
    "export_model",
    "extract_faces",
    "load_model",
    "open_faceset",
    "train_model",
]

_MODULES = {
    "ExtractSettings": "faceswap.extraction.settings",
    "Face": "faceswap.facesets.face",
    "Faceset": "faceswap.facesets.faceset",
    "FaceswapError": "faceswap.core.errors",
    "LoadedModel": "faceswap.models.model_file",
    "Swapper": "faceswap.conversion.swap.swapper",
}


def __getattr__(name: str) -> Any:
    # Functions of the library have their names here without the imports that they need.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES.get(name, "faceswap.library")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
