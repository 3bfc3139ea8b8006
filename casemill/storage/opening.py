"""From a Prefect file-system block, or a folder, to a document store."""

from pathlib import Path
from typing import Any, cast

from casemill.storage.contract import DocumentStore, StorageRefused
from casemill.storage.folder import FolderStore


def configured_store(block: str | None, folder: Path) -> DocumentStore:
    """The Prefect block of that name ("s3-bucket/documents"), or without one the folder."""
    if block is None:
        return local_store(folder)
    from prefect.blocks.core import Block

    return open_store(Block.load(block))


def local_store(folder: Path) -> DocumentStore:
    """The default: a folder of this machine. Needs no Prefect."""
    return FolderStore(folder)


def open_store(block: object) -> DocumentStore:
    """The store that a `prefect.filesystems.LocalFileSystem` or `prefect_aws.S3Bucket` block describes.

    Tells them by what they have, so that neither Prefect nor AWS is imported by who does not use it.
    """
    if hasattr(block, "bucket_name") and hasattr(block, "credentials"):
        from casemill.storage.bucket import Bucket, BucketStore

        return BucketStore(cast(Bucket, block))
    if not hasattr(block, "basepath") or hasattr(block, "filesystem"):
        raise StorageRefused(
            f"documents cannot be kept in a block of type {type(block).__name__}; use a Local File System "
            "or an S3 Bucket block"
        )
    basepath = cast(Any, block).basepath
    if not basepath:
        # Without one, Prefect means the working directory, which for a flow run is wherever it was started.
        raise StorageRefused("the block for documents names no folder; set its basepath to an absolute path")
    return FolderStore(Path(basepath))
