"""Artifacts read with care: one may be missing, empty or cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lrlab.errors import LrlabError
from lrlab.scratch import scratch_folder
from lrlab.track.address import local_folder
from lrlab.track.store import Store, explained


class DamagedArtifact(LrlabError):
    """An artifact is missing, empty or cut off; the message names it and its run."""

    def __init__(self, run_id: str, name: str, what: str) -> None:
        super().__init__(f"the artifact {name} of run {run_id} {what}")
        self.run_id, self.name = run_id, name


@contextmanager
def fetched(store: Store, run_id: str, name: str, uri: str = "") -> Iterator[Path]:
    """An artifact as a file of this machine, to be read while the context lasts.

    Args:
        store: Where the run is.
        run_id: The run.
        name: The artifact.
        uri: Where the run's artifacts are, if that is known: what lies on this machine is read
            there, without the queries of MLflow's client (20 ms a file).

    Raises:
        DamagedArtifact: If there is none of that name.
        LrlabError: If the store fails.
    """
    here = local_folder(uri) if uri and not store.is_server else None
    if here is not None and (here / name).is_file():
        yield here / name
        return
    with scratch_folder() as folder:
        try:
            with explained(store.uri):
                path = Path(store.client.download_artifacts(run_id, name, str(folder)))
        except LrlabError:
            if _is_listed(store, run_id, name):
                raise
            raise DamagedArtifact(run_id, name, "is missing") from None
        yield path


def whole_files(store: Store, run_id: str, uri: str, folder: str) -> set[str]:
    """Names of the artifacts in a folder that do not end too early.

    On this machine their first and last bytes are looked at; elsewhere, only their size.

    Args:
        store: Where the run is.
        run_id: The run.
        uri: Where its artifacts are.
        folder: Below its artifacts.
    """
    here = local_folder(uri)
    files = [file for file in store.client.list_artifacts(run_id, folder) if not file.is_dir]
    return {
        PurePosixPath(file.path).name
        for file in files
        if (_ends_well(here / file.path) if here else file.file_size != 0)
    }


def is_lost(uri: str) -> bool:
    """Whether artifacts should be in a folder of this machine that is not there."""
    folder = local_folder(uri)
    return folder is not None and not folder.is_dir()


def damaged_file(store: Store, uri: str, names: tuple[str, ...]) -> str:
    """The first of several files that is missing or ends too early; empty if all are whole.

    Only files of this machine are looked at: what a server says of its own disk is not here.
    """
    folder = local_folder(uri)
    if folder is None or (store.is_server and not folder.is_dir()):
        return ""
    return next((name for name in names if not _ends_well(folder / name)), "")


def _is_listed(store: Store, run_id: str, name: str) -> bool:
    """Whether there is an artifact of that name, and it is not empty."""
    parent = str(PurePosixPath(name).parent)
    with explained(store.uri):
        files = store.client.list_artifacts(run_id, None if parent == "." else parent)
    return any(file.path == name and file.file_size != 0 for file in files)


def _ends_well(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(4)
            file.seek(max(0, size - 22))
            return size > 0 and _WHOLE.get(path.suffix, _anything)(head, file.read(), size)
    except OSError:
        return False


def _is_parquet(head: bytes, tail: bytes, size: int) -> bool:
    """Apache Parquet's frame: magic, data, footer, length of the footer, magic."""
    footer = int.from_bytes(tail[-8:-4], "little")
    return size >= 12 and head == tail[-4:] == b"PAR1" and footer <= size - 12


def _is_archive(head: bytes, tail: bytes, size: int) -> bool:
    """A zip file as torch.save writes it: at its end is where its directory begins."""
    return size >= 22 and head == b"PK\x03\x04" and tail.startswith(b"PK\x05\x06")


def _anything(head: bytes, tail: bytes, size: int) -> bool:
    return True


_WHOLE: dict[str, Callable[[bytes, bytes, int], bool]] = {
    ".parquet": _is_parquet,
    ".pt": _is_archive,
}
