"""Names of torchreid that the tools offer lazily."""

import subprocess
import sys

import pytest

from videoreid import utils
from videoreid.metrics import re_ranking


def test_re_ranking_is_found_upstairs():
    assert utils.re_ranking is re_ranking


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 're_rank'"):
        utils.re_rank  # noqa: B018


def test_loading_the_tools_loads_no_metrics():
    code = (
        "import sys; import videoreid.utils; "
        "raise SystemExit(any(name.startswith(('videoreid.metrics', 'videoreid.engine')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
