"""onnxruntime, as all code here uses it: on the CPU, and without its telemetry."""

import os
from pathlib import Path

# From version 1.29 on, onnxruntime reports its use to its makers by default: it keeps reports in
# the user's cache, and its thread that sends them may abort a process that ends (SIGABRT). Read at
# the first import; what a user has set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # noqa: TID251 (the one place)

InferenceSession = onnxruntime.InferenceSession

_ERRORS_ONLY = 3


def open_session(model: bytes | str | Path, threads: int | None = None) -> InferenceSession:
    """Opens an ONNX model on the CPU; only errors are logged.

    Args:
        model: File of the model, or its content.
        threads: Number of threads, which leave the cores to others while they wait; None for
            onnxruntime's own choice.

    Raises:
        Exception: onnxruntime cannot run the model; its errors have no public type.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(model, options, providers=["CPUExecutionProvider"])
