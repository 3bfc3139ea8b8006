"""Documents in an S3 bucket, or in anything that speaks S3."""

import base64
import hashlib
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]  it ships no types
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as EndpointError  # pyright: ignore[reportMissingTypeStubs]  as above

from casemill.storage.contract import (
    CHUNK,
    ContentMismatch,
    DocumentMissing,
    StorageRefused,
    StorageUnavailable,
    document_key,
    file_sha256,
    hash_in_key,
)

_OVERLOADED = {
    "SlowDown",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "429",
}


class BucketCredentials(Protocol):
    def get_s3_client(self) -> Any: ...


class Bucket(Protocol):
    """What is needed of `prefect_aws.S3Bucket`: all of it public, and all of its settings."""

    @property
    def bucket_name(self) -> str: ...
    @property
    def bucket_folder(self) -> str: ...
    @property
    def credentials(self) -> Any: ...  # a BucketCredentials; the block's own union type is untyped


class BucketStore:
    """A DocumentStore over an S3 bucket.

    Uses the block's client rather than its read_path and write_path: those come without delete and exists,
    hold a whole document in memory, and return a coroutine instead of the content where an event loop runs.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket.bucket_name
        self.folder = bucket.bucket_folder.strip("/")
        credentials: BucketCredentials = bucket.credentials
        with self._network_errors():
            self._client: Any = credentials.get_s3_client()

    def put(self, source: Path, sha256: str, *, owner: str | None = None) -> str:
        key = document_key(sha256, owner)
        if file_sha256(source) != sha256:
            raise ContentMismatch(source)
        if self._size(key) == source.stat().st_size:
            return key
        # One PUT is atomic by S3's own promise and holds 5 GB; the server checks the hash on its side.
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with source.open("rb") as content, self._network_errors():
            self._client.put_object(
                Bucket=self.bucket, Key=self._object(key), Body=content, ChecksumSHA256=checksum
            )
        return key

    @contextmanager
    def fetch(self, key: str) -> Generator[Path]:
        sha256 = hash_in_key(key)
        with tempfile.TemporaryDirectory(prefix="casemill-fetched-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / sha256
            if self._download(key, path) != sha256:
                raise StorageUnavailable(f"{key} came back damaged from bucket {self.bucket!r}; try again")
            yield path

    def exists(self, key: str) -> bool:
        hash_in_key(key)
        return self._size(key) is not None

    def delete(self, key: str) -> None:
        hash_in_key(key)
        with self._network_errors():
            self._client.delete_object(Bucket=self.bucket, Key=self._object(key))

    def _object(self, key: str) -> str:
        return f"{self.folder}/{key}" if self.folder else key

    def _download(self, key: str, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("wb") as file, self._network_errors():
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=self._object(key))
            except ClientError as error:
                if _code(error) in {"NoSuchKey", "404"}:
                    raise DocumentMissing(key) from None
                raise
            for block in answer["Body"].iter_chunks(CHUNK):
                digest.update(block)
                file.write(block)
        return digest.hexdigest()

    def _size(self, key: str) -> int | None:
        """Bytes of the stored file, None if there is none."""
        with self._network_errors():
            try:
                return self._client.head_object(Bucket=self.bucket, Key=self._object(key))["ContentLength"]
            except ClientError as error:
                if _status(error) != 404:
                    raise
            # HEAD says the same 404 for a missing file and a missing bucket; only the first is an answer.
            self._client.head_bucket(Bucket=self.bucket)
            return None

    @contextmanager
    def _network_errors(self) -> Generator[None]:
        try:
            yield
        except ClientError as error:
            if _status(error) >= 500 or _status(error) == 429 or _code(error) in _OVERLOADED:
                raise StorageUnavailable(f"bucket {self.bucket!r} is overloaded: {error}") from error
            raise StorageRefused(
                f"bucket {self.bucket!r} refuses us ({_code(error)}); check the bucket's name, and that the "
                "credentials may list it and read, write and delete its objects"
            ) from error
        except (EndpointError, HTTPClientError, IncompleteReadError) as error:
            raise StorageUnavailable(f"bucket {self.bucket!r} cannot be reached: {error}") from error
        except BotoCoreError as error:
            raise StorageRefused(
                f"bucket {self.bucket!r} cannot be used: {error}; check its block"
            ) from error


def _status(error: ClientError) -> int:
    response: dict[str, Any] = error.response
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: ClientError) -> str:
    response: dict[str, Any] = error.response
    return str(response.get("Error", {}).get("Code", ""))
