"""Networks over the engine: modules, layers, losses, initialisers, batches, files.
Names, defaults and numbers are PyTorch's wherever both have a thing.
"""

from . import functional
from . import initialisers as init
from .containers import MLP, ModuleList, Sequential
from .layers import Dropout, Embedding, Flatten, Identity, Linear, ReLU, Sigmoid, Tanh
from .loading import Batches, batches
from .losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from .modules import Module
from .parameters import Parameter, StateError
from .state import load, read_metadata, save

__all__ = [
    "MLP",
    "BCEWithLogitsLoss",
    "Batches",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "StateError",
    "Tanh",
    "batches",
    "functional",
    "init",
    "load",
    "read_metadata",
    "save",
]
