"""`python -m prompt2model_stages.storage_removal FOLDER`: removes the folder of a resource that is deleted.

FOLDER is <root>/<namespace>/<name>, a path or a URI. What is not there counts as removed. A pod of the resource may write
a last line while it ends, so it is looked at again until nothing comes any more.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time

from prompt2model_api.redaction import mask_streams
from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

LOOKS = 5
PAUSE_S = 2.0
PARTS = 2
"""Of a resource's folder: namespace and name. Whatever has fewer is somebody else's."""


def main(arguments: list[str] | None = None, pause_s: float = PAUSE_S) -> int:
    """Removes. Returns the exit status: 1 where the folder cannot be removed, 2 where it is none of a resource."""
    mask_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="python -m prompt2model_stages.storage_removal", description=__doc__)
    parser.add_argument("folder", help="<root>/<namespace>/<name>, a path or a URI")
    folder = Folder(parser.parse_args(arguments).folder)
    parts = [part for part in folder.path("").split("/") if part]
    if len(parts) <= PARTS or ".." in parts:
        logger.error("%s is no folder of a resource, <root>/<namespace>/<name>: nothing is removed", folder.uri)
        return 2
    try:
        for look in range(LOOKS):
            if not folder.exists():
                logger.info("%s is removed", folder.uri)
                return 0
            folder.clear()
            time.sleep(pause_s if look < LOOKS - 1 else 0)
    except Exception as error:  # each storage's library has errors of its own
        logger.error("%s cannot be removed: %s: %s", folder.uri, type(error).__name__, error)
        return 1
    if not folder.exists():
        return 0
    logger.error("%s comes back: something still writes there", folder.uri)
    return 1


if __name__ == "__main__":
    sys.exit(main())
