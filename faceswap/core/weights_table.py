"""Table of the published weights that the toolkit loads: purpose, licence, hash and origin.

No weights are part of this package. Some are plain files on the web; others are members of wheels
on the package index, which every machine that could install this package can reach.
"""

import re
from dataclasses import dataclass

_SHA256_DIGITS = 64
# "-f37072fd." in "resnet18-f37072fd.pth": the beginning of the SHA-256, by torch hub's convention.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")


@dataclass(frozen=True)
class Wheel:
    """A release on the package index that is downloaded for the data files in it.

    Attributes:
        project: Name on the index.
        version: Version of the release.
        sha256: SHA-256 of the wheel file, 64 hex digits; pip refuses any other file.
        size: Size in bytes.
        tags: Options with which pip selects this file on any platform; its data files do not
            depend on the platform.
    """

    project: str
    version: str
    sha256: str
    size: int
    tags: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.project}=={self.version}"


@dataclass(frozen=True)
class WheelMember:
    """A file inside a wheel."""

    wheel: Wheel
    member: str

    def __str__(self) -> str:
        return f"{self.member} in the wheel {self.wheel} (sha256 {self.wheel.sha256})"


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A published file: its name, its hash and its origin.

    Attributes:
        filename: Name under which it is searched for and stored.
        sha256: SHA-256 of the content, hex digits. Only the first digits where no more is published
            (torch hub writes 8 or 10 of them into its file names); empty where none are: such a
            file is never downloaded.
        origin: URL, or member of a wheel.
    """

    filename: str
    sha256: str
    origin: str | WheelMember

    def matches(self, digest: str) -> bool:
        """Whether the SHA-256 of a file, 64 hex digits, agrees with all published digits."""
        return digest.startswith(self.sha256)

    @property
    def is_hash_complete(self) -> bool:
        """Whether all 64 digits of the hash are published."""
        return len(self.sha256) == _SHA256_DIGITS


@dataclass(frozen=True, kw_only=True)
class WeightsEntry(WeightsFile):
    """A published weights file that code of the toolkit loads.

    Attributes:
        size: Size in bytes; None if it is not published.
        role: Purpose of the network, in a few words.
        licence: SPDX identifier.
        commercial: Whether the licence allows commercial use.
        note: Restrictions and facts that the licence does not state.
    """

    size: int | None
    role: str
    licence: str
    commercial: bool
    note: str = ""

    @property
    def from_index(self) -> bool:
        """Whether it comes from the package index, as the weights of all default networks do."""
        return isinstance(self.origin, WheelMember)


def file_at_url(url: str) -> WeightsFile:
    """A file known by its URL, with the part of its hash that torch hub writes into the name.

    Args:
        url: URL that ends in the file name, e.g. ``.../resnet18-f37072fd.pth``.
    """
    filename = url.rpartition("/")[2]
    digits = _HASH_IN_NAME.search(filename)
    return WeightsFile(filename=filename, sha256=digits[1] if digits else "", origin=url)


_MEDIAPIPE = Wheel(
    "mediapipe",
    "0.10.21",
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    35_622_638,
    (
        *("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"),
        *("--implementation", "cp", "--abi", "cp311"),
    ),
)
_FACENET = Wheel(
    "facenet-pytorch",
    "2.6.0",
    "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca",
    1_881_930,
    ("--python-version", "3.11"),
)


_WIDER_FACE = "Trained on WIDER FACE."


def _mediapipe(path: str, sha256: str, size: int, role: str) -> WeightsEntry:
    member = WheelMember(_MEDIAPIPE, f"mediapipe/modules/{path}")
    filename = path.rpartition("/")[2]
    return WeightsEntry(
        filename=filename,
        sha256=sha256,
        size=size,
        role=role,
        licence="Apache-2.0",
        commercial=True,
        origin=member,
    )


def _mtcnn(stage: str, sha256: str, size: int) -> WeightsEntry:
    member = WheelMember(_FACENET, f"facenet_pytorch/data/{stage}.pt")
    return WeightsEntry(
        filename=f"mtcnn_{stage}.pt",
        sha256=sha256,
        size=size,
        role="face detector, one of 3 stages",
        licence="MIT",
        commercial=True,
        origin=member,
    )


def _face_alignment(filename: str, sha256: str, size: int, role: str, note: str) -> WeightsEntry:
    """Weights that the library face-alignment downloads."""
    return WeightsEntry(
        filename=filename,
        sha256=sha256,
        size=size,
        origin=f"https://www.adrianbulat.com/downloads/python-fan/{filename}",
        role=role,
        licence="BSD-3-Clause",
        commercial=False,
        note=f"The licence is the library's; none is stated for the weights. {note}",
    )


WEIGHTS: dict[str, WeightsEntry] = {
    "blazeface_short": _mediapipe(
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        229_714,
        "face detector, close-ups",
    ),
    "blazeface_full": _mediapipe(
        "face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        676_746,
        "face detector",
    ),
    "facemesh": _mediapipe(
        "face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        1_242_398,
        "468 face landmarks",
    ),
    "iris": _mediapipe(
        "iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        2_640_568,
        "eyelids and irises",
    ),
    "palm_detection": _mediapipe(
        "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        2_339_846,
        "palm detector",
    ),
    "hand_landmark": _mediapipe(
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        5_478_917,
        "21 hand landmarks",
    ),
    "mtcnn_pnet": _mtcnn(
        "pnet", "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f", 28_570
    ),
    "mtcnn_rnet": _mtcnn(
        "rnet", "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86", 403_147
    ),
    "mtcnn_onet": _mtcnn(
        "onet", "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d", 1_559_269
    ),
    "mobilefacenet": WeightsEntry(
        filename="MobileFaceNet.onnx",
        sha256="b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
        size=3_998_070,
        role="identity embedding",
        licence="Apache-2.0",
        commercial=True,
        origin="https://github.com/foamliu/MobileFaceNet/raw/"
        "a6cc9032a659b615f477833e1a70b5e7931bcccc/weights/MobileFaceNet.onnx",
        note="Trained on web photographs of public figures.",
    ),
    "yunet": WeightsEntry(
        filename="face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size=232_589,
        role="face detector",
        licence="MIT",
        commercial=True,
        origin="https://github.com/opencv/opencv_zoo/raw/"
        "82b38c8f98e7b52aa171400f3e4c722352d0669f/models/face_detection_yunet/"
        "face_detection_yunet_2023mar.onnx",
        note=_WIDER_FACE,
    ),
    "retinaface": WeightsEntry(
        filename="retinaface_mobilenet0.25_Final.pth",
        sha256="ed6fa7d45a5179f03cb5ce82c73b0c6711372968e53782e88395acee88d319e1",
        size=1_789_735,
        role="face detector",
        licence="MIT",
        commercial=True,
        origin="https://github.com/biubug6/Face-Detector-1MB-with-landmark/raw/"
        "2b075657aef954b9426f938ac7fce100b6910fe6/weights/mobilenet0.25_Final.pth",
        note=_WIDER_FACE,
    ),
    "sfd": _face_alignment(
        "s3fd-619a316812.pth",
        "619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
        89_843_225,
        "face detector",
        _WIDER_FACE,
    ),
    "fan": _face_alignment(
        "2DFAN4-11f355bf06.pth.tar",
        "11f355bf0693120222f5955ce3f9dc8fb5763ebb30a47d7906e509490d32e4aa",
        95_641_761,
        "68 face landmarks",
        "Trained on 300W-LP.",
    ),
    "alexnet": WeightsEntry(
        filename="alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size=244_408_911,
        role="features for LPIPS",
        licence="BSD-3-Clause",
        commercial=False,
        origin="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        note="The licence is the library's; none is stated for the weights. Trained on ImageNet.",
    ),
    "resnet20": WeightsEntry(
        filename="resnet20-12fca82f.th",
        sha256="12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8",
        size=1_099_231,
        role="CIFAR-10 classifier",
        licence="BSD-2-Clause",
        commercial=True,
        origin="https://github.com/akamaster/pytorch_resnet_cifar10/raw/"
        "66514ca38d5679354766dee91e912d8766bdd227/pretrained_models/resnet20-12fca82f.th",
    ),
}
