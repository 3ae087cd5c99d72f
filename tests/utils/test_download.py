"""Downloads against a server of the test's own, which breaks off, lies and asks for quotas as real ones do."""

import errno
import hashlib
import http.server
import multiprocessing
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from videoreid.errors import ConfigError, StorageError, WeightsError
from videoreid.utils import download
from videoreid.utils.download import cache_home, fetch, is_offline, is_web_page
from videoreid.utils.locks import only_one

CONTENT = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at any path; the server's attributes say how to misbehave."""

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(dict(self.headers))
        if self.path == "/missing.pth":
            self.send_error(404)
            return
        start = 0
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                self.send_error(416)
                return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        headers = {"Content-Length": str(len(body)), "ETag": server.tag, **server.headers}
        if start:
            headers["Content-Range"] = (
                server.lie or f"bytes {start}-{len(server.content) - 1}/{len(server.content)}"
            )
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if server.cuts:
            body = body[: server.cuts.pop(0)]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    monkeypatch.setenv("VIDEOREID_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIDEOREID_OFFLINE", raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.cuts, server.requests, server.tag = CONTENT, [], [], '"v1"'
    server.headers, server.lie = {}, ""
    server.url = f"http://127.0.0.1:{server.server_port}/weights.pth"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def get(server: http.server.HTTPServer, **options: object) -> Path:
    return fetch(server.url, progress=False, **options)


def leftovers() -> list[str]:
    return sorted(path.name for path in (cache_home() / "weights").iterdir())


def place_of(server: http.server.HTTPServer) -> Path:
    digits = hashlib.sha256(server.url.encode()).hexdigest()[:12]
    return cache_home() / "weights" / f"weights-{digits}.pth"


def test_a_file_is_fetched_once_and_recorded(server: http.server.HTTPServer) -> None:
    path = get(server)
    assert path == place_of(server)
    assert path.read_bytes() == CONTENT
    assert leftovers() == [path.name, f"{path.name}.sha256", f"{path.name}.source"]
    assert path.with_name(f"{path.name}.sha256").read_text().strip() == DIGEST
    assert get(server) == path
    assert len(server.requests) == 1


def test_a_broken_transfer_goes_on_where_it_stopped(server: http.server.HTTPServer) -> None:
    server.cuts = [300_000]
    assert get(server, sha256=DIGEST).read_bytes() == CONTENT
    assert [request.get("Range") for request in server.requests] == [None, "bytes=300000-"]


def test_a_transfer_goes_on_in_another_process(server: http.server.HTTPServer) -> None:
    server.cuts = [100_000, 100_000, 100_000]
    with pytest.raises(WeightsError, match=r"was interrupted 3 times \(300000 bytes are kept.*run again"):
        get(server)
    assert place_of(server).name not in leftovers()
    assert get(server).read_bytes() == CONTENT
    assert server.requests[-1]["Range"] == "bytes=300000-"


def test_a_file_that_was_replaced_meanwhile_is_fetched_from_its_start(server: http.server.HTTPServer) -> None:
    server.cuts = [100_000] * 3
    with pytest.raises(WeightsError):
        get(server)
    server.content, server.tag = CONTENT[::-1], '"v2"'
    assert get(server).read_bytes() == CONTENT[::-1]


def test_a_part_longer_than_the_file_is_thrown_away(server: http.server.HTTPServer) -> None:
    place = place_of(server)
    place.parent.mkdir(parents=True)
    place.with_name(place.name + ".part").write_bytes(CONTENT + b"more")
    place.with_name(place.name + ".part.tag").write_text(server.tag)
    assert get(server).read_bytes() == CONTENT


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>Quota exceeded", b"\n  <html>log in", b""])
def test_a_page_instead_of_the_file_is_explained(server: http.server.HTTPServer, page: bytes) -> None:
    server.content = page
    with pytest.raises(
        WeightsError, match=r"web page or nothing.*quota.*browser.*save the file as .*weights-\w+\.pth"
    ):
        get(server)
    assert leftovers() == []


def test_another_checksum_is_refused(server: http.server.HTTPServer) -> None:
    with pytest.raises(WeightsError, match=f"has SHA-256 {DIGEST}, expected 00ff"):
        get(server, sha256="00ff")
    assert leftovers() == []
    assert get(server, sha256=DIGEST[:8].upper()).is_file()


def test_a_file_that_changes_in_the_cache_is_noticed(server: http.server.HTTPServer) -> None:
    path = get(server)
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(WeightsError, match=f"expected {DIGEST}.*delete it"):
        get(server)


def test_a_file_put_there_by_hand_is_recorded_on_first_use(server: http.server.HTTPServer) -> None:
    path = place_of(server)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"by hand")
    assert get(server) == path
    assert path.with_name(f"{path.name}.sha256").read_text().strip() == hashlib.sha256(b"by hand").hexdigest()
    assert server.requests == []


def test_not_found(server: http.server.HTTPServer) -> None:
    with pytest.raises(WeightsError, match="404"):
        fetch(server.url.replace("weights", "missing"), progress=False)


def test_no_server(server: http.server.HTTPServer) -> None:
    with pytest.raises(WeightsError, match=r"was interrupted 3 times \(0 bytes"):
        fetch("http://127.0.0.1:9/a.pth", progress=False)


@pytest.mark.parametrize("by_argument", [True, False])
def test_offline(server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch, by_argument: bool) -> None:
    path = get(server)
    if not by_argument:
        monkeypatch.setenv("VIDEOREID_OFFLINE", "1")
    offline = True if by_argument else None
    assert get(server, offline=offline) == path, "what is in the cache needs no network"
    with pytest.raises(WeightsError, match=r"offline.*other\.pth does not exist: download .*put it there"):
        get(server, name="other.pth", offline=offline)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("true", True), ("0", False), ("", False), ("No", False)]
)
def test_offline_switch(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("VIDEOREID_OFFLINE", value)
    assert is_offline() is expected


def test_the_cache_has_a_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEOREID_HOME", raising=False)
    assert cache_home() == Path.home() / ".cache" / "videoreid"


def test_many_processes_fetch_once(server: http.server.HTTPServer) -> None:
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(get(server))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(paths) == 4
    assert len(server.requests) == 1


def test_a_lock_file_of_a_dead_process_stops_nobody(server: http.server.HTTPServer) -> None:
    place = place_of(server)
    place.parent.mkdir(parents=True)
    lock = place.with_name(place.name + ".lock")
    lock.write_text("process 1 on another machine")
    began = time.monotonic()
    assert get(server).read_bytes() == CONTENT
    assert time.monotonic() - began < 30
    assert not lock.exists()


def test_two_addresses_of_one_name_are_two_files(server: http.server.HTTPServer) -> None:
    one = get(server)
    server.content = CONTENT[::-1]
    other = fetch(server.url.replace("/weights.pth", "/org/weights.pth"), progress=False)
    assert one != other
    assert (one.read_bytes(), other.read_bytes()) == (CONTENT, CONTENT[::-1])
    named = get(server, name="mine.pth")
    with pytest.raises(
        ConfigError, match=r"mine\.pth was fetched from .*weights\.pth, not from .*/b/weights"
    ):
        fetch(server.url.replace("/weights.pth", "/b/weights.pth"), name="mine.pth", progress=False)
    assert named.read_bytes() == CONTENT[::-1]


def test_revisions_of_a_repository_are_two_files() -> None:
    names = {download._name_of(f"hf:org/{repo}/model.safetensors") for repo in ("a", "b", "a@v1", "a@v2")}
    assert len(names) == 4
    assert all(name.startswith("model-") and name.endswith(".safetensors") for name in names)
    assert download._name_of("hf:org/a/m.pt") == download._name_of(
        "https://huggingface.co/org/a/resolve/main/m.pt"
    )


def test_the_switch_is_the_last_word(server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOREID_OFFLINE", "1")
    with pytest.raises(WeightsError, match="offline"):
        get(server, offline=False)
    assert server.requests == []


def test_a_file_without_a_published_checksum_is_called_unverified(
    server: http.server.HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    get(server)
    assert "is unverified: no SHA-256 is published for it" in caplog.text
    caplog.clear()
    get(server, name="other.pth", sha256=DIGEST)
    assert "unverified" not in caplog.text


def test_a_range_that_starts_elsewhere_is_not_appended(server: http.server.HTTPServer) -> None:
    server.cuts = [100_000] * 3
    with pytest.raises(WeightsError):
        get(server)
    server.lie = "bytes 5-1048575/1048576"
    assert get(server).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Content-Length": "abc"}, "announced a length of 'abc'"),
        ({"Content-Length": "-5"}, "announced a length of '-5'"),
        ({"Content-Encoding": "gzip"}, "Content-Encoding 'gzip'"),
    ],
)
def test_odd_headers_are_refused_in_the_librarys_words(
    server: http.server.HTTPServer, headers: dict[str, str], message: str
) -> None:
    server.headers = headers
    with pytest.raises(WeightsError, match=message):
        get(server)


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", "x" * 300, " ", "a\0b"])
def test_names_that_are_none_are_refused(server: http.server.HTTPServer, name: str) -> None:
    with pytest.raises(ConfigError, match="is not a file name"):
        get(server, name=name)


@pytest.mark.parametrize(
    "path", ["/" + "x" * 400 + ".pth", "/..%2f..%2fa.pth", "/a%00b.pth", "/caf%C3%A9.pth"]
)
def test_odd_addresses_have_names_of_their_own(server: http.server.HTTPServer, path: str) -> None:
    found = fetch(server.url.removesuffix("/weights.pth") + path, progress=False)
    assert found.parent == cache_home() / "weights"
    assert len(found.name) < 150
    assert found.read_bytes() == CONTENT


def test_a_full_disk_is_called_so(server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("videoreid.utils.download._bar", full)
        with pytest.raises(WeightsError, match="was interrupted 3 times"):
            get(server)  # what the network does is no fault of the disk
    blocked = cache_home() / "weights"
    for path in blocked.iterdir():
        path.unlink()
    blocked.rmdir()
    blocked.write_text("a file where a folder is asked for")
    with pytest.raises(StorageError, match=r"cannot write .*weights-\w+\.pth"):
        get(server)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="forks a process")
def test_a_killed_download_stops_nobody_and_a_live_one_is_named(
    server: http.server.HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that holds the lock is waited for and named; killed, it holds nothing."""
    place = place_of(server)
    place.parent.mkdir(parents=True)
    context = multiprocessing.get_context("fork")
    holding = context.Event()

    def hold() -> None:
        with only_one(place.with_name(place.name + ".lock"), what="fetching", wait=True):
            holding.set()
            time.sleep(600)

    child = context.Process(target=hold)
    child.start()
    assert holding.wait(30)
    threading.Timer(1.0, child.kill).start()
    assert get(server).read_bytes() == CONTENT
    child.join()
    assert f"waiting for process {child.pid} on " in caplog.text


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("https://a.org/b.pth?x=1", "https://a.org/b.pth?x=1"),
        ("hf:org/repo/model.safetensors", "https://huggingface.co/org/repo/resolve/main/model.safetensors"),
        ("hf:org/repo@v1/sub/m.pth", "https://huggingface.co/org/repo/resolve/v1/sub/m.pth"),
        ("gdrive:abc", "https://drive.google.com/uc?id=abc"),
    ],
)
def test_addresses(source: str, address: str) -> None:
    assert download._browser_url(source) == address


@pytest.mark.parametrize("source", ["weights.pth", "ftp://a/b", "hf:repo/file", "https://a.org/"])
def test_addresses_of_another_form_are_refused(source: str) -> None:
    with pytest.raises(ConfigError, match=r"expected https|names no file"):
        fetch(source)


def fake_gdown(monkeypatch: pytest.MonkeyPatch, give: bytes | Exception) -> None:
    exceptions = types.ModuleType("gdown.exceptions")
    exceptions.DownloadError = type("DownloadError", (Exception,), {})
    exceptions.FileURLRetrievalError = type("FileURLRetrievalError", (exceptions.DownloadError,), {})

    def fake(*, id: str, output: str, quiet: bool) -> str:
        assert id == "abc"
        assert quiet
        if isinstance(give, Exception):
            raise exceptions.FileURLRetrievalError(str(give))
        Path(output).write_bytes(give)
        return output

    gdown = types.ModuleType("gdown")
    gdown.download, gdown.exceptions = fake, exceptions
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    monkeypatch.setitem(sys.modules, "gdown.exceptions", exceptions)


def test_google_drive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDEOREID_HOME", str(tmp_path))
    fake_gdown(monkeypatch, CONTENT)
    path = fetch("gdrive:abc", name="net_msmt17.pth", progress=False)
    assert path.name == "net_msmt17.pth"
    assert path.read_bytes() == CONTENT


def test_google_drive_quota(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDEOREID_HOME", str(tmp_path))
    fake_gdown(monkeypatch, Exception("Too many users have viewed\nor downloaded this file recently"))
    with pytest.raises(
        WeightsError, match=r"Too many users.*quota.*uc\?id=abc.*save the file as .*abc-\w+\.pth"
    ):
        fetch("gdrive:abc", progress=False)


def test_gdown_has_the_names_that_are_used() -> None:
    import inspect

    import gdown
    from gdown.exceptions import DownloadError, FileURLRetrievalError

    assert {"id", "output", "quiet"} <= set(inspect.signature(gdown.download).parameters)
    assert issubclass(DownloadError, Exception)
    assert issubclass(FileURLRetrievalError, Exception)


@pytest.mark.parametrize(
    ("start", "expected"),
    [(b"<!DOCTYPE html>", True), (b"\xef\xbb\xbf\n<HTML>", True), (b"PK\x03\x04", False), (b"", False)],
)
def test_web_pages_are_recognised(tmp_path: Path, start: bytes, expected: bool) -> None:
    page = tmp_path / "page"
    page.write_bytes(start)
    assert is_web_page(page) is expected


def test_progress_is_shown(server: http.server.HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(server.url)
    assert "weights-" in capsys.readouterr().err
