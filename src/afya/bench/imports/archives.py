"""Archives of many files (.zip, .tar, .tar.gz ...), unpacked for as long as the program runs and read like folders."""

from __future__ import annotations

import atexit
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from functools import cache
from pathlib import Path

from afya.errors import DataError

_LARGEST = 1 << 36
_ENDINGS = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")


def is_archive(path: Path) -> bool:
    """Whether a file is an archive of files: not a workbook and not a log of inspect_ai, which are zipped as well."""
    name = path.name.lower()
    if not name.endswith(_ENDINGS):
        return False
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
        return not names & {"header.json", "_journal/start.json", "[Content_Types].xml"}
    return tarfile.is_tarfile(path)


def unpacked(path: Path) -> Path:
    """The folder into which an archive was unpacked. Raises DataError for one that is broken or too large."""
    return _unpacked(path.resolve(), path.stat().st_mtime_ns)


@cache
def _unpacked(path: Path, _changed: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="afya-import-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _check(path, sum(entry.file_size for entry in archive.infolist()))
                archive.extractall(folder)
        else:
            with tarfile.open(path) as packed:
                _check(path, sum(member.size for member in packed.getmembers()))
                packed.extractall(folder, filter="data")
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}).", hint="Unpack it and name the folder.") from None
    except (NotImplementedError, RuntimeError) as error:  # a way of packing, or a password, that zipfile lacks
        raise DataError(f"{path}: cannot be unpacked ({error}).", hint="Unpack it and name the folder.") from None
    return folder


def _check(path: Path, size: int) -> None:
    if size > _LARGEST:
        raise DataError(f"{path}: holds {size / 1e9:.0f} GB.", hint="Unpack what is needed and name the folder.")
