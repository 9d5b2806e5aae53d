"""Published weights that are not in the table of ``faceswap.core.weights``, given by their URL.

torchvision and timm publish too many for a table. They are searched for, downloaded and verified
like the others, but stored in torch hub's cache, where torchvision and timm find them too.
"""

from pathlib import Path

from faceswap.core.weights import find_or_fetch, hub_folder
from faceswap.core.weights_table import WeightsFile, file_at_url


def weights_by_url(name: str, url: str) -> Path:
    """The file at a URL, downloaded into torch hub's cache if it is not on this machine.

    Args:
        name: Name of the network, for error messages.
        url: URL that ends in the file name. If the name contains the first digits of the SHA-256
            (``resnet18-f37072fd.pth``), the file is verified with them; otherwise only a file that
            the user names in ``FACESWAP_WEIGHTS`` is used.

    Raises:
        WeightsUnavailable: The file is not on this machine and cannot be downloaded. The message
            names the file, the URL, the searched places and what to do.
    """
    file = file_at_url(url)
    return find_or_fetch(name, file, hub_folder(), _hint(file))


def _hint(file: WeightsFile) -> str:
    return (
        f"On a machine with web access download {file.origin}, copy it here as {file.filename} and "
        "pass --weights FILE, or set FACESWAP_WEIGHTS to its folder."
    )
