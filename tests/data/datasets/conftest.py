from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mars_metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MARS folder with the published metadata and no image."""
    import lzma
    import shutil

    from tests.data.datasets.dataset_imitations import SHARED

    source = SHARED / "data" / "mars_info"
    if not source.is_dir():
        pytest.skip("the published MARS metadata is not on this machine")
    info = tmp_path_factory.mktemp("published") / "mars" / "info"
    info.mkdir(parents=True)
    for path in source.glob("*.mat"):
        shutil.copyfile(path, info / path.name)
    for path in source.glob("*.xz"):
        (info / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
    return info.parent
