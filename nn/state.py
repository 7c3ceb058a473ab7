"""Models on the disk: `save` and `load` in the safetensors format, names and layout as PyTorch's.
What the file must look like is in tensorfile.py, how it is replaced safely in atomic.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar, overload

import numpy as np

from ..engine import Tensor, tensor
from .atomic import write_atomically
from .modules import Module
from .parameters import StateError
from .tensorfile import METADATA, encoded, read_arrays, read_header

M = TypeVar("M", bound=Module)


def save(
    path: str | os.PathLike[str],
    what: Module | Mapping[str, Tensor | np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a module's state, or Tensors and arrays by name, as a safetensors file.

    The file is replaced in one step: after a crash or on a full disk the old one is still there.
    ``metadata`` are texts by name, read back by ``read_metadata``.

    Raises StateError for names or dtypes that the format lacks, OSError where writing fails.

    >>> import os, tempfile
    >>> from backlit import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> nn.save(path, nn.Linear(2, 3), metadata={"task": "moons"})
    >>> {name: value.shape for name, value in nn.load(path).items()}
    {'weight': (3, 2), 'bias': (3,)}
    >>> nn.read_metadata(path)
    {'task': 'moons'}
    """
    state = what.state_dict() if isinstance(what, Module) else what
    if not isinstance(state, Mapping):
        raise TypeError(f"save takes a Module or a dict of Tensors, got {type(what).__name__}")
    write_atomically(path, encoded(state, metadata))


@overload
def load(path: str | os.PathLike[str]) -> dict[str, Tensor]: ...
@overload
def load(path: str | os.PathLike[str], module: M) -> M: ...
def load(path: str | os.PathLike[str], module: M | None = None) -> M | dict[str, Tensor]:
    """Read a safetensors file into ``module``, which is returned, or as Tensors by name.

    Into a module everything must fit: names, shapes, dtypes; else nothing is changed.

    Raises StateError for a file that is damaged or does not fit, OSError where reading fails.

    >>> import os, tempfile
    >>> from backlit import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> nn.save(path, nn.Linear(2, 3))
    >>> nn.load(path, nn.Linear(2, 3))
    Linear(in_features=2, out_features=3, bias=True)  # 9 parameters
    >>> nn.load(path, nn.Linear(2, 4))
    Traceback (most recent call last):
    backlit.nn.parameters.StateError: ...model.safetensors: the state does not fit Linear:
      shape of weight: (3, 2) given, (4, 2) needed
      shape of bias: (3,) given, (4,) needed
    """
    with open(path, "rb") as file:
        arrays = read_arrays(file, os.fspath(path))
    if module is None:
        return {name: tensor(array, dtype=array.dtype) for name, array in arrays.items()}
    try:
        module.load_state_dict(arrays)
    except StateError as error:
        raise StateError(f"{os.fspath(path)}: {error}") from None
    return module


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts that ``save`` was given as ``metadata``."""
    with open(path, "rb") as file:
        return read_header(file, os.fspath(path)).pop(METADATA, {})
