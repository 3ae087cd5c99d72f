from pathlib import Path

import pytest

from videoreid.data.text_rows import read_lines, read_rows
from videoreid.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "video,track\na b.avi,1\n",
        "\ufeffTrack,Video\r\n1,a b.avi\r\n",
        "# who is who\n\nvideo;track\n\n a b.avi ; 1 \n",
        'video\ttrack\n"a b.avi"\t1',
    ],
)
def test_a_table_is_read_whatever_its_dress(tmp_path: Path, text: str) -> None:
    rows = read_rows(write(tmp_path, text), ("video", "track"), ConfigError)
    assert [row.fields for row in rows] == [{"video": "a b.avi", "track": "1"}]
    assert "line" in rows[0].where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("video\na\n", "lacks the columns track"),
        (
            "video,track,persno\na,1,1\n",
            "columns video, track, persno; expected video, track and, optionally, person",
        ),
        ("video,track,track\na,1,1\n", "each once"),
        ("video,track\na,1\n\nb\n", "line 4: 1 fields, the header has 2"),
        ("video,track\na,1,5\n", "line 2: 3 fields, the header has 2"),
        ("video,track\na,\n", "line 2: track is empty"),
        ('video,track\n"a,1\n', "line 2"),
    ],
)
def test_a_malformed_row_is_named_by_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_rows(write(tmp_path, text), ("video", "track"), ConfigError, optional=("person",))


def test_other_encodings_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"video\nb\xe4r.avi\n")
    with pytest.raises(ConfigError, match="line 2: it is not text in UTF-8: expected a list"):
        list(read_lines(path, "a list", ConfigError))
    with pytest.raises(ConfigError, match=r"no file .*: expected a list"):
        list(read_lines(tmp_path / "none.csv", "a list", ConfigError))
