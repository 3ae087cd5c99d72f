"""Download files with resume, checksum, cache and offline switch."""

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from videoreid.errors import ConfigError, StorageError, WeightsError
from videoreid.utils.files import atomic_write_text, disk_errors, sha256_of
from videoreid.utils.locks import only_one
from videoreid.utils.log import get_logger

__all__ = ["cache_home", "fetch", "is_offline", "is_web_page"]

_BLOCK = 1 << 20
_ATTEMPTS = 3
_LONGEST_NAME = 200
_LONGEST_STEM = 100


def cache_home() -> Path:
    """Return the cache folder: ``$VIDEOREID_HOME``, or ``~/.cache/videoreid``. It may not exist yet."""
    home = os.environ.get("VIDEOREID_HOME")
    return Path(home).expanduser() if home else Path.home() / ".cache" / "videoreid"


def is_offline() -> bool:
    """Return whether ``$VIDEOREID_OFFLINE`` forbids the network (any value except empty, 0, false or no)."""
    return os.environ.get("VIDEOREID_OFFLINE", "").lower() not in ("", "0", "false", "no")


def is_web_page(path: Path) -> bool:
    """Return whether a file starts like HTML or XML, which a server sends instead of a file that it refuses."""
    with path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))


def fetch(
    source: str,
    *,
    name: str | None = None,
    sha256: str | None = None,
    offline: bool | None = None,
    progress: bool = True,
) -> Path:
    """Return the path of a file in the cache, and download it if it is not there yet.

    The file gets its name only when it is complete. Its SHA-256 is stored next to it on first use and checked on every
    later use. An interrupted transfer is resumed. The whole address identifies a file: files of the same name from two
    addresses are two files.

    Args:
        source: ``https://...``, ``gdrive:ID`` (Google Drive), or ``hf:org/repo/file`` (Hugging Face hub; with a
            revision: ``hf:org/repo@v1/file``).
        name: file name in the cache, for this address only; by default the name in the address and digits of the
            address's checksum.
        sha256: expected checksum, or its first digits.
        offline: True forbids the network; ``$VIDEOREID_OFFLINE`` forbids it in any case.
        progress: show a progress bar.

    Raises:
        ConfigError: the address has another form, or the name is not a file name or belongs to another address.
        WeightsError: the file is not cached and the network is forbidden; or it was not found, the transfer was
            interrupted, the server sent a web page, or the checksum differs.
        StorageError: the disk is full, or the cache cannot be written to.
    """
    target = cache_home() / "weights" / (_own_name(name) if name else _name_of(source))
    if target.is_file():
        _check_cached(target, source, sha256)
        return target
    if is_offline() or offline:
        raise WeightsError(
            f"offline, and {target} does not exist: download {_browser_url(source)} elsewhere and put it there"
        )
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with only_one(target.with_name(target.name + ".lock"), what=f"fetching {target.name}", wait=True):
            if not target.is_file():  # else another process was faster
                _transfer(source, target, sha256, progress=progress)
            else:
                _check_cached(target, source, sha256)
    return target


def _transfer(source: str, target: Path, sha256: str | None, *, progress: bool) -> None:
    part = target.with_name(target.name + ".part")
    if source.startswith("gdrive:"):
        _fetch_from_drive(source.removeprefix("gdrive:"), part, progress=progress)
    else:
        _fetch_over_http(_browser_url(source), part, progress=progress)
    _accept(part, target, source, sha256)


def _own_name(name: str) -> str:
    if not name.strip(". ") or re.search(r"[/\\\0]", name) or len(name) > _LONGEST_NAME:
        raise ConfigError(f"{name!r} is not a file name of at most {_LONGEST_NAME} characters")
    return name


def _name_of(source: str) -> str:
    """Return a unique name for an address: its last part, and digits of the checksum of the whole address."""
    address = _browser_url(source)
    if source.startswith("gdrive:"):
        name = source.removeprefix("gdrive:") + ".pth"
    else:
        name = PurePosixPath(unquote(urlsplit(address).path)).name
    name = re.sub(r"[^\w.+=@-]", "_", name)
    if not name.strip("._"):
        raise ConfigError(f"{source!r} names no file; give the address of a file")
    stem, dot, suffix = name.rpartition(".")
    digits = hashlib.sha256(address.encode(errors="replace")).hexdigest()[:12]
    return f"{(stem or name)[:_LONGEST_STEM]}-{digits}{dot}{suffix[:20] if stem else ''}"


def _browser_url(source: str) -> str:
    """Return the address that a browser can open."""
    scheme, _, rest = source.partition(":")
    if scheme in ("https", "http"):
        return source
    if scheme == "gdrive":
        return f"https://drive.google.com/uc?id={rest}"
    if scheme == "hf" and rest.count("/") >= 2:
        organisation, repository, path = rest.split("/", 2)
        repository, _, revision = repository.partition("@")
        return f"https://huggingface.co/{organisation}/{repository}/resolve/{revision or 'main'}/{path}"
    raise ConfigError(f"cannot fetch {source!r}: expected https://..., gdrive:ID or hf:org/repo/file")


def _check_cached(target: Path, source: str, sha256: str | None) -> None:
    origin = _origin_file(target)
    if origin.is_file() and (kept := origin.read_text(errors="replace").strip()) != _browser_url(source):
        raise ConfigError(
            f"{target} was fetched from {kept}, not from {_browser_url(source)}; give the other file another name"
        )
    record = target.with_name(target.name + ".sha256")
    found = sha256_of(target)
    known = sha256 or (record.read_text(errors="replace").strip() if record.is_file() else None)
    if known and not found.startswith(known.lower()):
        raise WeightsError(
            f"{target} has SHA-256 {found}, expected {known}: the file was changed or damaged; "
            "delete it to fetch it again"
        )
    if not record.is_file():
        atomic_write_text(record, found + "\n")


def _origin_file(target: Path) -> Path:
    return target.with_name(target.name + ".source")


def _accept(part: Path, target: Path, source: str, sha256: str | None) -> None:
    """Check a complete transfer and rename it to the target; a refused file is removed."""
    tag = _tag_file(part)
    tag.unlink(missing_ok=True)
    if part.stat().st_size == 0 or is_web_page(part):
        part.unlink()
        raise WeightsError(
            f"{_browser_url(source)} sent a web page or nothing instead of the file (a quota, a login, or a page that "
            f"asks for confirmation): open it in a browser, or try again tomorrow, and save the file as {target}"
        )
    found = sha256_of(part)
    if sha256 and not found.startswith(sha256.lower()):
        part.unlink()
        raise WeightsError(
            f"{_browser_url(source)} has SHA-256 {found}, expected {sha256}: the file was replaced, or damaged in "
            "transfer; it was not kept"
        )
    if not sha256:
        get_logger("download").warning(
            "%s is unverified: no SHA-256 is published for it; %s is stored and compared from now on",
            target.name,
            found,
        )
    atomic_write_text(target.with_name(target.name + ".sha256"), found + "\n")
    atomic_write_text(_origin_file(target), _browser_url(source) + "\n")
    part.replace(target)


def _fetch_from_drive(file_id: str, part: Path, *, progress: bool) -> None:
    import gdown
    from gdown.exceptions import DownloadError, FileURLRetrievalError

    try:
        gdown.download(id=file_id, output=str(part), quiet=not progress)
    except StorageError:
        raise
    except (FileURLRetrievalError, DownloadError, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"Google Drive did not send file {file_id} ({reason}): popular files have a daily quota; open "
            f"https://drive.google.com/uc?id={file_id} in a browser, or try again tomorrow, and save the file as "
            f"{part.with_suffix('')}"
        ) from error


def _fetch_over_http(url: str, part: Path, *, progress: bool) -> None:
    for _ in range(_ATTEMPTS):
        try:
            missing = _receive(url, part, progress=progress)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # no bytes follow the partial file, or it belongs to another file
                part.unlink(missing_ok=True)
                continue
            raise WeightsError(f"{url} answered {error.code} {error.reason}; check the address") from error
        except StorageError:
            raise
        except (urllib.error.URLError, HTTPException, OSError) as error:
            get_logger("download").info("%s was interrupted (%s); trying again", url, error)
            missing = 1
        except ValueError as error:  # an address, or an answer, that is not HTTP
            raise WeightsError(f"{url} cannot be fetched: {error}; check the address") from error
        if not missing:
            return
    size = part.stat().st_size if part.is_file() else 0
    raise WeightsError(
        f"{url} was interrupted {_ATTEMPTS} times ({size} bytes are kept in {part}); run again to continue from there"
    )


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _receive(url: str, part: Path, *, progress: bool) -> int:
    """Append the missing bytes to ``part``; return the number of announced bytes that did not arrive."""
    tag = _tag_file(part)
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "videoreid"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        # if the file at this address has changed, the server sends it from its start
        request.add_header("If-Range", tag.read_text(encoding="latin-1"))
    with urllib.request.urlopen(request, timeout=60) as response:
        if response.status == 206 and not _starts_at(response, have):
            # these bytes do not continue the partial file: delete it and request the whole file
            part.unlink(missing_ok=True)
            return 1
        if response.status != 206:
            have = 0
        expected = _expected_size(response, have)
        with disk_errors(part):
            version = response.headers.get("ETag") or response.headers.get("Last-Modified")
            if version and "\n" not in version:
                tag.write_text(version, encoding="latin-1", errors="replace")
            file = part.open("ab" if have else "wb")
        with file, _bar(part, have, expected, progress=progress) as step:
            for block in _blocks(response):
                with disk_errors(part):
                    file.write(block)
                    file.flush()
                step(len(block))
    return max(expected - part.stat().st_size, 0) if expected is not None else 0


def _starts_at(response: HTTPResponse, place: int) -> bool:
    match = re.fullmatch(
        r"bytes (\d{1,18})-\d+/(?:\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    return match is not None and int(match[1]) == place


def _expected_size(response: HTTPResponse, have: int) -> int | None:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() not in ("", "identity"):
        raise ValueError(f"it answered with Content-Encoding {encoding!r}, which was not requested")
    announced = response.headers.get("Content-Length")
    if announced is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", announced.strip()):
        raise ValueError(f"it announced a length of {announced!r}")
    return have + int(announced)


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    while block := response.read(_BLOCK):
        yield block


@contextmanager
def _bar(part: Path, have: int, expected: int | None, *, progress: bool) -> Iterator:
    from tqdm import tqdm

    name = part.name.removesuffix(".part")
    with tqdm(
        total=expected, initial=have, unit="B", unit_scale=True, desc=name, disable=not progress, leave=False
    ) as bar:
        yield bar.update
