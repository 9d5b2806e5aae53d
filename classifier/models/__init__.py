"""Networks; importing this package fills the registry."""

from classifier.models import lenet5
from classifier.models.registry import BuiltNetwork, InputFormat, build_network, networks

__all__ = ["BuiltNetwork", "InputFormat", "build_network", "lenet5", "networks"]
