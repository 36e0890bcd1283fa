"""A local S3: moto's server in a process of its own, with one bucket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUCKET = "p2m"
REGION = "eu-central-1"


@dataclass(frozen=True)
class S3Server:
    """Where it answers."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What a pod gets of its storage's Secret."""
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-storage",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
        }

    def uri(self, path: str) -> str:
        return f"s3://{BUCKET}/{path}"


@contextmanager
def s3_server(log: Path) -> Iterator[S3Server]:
    """Serves until the block ends. File systems of this process that know an earlier server's address are forgotten."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=stream,
            stderr=stream,
            env=os.environ,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while not _made(url):
            assert time.monotonic() < deadline and process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield S3Server(url)
    finally:
        process.kill()
        process.wait()


def _made(url: str) -> bool:
    import boto3
    from botocore.exceptions import BotoCoreError

    client = boto3.client(
        "s3", endpoint_url=url, region_name=REGION, aws_access_key_id="key", aws_secret_access_key="secret"
    )
    try:
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    except BotoCoreError:
        return False
    return True
