import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from iacplatform.embedded.engine import EngineArchive, embedded_terraform

SLOW_CONFIGURATION = """
resource "terraform_data" "quick" {
  input = "made before the interrupt"
}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" {
    command = "touch started; exec sleep 30"
  }
}
resource "terraform_data" "never" {
  depends_on = [terraform_data.slow]
}
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> EngineArchive:
    return embedded_terraform(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def terraform(archive: EngineArchive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(archive, tmp_path_factory.mktemp("engine"))


def unpack(archive: EngineArchive, directory: Path) -> Path:
    with zipfile.ZipFile(urlsplit(archive.download_url).path) as content:
        (entry,) = content.infolist()
        path = Path(content.extract(entry, directory))
    path.chmod(entry.external_attr >> 16)
    return path


def run(terraform: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [terraform, *arguments],
        cwd=cwd,
        env={"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull, "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_archive_has_the_version_and_checksum_it_claims(
    archive: EngineArchive, terraform: Path, tmp_path: Path
) -> None:
    content = Path(urlsplit(archive.download_url).path).read_bytes()
    assert archive.engine == "terraform"
    assert re.fullmatch(r"1\.\d+\.\d+", archive.version)
    assert archive.checksum == hashlib.sha256(content).hexdigest()
    result = run(terraform, "version", "-json", cwd=tmp_path)
    assert json.loads(result.stdout)["terraform_version"] == archive.version


def test_the_archive_is_the_same_in_every_run(archive: EngineArchive, tmp_path: Path) -> None:
    again = embedded_terraform(tmp_path)
    assert (again.version, again.checksum) == (archive.version, archive.checksum)
    assert list(tmp_path.iterdir()) == [Path(urlsplit(again.download_url).path)]


def test_an_interpreter_with_a_long_path_and_spaces_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / ("it's a long path " * 9) / "bin"
    directory.mkdir(parents=True)
    interpreter = directory / "python"
    interpreter.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr(sys, "executable", str(interpreter))
    terraform = unpack(embedded_terraform(tmp_path / "cache"), tmp_path)
    assert run(terraform, "version", cwd=tmp_path).stdout.startswith("Terraform v1.")


def test_exit_status_and_both_streams_are_those_of_terraform(
    terraform: Path, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text('resource "terraform_data" "one" {}')
    assert run(terraform, "init", cwd=tmp_path).returncode == 0
    plan = run(terraform, "plan", "-detailed-exitcode", "-no-color", cwd=tmp_path)
    assert plan.returncode == 2
    assert "1 to add" in plan.stdout
    assert plan.stderr == ""
    (tmp_path / "main.tf").write_text("resource {")
    broken = run(terraform, "plan", "-no-color", cwd=tmp_path)
    assert broken.returncode == 1
    assert "Error:" in broken.stderr


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_apply_keeps_what_it_made(
    terraform: Path, tmp_path: Path, stop_signal: signal.Signals
) -> None:
    (tmp_path / "main.tf").write_text(SLOW_CONFIGURATION)
    assert run(terraform, "init", cwd=tmp_path).returncode == 0
    apply = subprocess.Popen(
        [terraform, "apply", "-auto-approve", "-no-color"],
        cwd=tmp_path,
        env={"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull, "PATH": os.defpath},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    asked = time.monotonic()
    apply.send_signal(stop_signal)
    output, _ = apply.communicate(timeout=20)
    assert time.monotonic() - asked < 2
    assert apply.returncode == 1
    assert "Interrupt received" in output
    state = json.loads((tmp_path / "terraform.tfstate").read_text())
    resources = {resource["name"]: resource["instances"][0] for resource in state["resources"]}
    assert set(resources) == {"quick", "slow"}
    assert resources["quick"]["attributes"]["output"]["value"] == "made before the interrupt"
    assert resources["slow"]["status"] == "tainted"
