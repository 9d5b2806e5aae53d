"""Networks. Importing this package registers the networks that it defines."""

from classifier.models import cifar_resnet, lenet5, mlp, neuron, perceptron, tiramisu
from classifier.models.activations import ACTIVATIONS, activation
from classifier.models.formats import InputFormat
from classifier.models.network import BuiltNetwork, Task
from classifier.models.neuron import Neuron
from classifier.models.perceptron import perceptron_update
from classifier.models.registry import build_network, known_networks, networks

__all__ = [
    "ACTIVATIONS",
    "BuiltNetwork",
    "InputFormat",
    "Neuron",
    "Task",
    "activation",
    "build_network",
    "cifar_resnet",
    "known_networks",
    "lenet5",
    "mlp",
    "networks",
    "neuron",
    "perceptron",
    "perceptron_update",
    "tiramisu",
]
