"""Published weights that the toolkit can use: what each is, its licence, and where it comes from.

Nothing here is shipped. Some weights are plain files on the web; others lie inside wheels on the
package index, which every machine that could install this package can reach.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """A release on the package index that is downloaded for the data files in it.

    Attributes:
        project: Name on the index.
        version: Release.
        sha256: Hash of the wheel file; pip refuses any other.
        size: Bytes.
        tags: Options that make pip choose this file on any platform; its data are the same
            everywhere.
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
    """One file inside a wheel."""

    wheel: Wheel
    member: str

    def __str__(self) -> str:
        return f"{self.member} in the wheel {self.wheel} (sha256 {self.wheel.sha256})"


@dataclass(frozen=True)
class WeightsEntry:
    """One published file of weights.

    Attributes:
        filename: Name under which it is looked for and kept.
        sha256: Hash of its content.
        size: Bytes.
        role: What the net does, in a few words.
        licence: SPDX identifier.
        commercial: Whether the licence allows commercial use.
        origin: Where it comes from: a URL, or a member of a wheel.
        note: What a user should know beyond the licence.
    """

    filename: str
    sha256: str
    size: int
    role: str
    licence: str
    commercial: bool
    origin: str | WheelMember
    note: str = ""

    @property
    def from_index(self) -> bool:
        """Whether it comes from the package index, as all of the default nets do."""
        return isinstance(self.origin, WheelMember)


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


def _mediapipe(path: str, sha256: str, size: int, role: str) -> WeightsEntry:
    member = WheelMember(_MEDIAPIPE, f"mediapipe/modules/{path}")
    filename = path.rpartition("/")[2]
    return WeightsEntry(
        filename, sha256, size, role, licence="Apache-2.0", commercial=True, origin=member
    )


def _mtcnn(stage: str, sha256: str, size: int) -> WeightsEntry:
    member = WheelMember(_FACENET, f"facenet_pytorch/data/{stage}.pt")
    return WeightsEntry(
        f"mtcnn_{stage}.pt",
        sha256,
        size,
        "face detector, one of 3 stages",
        licence="MIT",
        commercial=True,
        origin=member,
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
        "MobileFaceNet.onnx",
        "b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
        3_998_070,
        "identity embedding",
        licence="Apache-2.0",
        commercial=True,
        origin="https://github.com/foamliu/MobileFaceNet/raw/"
        "a6cc9032a659b615f477833e1a70b5e7931bcccc/weights/MobileFaceNet.onnx",
        note="Trained on web photographs of public figures.",
    ),
    "yunet": WeightsEntry(
        "face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        232_589,
        "face detector",
        licence="MIT",
        commercial=True,
        origin="https://github.com/opencv/opencv_zoo/raw/"
        "82b38c8f98e7b52aa171400f3e4c722352d0669f/models/face_detection_yunet/"
        "face_detection_yunet_2023mar.onnx",
    ),
    "retinaface": WeightsEntry(
        "retinaface_mobilenet0.25_Final.pth",
        "ed6fa7d45a5179f03cb5ce82c73b0c6711372968e53782e88395acee88d319e1",
        1_789_735,
        "face detector",
        licence="MIT",
        commercial=True,
        origin="https://github.com/biubug6/Face-Detector-1MB-with-landmark/raw/"
        "2b075657aef954b9426f938ac7fce100b6910fe6/weights/mobilenet0.25_Final.pth",
    ),
    "resnet20": WeightsEntry(
        "resnet20-12fca82f.th",
        "12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8",
        1_099_231,
        "CIFAR-10 classifier",
        licence="BSD-2-Clause",
        commercial=True,
        origin="https://github.com/akamaster/pytorch_resnet_cifar10/raw/"
        "66514ca38d5679354766dee91e912d8766bdd227/pretrained_models/resnet20-12fca82f.th",
    ),
}
