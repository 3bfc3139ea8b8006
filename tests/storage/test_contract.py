"""What every document store promises, kept by a local folder and by a bucket alike."""

import asyncio
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from prefect.filesystems import LocalFileSystem
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

from casemill.storage.contract import (
    ContentMismatch,
    DocumentMissing,
    DocumentStore,
    InvalidKey,
    StorageRefused,
    StorageUnavailable,
    document_key,
    file_sha256,
)
from casemill.storage.opening import local_store, open_store

ABSENT = document_key("a" * 64)


def s3_bucket(endpoint: str, name: str, folder: str = "") -> S3Bucket:
    return S3Bucket(
        bucket_name=name,
        bucket_folder=folder,
        credentials=AwsCredentials(
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
            aws_client_parameters=AwsClientParameters(
                endpoint_url=endpoint,
                config={"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 20},
            ),
        ),
    )


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def new_bucket(s3: str, request: pytest.FixtureRequest) -> Callable[[str], S3Bucket]:
    """Makes the bucket of this test, seen through a folder of it."""
    name = "b" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    s3_bucket(s3, name).credentials.get_s3_client().create_bucket(Bucket=name)
    return lambda folder: s3_bucket(s3, name, folder)


@pytest.fixture(params=["folder", "bucket", "folder of a bucket"])
def block(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "folder":
        return LocalFileSystem(basepath=str(tmp_path / "store"))
    make = request.getfixturevalue("new_bucket")
    return make("" if request.param == "bucket" else "the firm/case files/")


@pytest.fixture
def store(block: Any) -> DocumentStore:
    return open_store(block)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "..; rm -rf (1) \u202egpj.pdf"
    path.write_bytes(b"%PDF-1.7 not much of one" + os.urandom(3_000_000))
    return path


def content(store: DocumentStore, key: str) -> bytes:
    with store.fetch(key) as path:
        return path.read_bytes()


def test_what_is_put_is_fetched_again(store: DocumentStore, source: Path):
    key = store.put(source, file_sha256(source))
    assert content(store, key) == source.read_bytes()
    assert store.exists(key)


def test_an_empty_file_is_kept_too(store: DocumentStore, tmp_path: Path):
    empty = tmp_path / "empty.docx"
    empty.touch()
    assert content(store, store.put(empty, file_sha256(empty))) == b""


def test_the_key_is_made_of_the_content_and_says_nothing_of_the_name(store: DocumentStore, source: Path):
    sha256 = file_sha256(source)
    assert store.put(source, sha256) == f"documents/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def test_the_same_content_twice_is_one_document(store: DocumentStore, source: Path, tmp_path: Path):
    again = tmp_path / "a copy of it.pdf"
    again.write_bytes(source.read_bytes())
    assert store.put(source, file_sha256(source)) == store.put(again, file_sha256(again))


def test_deleting_one_owners_copy_leaves_the_others(store: DocumentStore, source: Path):
    sha256 = file_sha256(source)
    ann, bob = (store.put(source, sha256, owner=owner) for owner in ("expert-ann", "expert-bob"))
    store.delete(ann)
    assert not store.exists(ann)
    assert content(store, bob) == source.read_bytes()


def test_a_fetched_file_leaves_nothing_behind_even_if_its_reader_fails(
    store: DocumentStore, block: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    key = store.put(source, file_sha256(source))
    with pytest.raises(ZeroDivisionError), store.fetch(key) as path:
        assert path.is_relative_to(temporary) == isinstance(block, S3Bucket)
        raise ZeroDivisionError
    assert list(temporary.iterdir()) == []
    assert store.exists(key)


def test_what_is_deleted_is_gone_and_deleting_it_again_is_fine(store: DocumentStore, source: Path):
    key = store.put(source, file_sha256(source))
    store.delete(key)
    store.delete(key)
    assert not store.exists(key)
    with pytest.raises(DocumentMissing), store.fetch(key):
        pass


def test_a_missing_document_says_which_and_what_to_do(store: DocumentStore):
    with (
        pytest.raises(DocumentMissing, match=f"{ABSENT}.*upload the document again") as caught,
        store.fetch(ABSENT),
    ):
        pass
    assert caught.value.key == ABSENT


@pytest.mark.parametrize(
    "key",
    [
        "",
        "../secret",
        "/etc/passwd",
        "documents/../../etc/passwd",
        "documents/aa/bb/" + "a" * 64,
        "documents/aa/aa/" + "A" * 64,
        ABSENT + "\n",
        ABSENT + "\0",
        ABSENT + "/",
        "\\\\host\\share",
        "~/" + ABSENT,
        "s3://elsewhere/" + ABSENT,
        ABSENT.replace("documents", "documents/of/.."),
        "documents/of/a b/" + ABSENT.removeprefix("documents/"),
    ],
)
def test_keys_that_were_never_given_out_are_refused(store: DocumentStore, key: str):
    with pytest.raises(InvalidKey), store.fetch(key):
        pass
    for refuse in (store.exists, store.delete):
        with pytest.raises(InvalidKey):
            refuse(key)


@pytest.mark.parametrize("sha256", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n"])
def test_what_is_no_hash_is_refused(store: DocumentStore, source: Path, sha256: str):
    with pytest.raises(InvalidKey):
        store.put(source, sha256)


@pytest.mark.parametrize("owner", ["", "..", "a/b", "A", "-a", "a" * 65, "é"])
def test_what_is_no_owner_is_refused(store: DocumentStore, source: Path, owner: str):
    with pytest.raises(InvalidKey):
        store.put(source, file_sha256(source), owner=owner)


def test_content_that_is_not_what_its_hash_says_is_not_stored(store: DocumentStore, source: Path):
    with pytest.raises(ContentMismatch):
        store.put(source, "a" * 64)
    assert not store.exists(ABSENT)


def test_a_source_that_is_gone_is_its_callers_mistake(store: DocumentStore, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        store.put(tmp_path / "never uploaded.pdf", "a" * 64)


def test_threads_share_one_store(store: DocumentStore, tmp_path: Path):
    def put_and_fetch(number: int) -> bool:
        mine = tmp_path / f"{number}.pdf"
        mine.write_bytes(b"document %d " % number * 10_000)
        return content(store, store.put(mine, file_sha256(mine))) == mine.read_bytes()

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(put_and_fetch, range(18)))


def test_threads_may_put_the_same_document_at_once(tmp_path: Path, source: Path):
    """Of the folder only: the S3 server of the tests fails where one key is overwritten while it is read."""
    store = local_store(tmp_path / "store")
    sha256 = file_sha256(source)

    def put_and_fetch(_: int) -> bool:
        return content(store, store.put(source, sha256)) == source.read_bytes()

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(put_and_fetch, range(18)))


def test_it_works_where_an_event_loop_runs_though_blocks_hand_out_coroutines_there(
    store: DocumentStore, source: Path
):
    async def handler() -> tuple[bytes, bytes]:
        key = store.put(source, file_sha256(source))
        return content(store, key), await asyncio.to_thread(content, store, key)

    assert asyncio.run(handler()) == (source.read_bytes(), source.read_bytes())


def test_prefects_own_block_reads_what_the_store_wrote(store: DocumentStore, block: Any, source: Path):
    key = store.put(source, file_sha256(source))
    assert block.read_path(key, _sync=True) == source.read_bytes()


def test_a_block_that_can_hold_no_documents_is_refused_with_what_to_use():
    with pytest.raises(StorageRefused, match="Local File System or an S3 Bucket"):
        open_store(AwsCredentials())


def test_a_block_without_a_folder_is_refused_because_documents_would_land_anywhere():
    with pytest.raises(StorageRefused, match="set its basepath"):
        open_store(LocalFileSystem())


def test_a_bucket_nobody_answers_for_is_worth_a_retry(source: Path):
    store = open_store(s3_bucket("http://127.0.0.1:9", "documents"))  # the discard port: nothing listens
    for attempt in (
        lambda: store.put(source, file_sha256(source)),
        lambda: store.exists(ABSENT),
        lambda: store.delete(ABSENT),
        lambda: content(store, ABSENT),
    ):
        with pytest.raises(StorageUnavailable, match="cannot be reached"):
            attempt()


def test_a_bucket_that_is_not_there_is_refused_rather_than_empty(s3: str, source: Path):
    store = open_store(s3_bucket(s3, "misspelt"))
    for attempt in (
        lambda: store.put(source, file_sha256(source)),
        lambda: store.exists(ABSENT),
        lambda: content(store, ABSENT),
    ):
        with pytest.raises(StorageRefused, match="check the bucket's name"):
            attempt()


def test_a_document_that_came_back_damaged_is_not_handed_out(
    new_bucket: Callable[[str], S3Bucket], source: Path
):
    bucket = new_bucket("")
    store = open_store(bucket)
    key = store.put(source, file_sha256(source))
    bucket.write_path(key, b"half of", _sync=True)
    with pytest.raises(StorageUnavailable, match="damaged"), store.fetch(key):
        pass


def test_a_folder_whose_volume_went_away_is_unavailable_rather_than_empty(tmp_path: Path, source: Path):
    store = local_store(tmp_path / "volume")
    (tmp_path / "volume").rmdir()
    for attempt in (
        lambda: store.put(source, file_sha256(source)),
        lambda: store.exists(ABSENT),
        lambda: store.delete(ABSENT),
        lambda: content(store, ABSENT),
    ):
        with pytest.raises(StorageUnavailable, match="is its volume mounted"):
            attempt()


def test_a_folder_that_is_a_file_is_refused_with_what_to_check(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageRefused, match="check that it is a folder"):
        local_store(tmp_path / "file" / "store")


def test_a_local_document_cannot_be_written_to_by_who_fetches_it(tmp_path: Path, source: Path):
    store = local_store(tmp_path / "store")
    with store.fetch(store.put(source, file_sha256(source))) as path:
        assert path.stat().st_mode & 0o222 == 0


def test_a_damaged_local_document_is_repaired_by_putting_it_again(tmp_path: Path, source: Path):
    store = local_store(tmp_path / "store")
    key = store.put(source, file_sha256(source))
    stored = tmp_path / "store" / key
    stored.chmod(0o644)
    stored.write_bytes(b"x" * source.stat().st_size)
    store.put(source, file_sha256(source))
    assert stored.read_bytes() == source.read_bytes()


def test_a_writer_killed_half_way_leaves_no_document_and_its_remains_go_a_day_later(
    tmp_path: Path, source: Path
):
    """A real process stops dead, as the kernel's out-of-memory killer would have it, between two blocks."""
    folder = tmp_path / "store"
    sha256 = file_sha256(source)
    child = os.fork()
    if child == 0:
        written = 0

        def die_half_way(handle: int, size: int, read: Callable[[int, int], bytes] = os.read) -> bytes:
            nonlocal written
            written += 1
            if written == 3:
                os._exit(9)
            return read(handle, size)

        os.read = die_half_way
        try:
            local_store(folder).put(source, sha256)
        finally:
            os._exit(0)  # not reached, and never to go on with the other tests
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    store = local_store(folder)
    assert not store.exists(document_key(sha256))
    (part,) = (folder / ".incoming").iterdir()
    os.utime(part, (0, 0))
    key = store.put(source, sha256)
    assert content(store, key) == source.read_bytes()
    assert list((folder / ".incoming").iterdir()) == []


def test_casemill_opens_a_local_store_without_importing_prefect_or_aws():
    code = (
        "import sys, pathlib, tempfile; from casemill.storage.opening import local_store;"
        "local_store(pathlib.Path(tempfile.mkdtemp()));"
        "print(sorted({'prefect', 'botocore', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\]\s*", done.stdout)
