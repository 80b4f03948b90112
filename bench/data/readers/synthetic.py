"""Reader that draws points from a known mixture."""

from __future__ import annotations

from bench.data.readers import Raw, Request, reading


def load(
    request: Request,
    *,
    n_samples: int = 1000,
    n_features: int = 16,
    centers: int = 5,
    cluster_std: float = 1.0,
    center_box: tuple[float, float] = (-10.0, 10.0),
    random_state: int = 0,
) -> Raw:
    """Draw isotropic Gaussian blobs; the parameters are those of ``sklearn.datasets.make_blobs``.

    Returns
    -------
    Raw
        float64 points of shape (n_samples, n_features), labels in ``range(centers)``.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    from sklearn.datasets import make_blobs

    source = f"synthetic:{request.member}"
    with reading(f"card {request.card!r}: {source}", "mend the card's parameters"):
        points, labels = make_blobs(
            n_samples=n_samples,
            n_features=n_features,
            centers=centers,
            cluster_std=cluster_std,
            center_box=center_box,
            random_state=random_state,
        )
    # Six decimals: the last bits of a Gaussian draw differ between processors and numpy versions, and the
    # fingerprint must not. Adding zero turns -0.0 into 0.0.
    return Raw(points.round(6) + 0.0, labels, source)
