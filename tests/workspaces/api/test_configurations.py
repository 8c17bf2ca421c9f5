"""Uploaded configurations over the REST API."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.factories import WorkspaceFactory
from workspaces.models import ConfigurationVersion, Workspace

MAIN = b'resource "null_resource" "a" {}\n'


@pytest.fixture
def archives(base: str) -> str:
    """The address of the workspace's archives."""
    return f"{base}/configuration-versions"


def tar(add: Callable[[tarfile.TarFile], None]) -> bytes:
    """A tar.gz with what ``add`` puts into it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        add(archive)
    return buffer.getvalue()


def file(name: str, content: bytes = MAIN) -> bytes:
    """A tar.gz with one file."""

    def add(archive: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    return tar(add)


def link(target: str) -> bytes:
    """A tar.gz with a configuration and a link."""

    def add(archive: tarfile.TarFile) -> None:
        main, member = tarfile.TarInfo("main.tf"), tarfile.TarInfo("link")
        archive.addfile(main, io.BytesIO())
        member.type, member.linkname = tarfile.SYMTYPE, target
        archive.addfile(member)

    return tar(add)


def upload(api: APIClient, archives: str, content: bytes, **fields: str):  # type: ignore[no-untyped-def]
    """Posts an archive as a form."""
    archive = SimpleUploadedFile("configuration.tar.gz", content)
    return api.post(archives, {"archive": archive, **fields}, format="multipart")


def test_an_archive_becomes_the_configuration(
    api: APIClient, base: str, archives: str, workspace: Workspace
) -> None:
    content = file("main.tf")
    created = upload(api, archives, content, description="From CI")
    assert created.status_code == 201
    body = created.json()
    assert body["sha256"] == hashlib.sha256(content).hexdigest()
    assert (body["file_count"], body["unpacked_bytes"]) == (1, len(MAIN))
    assert (body["description"], body["created_by"]) == ("From CI", "ada")
    assert api.get(base).json()["configuration_source"] == "archive"
    url = f"{archives}/{body['configuration_id']}"
    assert api.get(url).json() == body
    downloaded = api.get(f"{url}/download")
    assert downloaded.content == content
    assert body["configuration_id"] in downloaded.headers["Content-Disposition"]
    assert api.patch(base, {"configuration_source": "resources"}).status_code == 200
    assert api.patch(base, {"configuration_source": "archive"}).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive at all",
        file("main.tf")[:-20],
        gzip.compress(b"not a tar"),
        tar(lambda archive: None),
        file("README.md"),
        file("/etc/main.tf"),
        file("../main.tf"),
        link("/etc/passwd"),
        link("../../secret"),
        file("variables.tfvars"),
    ],
    ids=[
        "empty",
        "text",
        "cut off",
        "no tar",
        "no files",
        "no configuration",
        "absolute path",
        "parent path",
        "absolute link",
        "leaving link",
        "reserved name",
    ],
)
def test_an_archive_that_cannot_be_used_is_refused(
    api: APIClient, base: str, archives: str, content: bytes
) -> None:
    answer = upload(api, archives, content)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["archive"]
    assert not ConfigurationVersion.objects.exists()
    assert api.get(base).json()["configuration_source"] == "resources"


def test_ten_gigabytes_of_zeros_are_refused_by_streaming(api: APIClient, archives: str) -> None:
    zeros = io.BytesIO()
    block = bytes(1024**2)
    with gzip.GzipFile(fileobj=zeros, mode="wb", compresslevel=1) as stream:
        member = tarfile.TarInfo("main.tf")
        member.size = 10 * 1024**3
        stream.write(member.tobuf())
        for _ in range(200):
            stream.write(block)
    answer = upload(api, archives, zeros.getvalue())
    assert answer.status_code == 400
    assert "bytes" in answer.json()["fields"]["archive"][0]


def test_an_archive_that_is_too_large_is_refused(
    api: APIClient, archives: str, settings: Settings
) -> None:
    settings.ARCHIVE_MAX_BYTES = 100
    for size in (101, 200_000):
        answer = upload(api, archives, bytes(size))
        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["archive"]


def test_too_many_files_are_refused(api: APIClient, archives: str, settings: Settings) -> None:
    settings.ARCHIVE_MAX_FILES = 2

    def add(archive: tarfile.TarFile) -> None:
        for number in range(3):
            archive.addfile(tarfile.TarInfo(f"main{number}.tf"), io.BytesIO())

    assert list(upload(api, archives, tar(add)).json()["fields"]) == ["archive"]


def test_an_upload_is_a_form_with_a_file(api: APIClient, archives: str) -> None:
    as_json = api.post(archives, {"archive": "text"})
    assert as_json.status_code == 415
    for form in ({}, {"archive": "text"}):
        answer = api.post(archives, form, format="multipart")
        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["archive"]


def test_a_locked_workspace_takes_no_archive(api: APIClient, base: str, archives: str) -> None:
    api.post(f"{base}/lock", {"reason": "Apply under way"})
    assert upload(api, archives, file("main.tf")).status_code == 423
    assert not ConfigurationVersion.objects.exists()


def test_an_archive_of_another_workspace_is_not_found(
    api: APIClient, base: str, archives: str
) -> None:
    """F3: looked up through the workspace, although the caller sees both."""
    other = WorkspaceFactory.create()
    theirs = f"/api/v1/workspaces/{other.workspace_id}/configuration-versions"
    name = upload(api, theirs, file("main.tf")).json()["configuration_id"]
    assert api.get(f"{theirs}/{name}").status_code == 200
    assert api.get(f"{archives}/{name}").status_code == 404
    assert api.get(f"{archives}/{name}/download").status_code == 404
