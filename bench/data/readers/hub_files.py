"""Finding and downloading the files of data sets of the Hugging Face hub, with the hub's own client and cache.

Files in the cache are read without asking the hub, so that a session and its workers see one commit.
"""

from __future__ import annotations

import glob
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.readers import reading
from bench.data.readers.hub_layout import Splits, choose_configuration, configurations, missing_parts
from bench.errors import InputError
from bench.text import one_line

# The branch with the parquet copies that the hub makes.
_CONVERTED = "refs/convert/parquet"
# Seconds after which the hub counts as out of reach.
_PATIENCE = 10


@dataclass(frozen=True)
class HubDataset:
    """One configuration of a data set of the hub, at one commit.

    Attributes
    ----------
    repo, commit, config : str
        The commit is a hash, whatever branch or tag was asked for.
    splits : dict of str to tuple of str
        Files of each split, as paths in the repository.
    folder : Path
        The cache's folder of that commit.
    """

    repo: str
    commit: str
    config: str
    splits: Splits
    folder: Path

    @property
    def source(self) -> str:
        """The address of exactly these data."""
        return f"hf:{self.repo}:{self.config}#{self.commit}"


@dataclass(frozen=True)
class _Snapshot:
    commit: str
    folder: Path
    files: tuple[str, ...]
    is_whole: bool  # whether `files` is the hub's list; otherwise it is what the cache holds


def find_hub_dataset(
    repo: str, config: str | None = None, revision: str | None = None, *, ask: bool = False
) -> HubDataset:
    """Find the files of a data set, in the cache or else on the hub.

    Without a revision, the owner's main branch is tried first, then the parquet copy that the hub makes of many data
    sets.

    Parameters
    ----------
    repo : str
        OWNER/NAME.
    config : str, optional
        Name of the configuration, where there are several.
    revision : str, optional
        A branch, a tag or a commit.
    ask : bool
        Whether to ask the hub for the newest commit even if the cache has one.

    Raises
    ------
    InputError
        If the hub has no such data set or revision, it has no parquet or csv file, several configurations and none is
        chosen, or the cache lacks it and the hub cannot be reached.
    """
    source = f"hf:{repo}" + (f"#{revision}" if revision else "")
    _check_name(repo, source)
    revisions = [revision] if revision else ["main", _CONVERTED]
    if not ask:
        for each in revisions:
            snapshot = _cached(repo, each)
            dataset = snapshot and _in_snapshot(repo, config, snapshot, source)
            if dataset:
                return dataset
    seen: list[str] = []
    for each in revisions:
        snapshot = _listed(repo, each, source, optional=each == _CONVERTED and revision is None)
        dataset = snapshot and _in_snapshot(repo, config, snapshot, source)
        if dataset:
            return dataset
        seen += snapshot.files if snapshot else ()
    raise InputError(f"{source}: {_why_nothing(seen, revision)}")


def fetch_files(dataset: HubDataset, files: Iterable[str]) -> Path:
    """Download those of `files` that the cache lacks, and return the folder that holds them.

    Raises
    ------
    InputError
        If the hub cannot be reached, or refuses.
    """
    lacking = [file for file in files if not (dataset.folder / file).is_file()]
    if lacking:
        from huggingface_hub import snapshot_download

        with _asking(dataset.repo, f"hf:{dataset.repo}"):
            _reach(dataset.repo, dataset.commit)
            patterns = [glob.escape(file) for file in lacking]
            snapshot_download(dataset.repo, repo_type="dataset", revision=dataset.commit, allow_patterns=patterns)
    return dataset.folder


def _check_name(repo: str, source: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise InputError(f"{source}: not a name on the hub ({one_line(error)}); write hf:OWNER/NAME") from None


def _in_snapshot(repo: str, config: str | None, snapshot: _Snapshot, source: str) -> HubDataset | None:
    """Return the data set in a snapshot; None where it has no data, or is known to be incomplete."""
    metadata = _metadata(snapshot, source)
    with reading(f"{source}: README.md", "it does not describe its files as the hub wants: tell its owner"):
        configs = configurations(snapshot.files, metadata, source)
    if not configs:
        return None
    chosen = choose_configuration(configs, metadata, config, source)
    if not snapshot.is_whole:
        if missing_parts(configs[chosen], metadata, chosen):
            return None
        if not (metadata.get("configs") or metadata.get("dataset_info")):
            warnings.warn(
                f"{source}: the cache does not say which files this data set has; those that lie there are taken "
                f"(splits {', '.join(configs[chosen])}); `deepclustbench datasets --download hf:{repo}` makes sure",
                RuntimeWarning,
                stacklevel=2,
            )
    splits = {split: files for split, files in configs[chosen].items() if files}
    return HubDataset(repo, snapshot.commit, chosen, splits, snapshot.folder)


def _metadata(snapshot: _Snapshot, source: str) -> dict[str, Any]:
    """Return the YAML header of a README; empty where there is none."""
    readme = snapshot.folder / "README.md"
    if not readme.is_file():
        return {}
    from huggingface_hub import metadata_load

    with reading(f"{source}: README.md", "its YAML header is damaged: tell its owner, or take another #REVISION"):
        return metadata_load(readme) or {}


def _cached(repo: str, revision: str) -> _Snapshot | None:
    """Return the snapshot of a revision in the cache; None where there is none."""
    from huggingface_hub import constants, get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError
    from huggingface_hub.file_download import REGEX_COMMIT_HASH, repo_folder_name

    root = Path(constants.HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=repo, repo_type="dataset")
    commit = revision
    if not REGEX_COMMIT_HASH.fullmatch(revision):
        named = root / "refs" / revision
        if not named.is_file():
            return None
        commit = named.read_text(encoding="utf-8", errors="replace").strip()
    folder = root / "snapshots" / commit
    if not REGEX_COMMIT_HASH.fullmatch(commit) or not folder.is_dir():
        return None
    cached = tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
    try:
        tree = get_cached_repo_tree(repo, repo_type="dataset", revision=commit)
    except CachedRepoTreeNotFoundError:
        return _Snapshot(commit, folder, cached, is_whole=False)
    files = tuple(sorted(file.path for file in tree))
    if "README.md" in files and "README.md" not in cached:
        return None  # the README describes the files
    return _Snapshot(commit, folder, files, is_whole=True)


def _listed(repo: str, revision: str, source: str, *, optional: bool) -> _Snapshot | None:
    """Ask the hub for the files of a revision, and fetch its README; None for no such revision that is `optional`."""
    from huggingface_hub import get_cached_repo_tree, snapshot_download
    from huggingface_hub.errors import RevisionNotFoundError

    with _asking(repo, source):
        try:
            _reach(repo, revision)
        except RevisionNotFoundError:
            if optional:
                return None
            raise
        folder = Path(snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=["README.md"]))
        tree = get_cached_repo_tree(repo, repo_type="dataset", revision=folder.name)
    return _Snapshot(folder.name, folder, tuple(sorted(file.path for file in tree)), is_whole=True)


def _reach(repo: str, revision: str) -> None:
    """Ask the hub for a data set with a short time limit: its client takes long to fail at fetching a file."""
    from huggingface_hub import HfApi

    HfApi().dataset_info(repo, revision=revision, timeout=_PATIENCE)


def _why_nothing(files: list[str], revision: str | None) -> str:
    kinds = sorted({Path(file).suffix for file in files if not Path(file).name.startswith((".", "README"))} - {""})
    what = f"holds no .parquet or .csv file, but {', '.join(kinds) or 'nothing'}"
    if ".py" in kinds:
        what = "holds a loading script and no data, and code of others is not run"
    if revision:
        return f"{what}; leave #{revision} out to take the parquet copy that the hub makes of many data sets"
    return (
        f"{what}; the hub has no parquet copy of it (branch {_CONVERTED}) either: take another copy of the data set, "
        "or download the files and name their folder"
    )


@contextmanager
def _asking(repo: str, source: str) -> Iterator[None]:
    """Raise `InputError` with one line for whatever the hub's client raises."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{constants.ENDPOINT}/datasets/{repo}"
    try:
        yield
    except InputError:
        raise
    except RevisionNotFoundError as error:
        raise InputError(f"{source}: the data set has no such revision; see its branches and tags at {page}") from error
    except GatedRepoError as error:
        raise InputError(
            f"{source}: its owner asks for consent; give it at {page}, then log in with `hf auth login` (or HF_TOKEN)"
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError(
            f"{source}: the hub has no such data set, or a private one; mend the name, or log in with `hf auth login` "
            "(or HF_TOKEN)"
        ) from error
    except HfHubHTTPError as error:
        raise InputError(f"{source}: the hub refuses ({one_line(error)}); try again later") from error
    except Exception as error:  # its client, that client's client and the system each have their own errors
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{type(error).__name__}: {one_line(error)}"
        raise InputError(
            f"{source}: not, or not wholly, in the hub's cache {constants.HF_HUB_CACHE}, and the hub cannot be asked "
            f"({why}); fetch it where there is a network (`deepclustbench datasets --download hf:{repo}`), or point "
            "HF_HOME at a cache that has it"
        ) from error
