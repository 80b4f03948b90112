"""Reader of the data sets that are part of scikit-learn."""

from __future__ import annotations

from bench.data.readers import Raw, Request


def load(request: Request) -> Raw:
    """Read a bundled data set of scikit-learn.

    Returns
    -------
    Raw
        For ``load_digits``: float64 images of shape (1797, 8, 8) with values 0 to 16, labels int.
    """
    import sklearn.datasets

    data = getattr(sklearn.datasets, request.member)()
    return Raw(data.images, data.target, f"scikit-learn's {request.member}")
