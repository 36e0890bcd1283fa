"""Fills the memory of its container up to a share of its limit, in small steps, and holds it. Standard library alone."""

import sys
import time
from pathlib import Path

SHARE = float(sys.argv[1])
STEP = 32 << 20
V2, V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
USED, LIMIT = (
    (V2 / "memory.current", V2 / "memory.max")
    if (V2 / "memory.max").exists()
    else (V1 / "memory.usage_in_bytes", V1 / "memory.limit_in_bytes")
)

held = []
while True:
    if int(USED.read_text()) + STEP < SHARE * int(LIMIT.read_text()):
        held.append(bytearray(b"x") * STEP)
    else:
        time.sleep(0.05)
