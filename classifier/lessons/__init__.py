"""The lessons of ``classifier learn``, in teaching order."""

import importlib
from dataclasses import dataclass
from typing import Any

from classifier.lessons.language import Text
from classifier.lessons.lesson import Lesson
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

__all__ = ["TOPICS", "Lesson", "Topic", "find_topic"]


@dataclass(frozen=True)
class Topic:
    """A topic of the course.

    Attributes:
        place: Module of its lesson, below this package.
        title: Sentence on what it shows.
    """

    place: str
    title: Text

    @property
    def module(self) -> str:
        """Full name of the module."""
        return f"{__name__}.{self.place}"

    def lesson(self) -> Lesson[Any]:
        """Import the lesson."""
        return importlib.import_module(self.module).LESSON


TOPICS: dict[str, Topic] = {
    "chihuahua": Topic(
        "images.chihuahua",
        Text(
            "Chihuahua or muffin? Why a program of rules fails, and what a network sees.",
            "Chihuahua ou muffin ? Pourquoi un programme de règles échoue, et ce que voit un "
            "réseau.",
        ),
    ),
    "trajectory": Topic(
        "learning.trajectory",
        Text(
            "A model found from data, against the formula of a trajectory.",
            "Un modèle trouvé à partir de données, contre l'équation d'une trajectoire.",
        ),
    ),
    "neuron": Topic(
        "neurons.neuron",
        Text(
            "A weighted sum and a threshold compute AND, OR and NOT.",
            "Une somme pondérée et un seuil calculent ET, OU et NON.",
        ),
    ),
    "activations": Topic(
        "neurons.activations",
        Text(
            "Activation functions from threshold to maxout, and how networks learn with each.",
            "Les fonctions d'activation, du seuil à maxout, et l'entraînement avec chacune.",
        ),
    ),
    "perceptron": Topic(
        "neurons.perceptron",
        Text(
            "A rule learns a separating line from its mistakes.",
            "Une règle apprend une droite de séparation à partir de ses erreurs.",
        ),
    ),
    "xor": Topic(
        "neurons.xor",
        Text(
            "No line solves XOR; one hidden layer does.",
            "Aucune droite ne résout XOR ; une couche cachée y parvient.",
        ),
    ),
    "mlp": Topic(
        "neurons.mlp",
        Text(
            "Depth and width of multilayer perceptrons, and their parameters on images.",
            "Profondeur et largeur des perceptrons multicouches, et leurs paramètres.",
        ),
    ),
    "cross-entropy": Topic(
        "learning.cross_entropy",
        Text(
            "The loss of a classifier, by hand and by torch; why not accuracy, why not squares.",
            "La perte d'un classifieur, à la main et avec torch ; pourquoi ni l'exactitude ni "
            "les carrés.",
        ),
    ),
    "gradient-descent": Topic(
        "learning.gradient_descent",
        Text(
            "SGD, momentum and Adam descend a valley; too high a rate leaves it.",
            "SGD, l'inertie et Adam descendent une vallée ; un taux trop élevé en sort.",
        ),
    ),
    "backpropagation": Topic(
        "learning.backpropagation",
        Text(
            "The chain rule, number by number, and slopes that vanish over ten layers.",
            "La règle de la chaîne, nombre par nombre, et des pentes qui s'évanouissent à travers "
            "dix couches.",
        ),
    ),
    "computing-power": Topic(
        "learning.computing_power",
        Text(
            "One layer in pure Python, NumPy and torch: the ratio is the lesson.",
            "Une couche en Python pur, NumPy et torch : la leçon est le rapport.",
        ),
    ),
    "dense-or-convolution": Topic(
        "images.dense_or_convolution",
        Text(
            "Fully connected against convolutional networks on real photos.",
            "Réseaux entièrement connectés contre réseaux convolutifs sur de vraies photos.",
        ),
    ),
    "convolution": Topic(
        "images.convolution",
        Text(
            "A small kernel slides over an image and finds edges.",
            "Un petit noyau glisse sur une image et trouve les contours.",
        ),
    ),
    "lenet": Topic(
        "images.lenet",
        Text(
            "LeNet-5 classifies digits; with --data, your images.",
            "LeNet-5 classe des chiffres ; avec --data, vos images.",
        ),
    ),
    "classic-networks": Topic(
        "images.classic_networks",
        Text(
            "LeNet, AlexNet and VGG, layer by layer: what each changed.",
            "LeNet, AlexNet et VGG, couche par couche : ce que chacun a changé.",
        ),
    ),
    "autoencoder": Topic(
        "families.autoencoder",
        Text(
            "A network compresses digits through a bottleneck.",
            "Un réseau comprime des chiffres à travers un goulot d'étranglement.",
        ),
    ),
    "denoising": Topic(
        "families.denoising",
        Text(
            "An autoencoder learns to remove noise.",
            "Un auto-encodeur apprend à enlever le bruit.",
        ),
    ),
    "variational": Topic(
        "families.variational",
        Text(
            "A variational autoencoder generates new digits from random codes.",
            "Un auto-encodeur variationnel dessine de nouveaux chiffres à partir de codes "
            "aléatoires.",
        ),
    ),
    "gan": Topic(
        "families.gan",
        Text(
            "A generator and a discriminator learn against each other.",
            "Un générateur et un discriminateur apprennent l'un contre l'autre.",
        ),
    ),
    "lstm": Topic(
        "families.lstm",
        Text(
            "A recurrent network predicts the landmarks of a talking face.",
            "Un réseau récurrent prédit les repères d'un visage qui parle.",
        ),
    ),
    "hopfield": Topic(
        "families.hopfield",
        Text(
            "A Hopfield network recalls images from damaged ones.",
            "Un réseau de Hopfield retrouve des images à partir d'images abîmées.",
        ),
    ),
    "representation": Topic(
        "features.representation",
        Text(
            "What the layers of a network have learnt.",
            "Ce que les couches d'un réseau ont appris.",
        ),
    ),
    "transfer": Topic(
        "features.transfer",
        Text(
            "A network pretrained on letters learns digits from few examples; with --data, "
            "your images.",
            "Un réseau préentraîné sur des lettres apprend les chiffres avec peu d'exemples ; "
            "avec --data, vos images.",
        ),
    ),
    "tiramisu": Topic(
        "features.tiramisu",
        Text(
            "A class for every pixel.",
            "Une classe pour chaque pixel.",
        ),
    ),
    "nicolas-caging": Topic(
        "faces.cage",
        Text(
            "Any face in, one face out: an encoder that saw many people, one decoder.",
            "N'importe quel visage en entrée, un seul en sortie : un encodeur qui a vu "
            "beaucoup de gens, un décodeur.",
        ),
    ),
    "deepfakes": Topic(
        "faces.deepfakes",
        Text(
            "One shared encoder and two decoders swap the faces of two people.",
            "Un encodeur commun et deux décodeurs échangent les visages de deux personnes.",
        ),
    ),
    "dataset": Topic(
        "faces.dataset",
        Text(
            "From footage to a faceset: find, align and choose faces.",
            "De la vidéo au jeu de visages : trouver, aligner et choisir.",
        ),
    ),
    "v1": Topic(
        "faces.v1",
        Text(
            "FaceSwap V1, the network of 2017, trained and converted in miniature.",
            "FaceSwap V1, le réseau de 2017, entraîné et converti en miniature.",
        ),
    ),
    "v2": Topic(
        "faces.v2",
        Text(
            "FaceSwap V2: what a learned mask and a structural loss change.",
            "FaceSwap V2 : ce que changent un masque appris et une perte structurelle.",
        ),
    ),
    "v3": Topic(
        "faces.v3",
        Text(
            "FaceSwap V3: what more resolution and an adversarial phase change.",
            "FaceSwap V3 : ce que changent une meilleure résolution et une phase adverse.",
        ),
    ),
    "muffin": Topic(
        "features.muffin",
        Text(
            "Chihuahua against muffin, solved: features, fine-tuning, and the mistakes; with "
            "--data, your photos.",
            "Chihuahua contre muffin, résolu : caractéristiques, affinage, erreurs ; avec --data, "
            "vos photos.",
        ),
    ),
}
"""Topics by their names on the command line, in teaching order."""


def find_topic(name: str) -> Topic:
    """Return the topic of a name.

    Raises:
        ConfigError: Unknown topic; the message suggests the nearest name.
    """
    if name in TOPICS:
        return TOPICS[name]
    raise ConfigError(
        f"Unknown lesson {name!r}.",
        f"{nearest(name, TOPICS)}Topics: {', '.join(TOPICS)}; all; list.",
    )
