"""Reader of PyTorch's files with a tensor, (points, labels) or a dictionary of tensors; nothing else is unpickled."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.readers.named_arrays import Array, ArrayReader
from bench.errors import InputError

if TYPE_CHECKING:
    import torch

_MEND = "save a tensor, (x, y) or a dictionary of tensors with torch.save"


@contextmanager
def _open_arrays(path: Path, _kind: str) -> Iterator[dict[str, Array]]:
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: is no file of tensors alone, and pickled objects are not read; {_MEND}") from error
    yield dict(_leaves("", loaded))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Array]]:
    """Yield the tensors, and the lists of numbers or words, with their keys joined by slashes; a pair is x and y."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        yield name or "x", _tensor(value)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(f"{name}/{key}" if name else str(key), member)
    elif isinstance(value, (list, tuple)) and value:
        if {type(member) for member in value} <= {int, float, bool} or {type(member) for member in value} == {str}:
            array = np.array(value)
            yield name or "x", Array(array.shape, array.dtype, lambda: array)
        else:
            keys = ("x", "y") if len(value) == 2 else range(len(value))
            yield from _leaves(name, dict(zip(keys, value, strict=True)))


def _tensor(tensor: torch.Tensor) -> Array:
    import numpy as np
    import torch

    if tensor.is_quantized or tensor.device.type != "cpu":
        return Array(tuple(tensor.shape), np.dtype("V"), bytes, "a tensor without plain values")
    # NumPy lacks this type; every value of it is one of float32's.
    dtype = torch.float32 if tensor.dtype == torch.bfloat16 else tensor.dtype
    is_sparse = tensor.layout != torch.strided

    def read() -> Any:
        plain = tensor.detach().resolve_conj().resolve_neg().to(dtype)
        return _scipy(plain) if is_sparse else plain.numpy()

    return Array(tuple(tensor.shape), torch.empty(0, dtype=dtype).numpy().dtype, read, is_sparse=is_sparse)


def _scipy(tensor: torch.Tensor) -> Any:
    import scipy.sparse

    if tensor.ndim != 2:
        raise ValueError(f"a sparse tensor of shape {tuple(tensor.shape)} is not read; save it dense")
    coo = tensor.to_sparse_coo().coalesce()
    return scipy.sparse.coo_matrix((coo.values().numpy(), coo.indices().numpy()), shape=tuple(tensor.shape))


_READER = ArrayReader(_open_arrays, _MEND)
load, splits_in = _READER.load, _READER.splits_in
