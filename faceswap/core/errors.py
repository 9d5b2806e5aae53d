"""Errors that the user can fix: an input, a setting or the machine has to change.

The command line prints the message and the hint and exits with code 2; library users catch
``FaceswapError``. Violated invariants of the code itself are ``AssertionError``.
"""


class FaceswapError(Exception):
    """Base of all errors that the user can fix.

    Args:
        message: Sentence on the expected and the found value.
        hint: Instruction to fix the problem; may be empty.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(FaceswapError):
    """An unknown setting, recipe or registered name, or a value of the wrong type."""


class MediaError(FaceswapError):
    """A media file or folder that is missing, empty or of the wrong kind."""


class RemoteError(MediaError):
    """A URL that cannot be read."""


class SourceChangedError(MediaError):
    """A source that was replaced, changed or removed while it was read."""


class NoFacesError(FaceswapError):
    """No face was found in the footage."""


class FacesetError(FaceswapError):
    """A missing, damaged, incomplete or too small faceset."""


class CheckpointError(FaceswapError):
    """A run without a usable checkpoint."""


class ModelFileError(FaceswapError):
    """A model file that is damaged, of another program or of a newer version."""


class IdentityError(FaceswapError):
    """An identity that the model or the faceset does not contain."""


class WeightsUnavailable(FaceswapError):
    """Published weights that are not on this machine and cannot be downloaded."""


class StorageFullError(FaceswapError):
    """The disk is full; files that were complete before are intact."""


class OutputError(FaceswapError):
    """An output that cannot be written where the command says."""


class OutputBusyError(OutputError):
    """Another process writes the same output."""


class OutputExistsError(OutputError):
    """A file or folder that would be replaced, and that this run did not make."""


class DocumentError(FaceswapError):
    """A structured file that is damaged, too large or of another program."""


class UnsafeNameError(FaceswapError):
    """A name from a file that is a path, or that no file should have."""


class TrainingError(FaceswapError):
    """Training cannot start or continue."""


class MemoryExhaustedError(TrainingError):
    """The memory of the device does not suffice for a training."""
