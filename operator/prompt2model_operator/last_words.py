"""The last words of containers that ended: the end of their logs, read once each and kept while their pods are there.

The log of a container that was restarted is gone with the next restart, and with its pod.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prompt2model_api.redaction import mask
from prompt2model_api.texts import cut, sentence
from prompt2model_operator.clients.kubernetes_api import ApiError, KubernetesApi

Body = dict[str, Any]
logger = logging.getLogger(__name__)

LINES = 40
"""So many are read from the end of a log."""
LONGEST = 450
"""Characters of a log's end that are kept for a condition."""


class Ended(NamedTuple):
    """A container that ended badly.

    id: of this start of the container; the next one has another.
    restarted: whether the container was started again, so that its log is the previous one.
    """

    pod: Body
    container: str
    id: str
    exit_code: int
    reason: str
    restarted: bool

    @property
    def name(self) -> str:
        """The pod's."""
        return str(self.pod["metadata"]["name"])

    @property
    def command(self) -> str:
        """What shows its whole log, for as long as its pod is there and it is not started again."""
        meta = self.pod["metadata"]
        previous = " --previous" if self.restarted else ""
        return f"kubectl logs {self.name} -n {meta.get('namespace', 'default')} -c {self.container}{previous}"


def ended_containers(pods: Iterable[Body]) -> Iterator[Ended]:
    """Those that ended badly and are not known to have come up again for good."""
    for pod in pods:
        status = pod.get("status") or {}
        for one in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
            if (found := ended_container(pod, one)) is not None:
                yield found


def ended_container(pod: Body, status: Body) -> Ended | None:
    """The last bad end in a container's status."""
    for key, restarted in (("state", False), ("lastState", True)):
        end = (status.get(key) or {}).get("terminated") or {}
        if end.get("exitCode", 0) != 0:
            id_ = end.get("containerID") or f"{pod['metadata'].get('uid')}/{status.get('name')}/{end.get('finishedAt')}"
            return Ended(pod, status.get("name", ""), id_, end["exitCode"], end.get("reason", ""), restarted)
    return None


async def read_last_words(api: KubernetesApi, pods: Iterable[Body], known: Mapping[str, str]) -> dict[str, str]:
    """By the id of an end, the end of its log without keys; "" where there is none.

    Each is asked for once: a node that does not answer must not delay every look. The container's next end has another id.
    """
    found = {}
    for one in ended_containers(pods):
        if one.id in known:
            found[one.id] = known[one.id]
            continue
        meta = one.pod["metadata"]
        try:
            log = await api.log(meta["namespace"], meta["name"], one.container, previous=one.restarted, lines=LINES)
        except ApiError as error:
            log = ""
            logger.info("no log of container %s of pod %s: %s", one.container, meta["name"], error)
        text = mask(log)
        if text:
            logger.warning(
                "container %s of pod %s ended with status %d: %s", one.container, meta["name"], one.exit_code, text
            )
        found[one.id] = last_words(text)
    return found


def with_log(message: str, remedy: str, end: Ended | None, words: Mapping[str, str]) -> tuple[str, str]:
    """A failure's message with the end of the container's log, and its remedy with the command that shows all of it."""
    if end is None:
        return cut(message), remedy
    said = words.get(end.id, "")
    log = f" The end of its log: {said}" if said else ""
    return cut(f"{sentence(message)}{log}"), f"{sentence(remedy)} Its whole log: `{end.command}`."


def last_words(log: str) -> str:
    """The end of a log on one line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    text = " | ".join(lines)
    return text if len(text) <= LONGEST else f"…{text[-LONGEST + 1 :]}"
