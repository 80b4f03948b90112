"""Which points a method takes, and in which shape."""

from __future__ import annotations

import numpy as np
from sklearn.utils import get_tags

from bench.testing.subject import Failed, NotApplicable, Subject

_CONVERT = "begin fit with X = sklearn.utils.validation.validate_data(self, X, dtype=np.float32)"


def points_are_left_alone(subject: Subject) -> None:
    """Fitting leaves the points as they were, and takes read-only ones, as those of the suite are."""
    estimator, first = subject.fitted, subject.first
    change = "copy X before you write into it"
    if not np.array_equal(first.given, first.left):
        raise Failed(f"fit of {type(estimator).__name__} changes X", change)
    try:
        subject.fit(subject.dataset.x)
    except (ValueError, RuntimeError, TypeError) as error:
        raise Failed(f"with read-only X, fit raises {type(error).__name__}: {error}", change) from error


def nan_is_refused(subject: Subject) -> None:
    """Points that are no finite numbers are refused with a ValueError."""
    subject.fitted  # noqa: B018 - nothing can be said of a method that refuses every point
    if _takes_nan(subject):
        raise NotApplicable("its scikit-learn tags say that it takes NaN")
    for what, value in (("NaN", np.nan), ("infinity", np.inf)):
        x = subject.x
        x[3, 5] = value
        try:
            subject.fit(x)
        except ValueError:
            continue
        except Exception as error:
            raise Failed(f"with {what} in X, fit raises {type(error).__name__}", _CONVERT) from error
        raise Failed(f"with {what} in X, fit says nothing", _CONVERT)


def one_cluster_is_one(subject: Subject) -> None:
    """Asked for one cluster, it gives one, or says that it cannot with a ValueError."""
    if "n_clusters" not in subject.parameters:
        raise NotApplicable("it has no n_clusters")
    subject.fitted  # noqa: B018
    try:
        labels = subject.labels(subject.fit(n_clusters=1))
    except ValueError:
        return
    found = len(np.unique(labels[labels >= 0]))
    if found > 1:
        raise Failed(f"asked for one cluster, it gives {found}", "read self.n_clusters in fit, or raise a ValueError")


def fewer_points_than_clusters(subject: Subject) -> None:
    """Fewer distinct points than clusters give labels or a ValueError, and nothing else."""
    subject.fitted  # noqa: B018
    x = np.tile(subject.x[:3], (20, 1))
    try:
        subject.labels(subject.fit(x), len(x))
    except ValueError:
        return
    except Failed:
        raise
    except Exception as error:
        raise Failed(
            f"of 60 points that are 3 distinct ones, fit raises {type(error).__name__}: {error}",
            "let clusters be empty, or raise a ValueError that says what is wrong with the points",
        ) from error


def layout_does_not_matter(subject: Subject) -> None:
    """Points in column order, or in every other place of a larger array, give the same labels."""
    expected = subject.repeated_labels()
    wide = np.zeros((2 * len(subject.x), 2 * subject.x.shape[1]), dtype=np.float32)
    wide[::2, ::2] = subject.x
    for what, x in (("column order", np.asfortranarray(subject.x)), ("steps of two", wide[::2, ::2])):
        labels = subject.labels(subject.fit(x))
        if not np.array_equal(labels, expected):
            raise Failed(
                f"with X in {what}, {np.sum(labels != expected)} of {len(labels)} labels differ",
                'do not read the memory of X: begin fit with X = validate_data(self, X, order="C")',
            )


def float64_is_taken(subject: Subject) -> None:
    """Points of 64 bits are taken too."""
    subject.fitted  # noqa: B018
    try:
        subject.labels(subject.fit(subject.x.astype(np.float64)))
    except (ValueError, TypeError, RuntimeError) as error:
        raise Failed(f"with float64 X, fit raises {type(error).__name__}: {error}", _CONVERT) from error


def _takes_nan(subject: Subject) -> bool:
    try:
        return bool(get_tags(subject.make()).input_tags.allow_nan)
    except Exception:  # it is no estimator of today's scikit-learn, and says nothing
        return False


CHECKS = (
    points_are_left_alone,
    nan_is_refused,
    one_cluster_is_one,
    fewer_points_than_clusters,
    layout_does_not_matter,
    float64_is_taken,
)
