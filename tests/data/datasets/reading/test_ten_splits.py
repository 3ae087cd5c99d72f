import math
import statistics
from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import write_ilidsvid, write_prid2011
from videoreid.data.datasets import ten_splits
from videoreid.errors import ConfigError
from videoreid.types import Splits


def test_mean_spread_and_lines(tmp_path: Path) -> None:
    write_prid2011(tmp_path)
    seen: list[str] = []

    def evaluate(splits: Splits) -> dict[str, float | str]:
        seen.append(splits.name)
        return {
            "rank1": sum(t.pid for t in splits.query) / 10,
            "queries": len(splits.query),
            "protocol": "line",
        }

    result = ten_splits("prid2011", tmp_path, evaluate)
    assert seen == [f"prid2011/split{number}" for number in range(10)]
    values = [1.9, 0.3] * 5
    assert [line["rank1"] for line in result.lines] == pytest.approx(values)
    assert result.mean == pytest.approx({"rank1": statistics.mean(values), "queries": 2})
    assert result.std == pytest.approx({"rank1": statistics.stdev(values), "queries": 0})
    assert result.lines[3]["protocol"] == "line"
    text = str(result)
    assert "1.1000" in text
    assert len(text.splitlines()) == 14
    assert "protocol" not in text


def test_fewer_splits_and_one(tmp_path: Path) -> None:
    write_ilidsvid(tmp_path)
    result = ten_splits("ilidsvid", tmp_path, lambda splits: {"n": len(splits.train)}, num_splits=1)
    assert len(result.lines) == 1
    assert result.mean["n"] == 6
    assert math.isnan(result.std["n"])
    with pytest.raises(ConfigError, match="1 or more"):
        ten_splits("ilidsvid", tmp_path, lambda splits: {}, num_splits=0)


def test_unequal_entries_are_refused(tmp_path: Path) -> None:
    write_prid2011(tmp_path)
    with pytest.raises(ConfigError, match="split 1 of prid2011 returned"):
        ten_splits("prid2011", tmp_path, lambda splits: {splits.name: 1.0})


def test_a_dataset_without_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'mars'"):
        ten_splits("mars", tmp_path, lambda splits: {})
