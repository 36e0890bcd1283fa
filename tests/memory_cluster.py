"""A cluster in memory, for unit tests of the operator: objects with versions, owners that take what they own along, and
stages that end as soon as they are asked to. It can kill the operator at any of its writes."""

from __future__ import annotations

import copy
from typing import Any

from prompt2model_api.conditions import Failure
from prompt2model_api.results import StageOutputs, StageResult
from prompt2model_api.stage_run import StageRun
from prompt2model_operator.arriving import Arrivals
from prompt2model_operator.clients.kubernetes_api import ApiError, ConflictError, Listing, NotFoundError
from prompt2model_operator.clients.mlflow_api import MlflowApi
from prompt2model_operator.deleting import Deleter
from prompt2model_operator.draining import CORDONED, read_cordons
from prompt2model_operator.kinds import (
    ATTEMPT,
    BY_KIND,
    BY_SETTING,
    DEPLOYMENT,
    JOB,
    OBSERVED,
    POD,
    PROMPT2MODEL,
    RAYJOB,
    ROLE,
    STAGE,
    STAGE_RUN,
    STAGERUN,
    Kind,
)
from prompt2model_operator.recording import Recording
from prompt2model_operator.retaining import Retainer
from prompt2model_operator.settings import EmbeddedTeacher, Settings
from prompt2model_operator.store import Store, key_of
from prompt2model_operator.waking import Waker
from prompt2model_operator.worker import Worker

Body = dict[str, Any]
SETTINGS = Settings(teacher=EmbeddedTeacher(url="http://teacher:8080/v1"))
KEY = ("team-a", "dates")
MADE = "2026-01-01T10:00:00Z"
"""When each pod of a service was made."""


class KilledError(BaseException):
    """The operator was killed here."""


class MemoryApi:
    """KubernetesApi over a dict."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Body] = {}
        self.version = 0
        self.writes: list[tuple[str, str, str]] = []
        self.die_at: int | None = None
        self.die_after = False
        self.missing: set[str] = set()
        self.refused: set[str] = set()
        self.managed: dict[tuple[tuple[str, str, str], str], Body] = {}
        self.logs: dict[tuple[str, str, bool], str] = {}
        self.logs_read = 0

    async def list(self, kind: Kind, namespace: str | None = None, selector: str = "", fields: str = "") -> Listing:
        if kind.plural in self.missing:
            raise NotFoundError(404, "the server could not find the requested resource")
        wanted = dict(pair.split("=") for pair in selector.split(",") if pair)
        found = [b for k, b in self.objects.items() if k[0] == kind.plural and namespace in (None, k[1])]
        found = [b for b in found if wanted.items() <= (b["metadata"].get("labels") or {}).items()]
        if fields == CORDONED:
            found = [body for body in found if body["spec"].get("unschedulable")]
        return Listing([copy.deepcopy(b) for b in found], self.version)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Body:
        try:
            return copy.deepcopy(self.objects[kind.plural, namespace or "", name])
        except KeyError:
            raise NotFoundError(404, f"{kind.plural} {name} not found") from None

    async def create(self, manifest: Body) -> Body:
        kind = BY_KIND[manifest["kind"]]
        self._admit(kind)
        place = (kind.plural, *key_of(manifest))
        with self._write("create", kind, manifest):
            if place in self.objects:
                raise ConflictError(409, "already exists")
            self.put(manifest)
        return copy.deepcopy(self.objects[place])

    async def apply(self, manifest: Body, subresource: str | None = None, manager: str = "prompt2model") -> Body:
        kind = BY_KIND[manifest["kind"]]
        if not subresource:
            self._admit(kind)
        place = (kind.plural, *key_of(manifest))
        with self._write("apply", kind, manifest):
            if subresource:
                if place not in self.objects:
                    raise NotFoundError(404, "not found")
                body = copy.deepcopy(self.objects[place])
                stages = {k: v for k, v in (body.get("status") or {}).items() if k in ("progress", "result", "runURL")}
                stages |= {k: v for k, v in (body.get("status") or {}).items() if k == "reportedFailure"}
                body["status"] = {**(stages if kind is STAGERUN else {}), **manifest["status"]}
                self.put(body)
            else:
                body = _applied(self.objects.get(place, {}), self.managed.get((place, manager), {}), manifest)
                if kind is DEPLOYMENT:
                    body["spec"].setdefault("replicas", 1)
                self.put(body)
                self.managed[place, manager] = manifest
        return copy.deepcopy(self.objects[place])

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        with self._write("delete", kind, {"metadata": {"name": name, "namespace": namespace}}):
            self.remove(kind, namespace, name)

    async def allowed(
        self, verb: str, kind: Kind, namespace: str | None, subresource: str = "", name: str = ""
    ) -> bool:
        return True

    async def log(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> str:
        self.logs_read += 1
        try:
            return "\n".join(self.logs[pod, container, previous].splitlines()[-lines:])
        except KeyError:
            raise NotFoundError(404, "previous terminated container not found") from None

    def put(self, body: Body) -> None:
        """As the API server stores it."""
        kind, body = BY_KIND[body["kind"]], copy.deepcopy(body)
        place = (kind.plural, *key_of(body))
        self.version += 1
        old = self.objects.get(place)
        body["metadata"]["uid"] = old["metadata"]["uid"] if old else f"uid-{self.version:08d}"
        body["metadata"]["resourceVersion"] = str(self.version)
        body["metadata"].setdefault("generation", 1)
        self.objects[place] = body

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """The object and all that it owns."""
        gone = self.objects.pop((kind.plural, namespace, name), None)
        if gone is None:
            return
        self.managed = {k: v for k, v in self.managed.items() if k[0] != (kind.plural, namespace, name)}
        for place, body in list(self.objects.items()):
            owners = body["metadata"].get("ownerReferences", [])
            if any(o["uid"] == gone["metadata"]["uid"] for o in owners):
                self.remove(BY_KIND[body["kind"]], place[1], place[2])

    def collect(self) -> None:
        """Removes what belongs to owners that are gone, as the garbage collector does."""
        there = {body["metadata"]["uid"] for body in self.objects.values()}
        for place, body in list(self.objects.items()):
            if any(o["uid"] not in there for o in body["metadata"].get("ownerReferences", [])):
                self.remove(BY_KIND[body["kind"]], place[1], place[2])

    def _admit(self, kind: Kind) -> None:
        if kind.plural in self.missing:
            raise NotFoundError(404, "the server could not find the requested resource")
        if kind.plural in self.refused:
            raise ApiError(403, "exceeded quota: team, used: 1, limited: 1")

    def _write(self, verb: str, kind: Kind, manifest: Body) -> _Write:
        return _Write(self, (verb, kind.kind, manifest["metadata"]["name"]))


def _applied(old: Any, last: Any, new: Any, field: str = "") -> Any:
    """A server-side apply: what its manager applied before and does not any more goes, what others added stays.

    A selector belongs to one manager as a whole.
    """
    if not isinstance(new, dict) or not isinstance(old, dict) or field in ("selector", "nodeSelector"):
        return copy.deepcopy(new)
    last = last if isinstance(last, dict) else {}
    kept = {key: value for key, value in old.items() if key in new or key not in last}
    return {**kept, **{key: _applied(old.get(key), last.get(key), value, key) for key, value in new.items()}}


class _Write:
    """A write, before or after which the operator may be killed."""

    def __init__(self, api: MemoryApi, what: tuple[str, str, str]) -> None:
        self._api, self._what = api, what

    def __enter__(self) -> None:
        self._dies = len(self._api.writes) == self._api.die_at
        if self._dies and not self._api.die_after:
            self._api.die_at = None
            raise KilledError
        self._api.writes.append(self._what)

    def __exit__(self, *error: object) -> None:
        if self._dies:
            self._api.die_at = None
            raise KilledError


class Cluster:
    """The operator with everything around it."""

    def __init__(
        self, spec: Body | None = None, settings: Settings = SETTINGS, mlflow: MlflowApi | None = None
    ) -> None:
        self.api = MemoryApi()
        self.settings = settings
        self.mlflow = mlflow
        meta = {"name": KEY[1], "namespace": KEY[0]}
        spec = {"prompt": "Say it.", **(spec or {})}
        self.api.put({"apiVersion": PROMPT2MODEL.api_version, "kind": "Prompt2Model", "metadata": meta, "spec": spec})
        self.start()

    def start(self) -> None:
        """A new operator that knows nothing."""
        self.synced = False
        self.store, self.waker = Store(), Waker()
        self.retainer = Retainer(self.api, self.settings, self.mlflow)
        self.deleter = Deleter(self.api, self.store, self.retainer, self.mlflow)
        recording = Recording(self.api, self.store, self.settings, None)
        self.arrivals = Arrivals(self.api, self.store, self.waker)
        self.worker = Worker(self.api, self.store, self.waker, self.settings, recording, self.deleter, self.arrivals)

    async def look(self) -> None:
        """The watches bring everything, then one look; a new operator reads the notes first."""
        if not self.synced:
            await self.retainer.read([None])
            self.synced = True
        for kind in (*OBSERVED, *BY_SETTING):
            if kind.plural in self.api.missing:
                continue
            found = await self.api.list(kind)
            self.store.replace(kind, found.items, found.version)
        if self.settings.watch_nodes:
            await read_cordons(self.api, self.store, self.waker)
        await self.worker.look(KEY)

    async def work(self, outputs: Any, looks: int = 6) -> None:
        """Lets what can be done be done, in so many looks."""
        for _ in range(looks):
            await self.look()
            self.finish(outputs)

    async def run(self, outputs: Any, looks: int = 60) -> str:
        """Looks, and lets what runs succeed, until nothing changes any more; returns the phase."""
        for _ in range(looks):
            before = self.api.version
            await self.look()
            self.finish(outputs)
            if self.api.version == before:
                return self.phase()
        raise AssertionError("it does not end")

    def finish(self, outputs: Any) -> None:
        """Every workload reports its result and ends; the service becomes ready."""
        for body in [b for k, b in self.api.objects.items() if k[0] in (JOB.plural, RAYJOB.plural)]:
            labels = body["metadata"]["labels"]
            place = (STAGERUN.plural, KEY[0], labels.get(STAGE_RUN, ""))
            if place in self.api.objects and not body.get("status"):
                self.report(place[2], int(labels[ATTEMPT]), outputs)
                self.end(body)
        deployment = self.api.objects.get((DEPLOYMENT.plural, *KEY))
        if deployment is not None and self._pods_wanted(deployment) != self._pods_there():
            self.roll_out(deployment["spec"]["replicas"])

    def roll_out(self, ready: int, node: str = "node-1") -> None:
        """The Deployment's controller: every pod of the newest template is on the node, so many of them are ready."""
        deployment = self.api.objects[DEPLOYMENT.plural, *KEY]
        template, replicas = deployment["spec"]["template"], deployment["spec"]["replicas"]
        for _, namespace, name in [k for k, b in self.api.objects.items() if k[0] == POD.plural and _serves(b)]:
            self.api.remove(POD, namespace, name)
        for number in range(replicas):
            state = {"type": "Ready", "status": "True" if number < ready else "False"}
            meta = {**template["metadata"], "name": f"{KEY[1]}-{number}", "namespace": KEY[0]}
            meta |= {"ownerReferences": [{"uid": deployment["metadata"]["uid"]}], "creationTimestamp": MADE}
            spec = {**template["spec"], "nodeName": node}
            status = {"conditions": [state]}
            self.api.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status})
        counts: Body = {"replicas": replicas, "updatedReplicas": replicas, "availableReplicas": ready}
        done = [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]
        before = (deployment.get("status") or {}).get("conditions", [])
        conditions = done if ready == replicas else before
        self.api.put({**deployment, "status": {**counts, "observedGeneration": 1, "conditions": conditions}})

    def _pods_wanted(self, deployment: Body) -> list[Body]:
        return [deployment["spec"]["template"]["metadata"]["annotations"]] * int(deployment["spec"]["replicas"])

    def _pods_there(self) -> list[Body]:
        return [body["metadata"]["annotations"] for body in self.of(POD) if _serves(body)]

    def report(self, name: str, attempt: int, outputs: Any) -> None:
        """What a stage writes at its end."""
        body = copy.deepcopy(self.api.objects[STAGERUN.plural, KEY[0], name])
        run = StageRun.model_validate(body)
        made: StageOutputs = outputs(run.spec.stage)
        result = StageResult(attempt=attempt, digest=run.spec.digest, sha256="ab" * 32, outputs=made)
        body.setdefault("status", {})["result"] = result.dump()
        self.api.put(body)

    def report_failure(self, name: str, attempt: int, failure: Failure) -> None:
        """What a stage writes when it cannot go on."""
        body = copy.deepcopy(self.api.objects[STAGERUN.plural, KEY[0], name])
        body.setdefault("status", {})["reportedFailure"] = {"attempt": attempt, "failure": failure.dump()}
        self.api.put(body)

    def end(self, body: Body, *, well: bool = True) -> None:
        """The workload is over."""
        if body["kind"] == "Job":
            status: Body = {"conditions": [{"type": "Complete" if well else "Failed", "status": "True"}]}
        else:
            status = {"jobDeploymentStatus": "Complete" if well else "Failed"}
        self.api.put({**body, "status": status})

    def edit(self, **spec: Any) -> None:
        """A person applies another spec."""
        body = copy.deepcopy(self.api.objects[PROMPT2MODEL.plural, *KEY])
        body["spec"] |= spec
        body["metadata"]["generation"] += 1
        self.api.put(body)

    def delete(self, *, seen: bool) -> None:
        """A person deletes the resource, and the garbage collector comes; the operator sees it, or is down."""
        body = self.api.objects[PROMPT2MODEL.plural, *KEY]
        self.api.remove(PROMPT2MODEL, *KEY)
        if seen:
            self.store.drop(PROMPT2MODEL, body)
            self.deleter.remember(KEY, body)
        else:
            self.start()

    def annotate(self, annotations: dict[str, str]) -> None:
        """`kubectl annotate --overwrite`."""
        body = copy.deepcopy(self.api.objects[PROMPT2MODEL.plural, *KEY])
        body["metadata"].setdefault("annotations", {}).update(annotations)
        self.api.put(body)

    def restart(self, **settings: Any) -> None:
        """A new operator with other settings of the chart."""
        self.settings = self.settings.model_copy(update=settings)
        self.start()

    def attempts(self, stage: str) -> list[str]:
        """The attempts of a stage whose workload is there."""
        workloads = [*self.of(JOB), *self.of(RAYJOB)]
        return [b["metadata"]["labels"][ATTEMPT] for b in workloads if b["metadata"]["labels"].get(STAGE) == stage]

    def of(self, kind: Kind) -> list[Body]:
        """The objects of a kind, by name."""
        return [b for k, b in sorted(self.api.objects.items()) if k[0] == kind.plural]

    def phase(self) -> str:
        """The resource's."""
        return str(self.status()["phase"])

    def status(self) -> Body:
        """The resource's."""
        found: Body = self.api.objects[PROMPT2MODEL.plural, *KEY].get("status", {})
        return found

    def condition(self, kind: str) -> Body:
        """One condition."""
        found: Body = next(c for c in self.status()["conditions"] if c["type"] == kind)
        return found


def _serves(pod: Body) -> bool:
    return bool(pod["metadata"]["labels"].get(ROLE) == "service")
