"""Errors that speak to the person at the keyboard.

Every error here means that an input, a setting or the machine has to change. The command line
prints the message and the hint in two or three lines and exits with code 2; a library user catches
``FaceswapError``. Broken invariants of our own code stay ``AssertionError`` and show a traceback.
"""


class FaceswapError(Exception):
    """A problem the user can mend.

    Args:
        message: What was expected and what was found, in one sentence.
        hint: What to do about it. May be empty.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(FaceswapError):
    """A setting, recipe or registry name that is unknown or of the wrong type."""


class MediaError(FaceswapError):
    """A file or folder that is missing, empty, or not the kind of media that was asked for."""


class NoFacesError(FaceswapError):
    """Footage in which no face was found."""


class FacesetError(FaceswapError):
    """A faceset that is missing, damaged, incomplete or too small."""


class CheckpointError(FaceswapError):
    """No checkpoint of a run can be used."""


class ModelFileError(FaceswapError):
    """A model file that is not ours, is damaged, or is of a newer version."""


class IdentityError(FaceswapError):
    """An identity name that the model or the faceset does not have."""


class WeightsUnavailable(FaceswapError):
    """Published weights that could neither be found nor fetched."""


class StorageFullError(FaceswapError):
    """The disk filled up while writing; what was complete before is intact."""


class TrainingError(FaceswapError):
    """Training cannot start or go on."""
