"""pytest-xdist: tests of one group run in one process."""

import subprocess
import sys

TEST = """
import os, pathlib, pytest, time

@pytest.mark.xdist_group("dear")
@pytest.mark.parametrize("number", range(6))
def test_it(number):
    time.sleep(0.1)
    pathlib.Path(f"{number}.worker").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_a_group_runs_in_one_process(tmp_path):
    """`--dist loadgroup` keeps a group together, so its fixture is set up once."""
    (tmp_path / "test_dear.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    workers = [path.read_text() for path in tmp_path.glob("*.worker")]
    assert len(workers) == 6
    assert len(set(workers)) == 1
