import subprocess
import sys

import pytest

from videoreid.cli import _COMMANDS, main


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {name}" in text for name in _COMMANDS)


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert f"videoreid {name}" in capsys.readouterr().out


def test_a_mistake_of_the_user_is_one_line_and_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank", "--model", "osnet_x0_25", "--weights", "w.pth", "--output", "nowhere"]) == 2
    assert (
        capsys.readouterr().err
        == "videoreid rank: give either --video and --tracks, or --dataset and --root\n"
    )


def test_it_runs_as_a_module_and_help_does_not_load_torch() -> None:
    code = "import sys; from videoreid.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.endswith("False\n"), done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "videoreid", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("videoreid ")
