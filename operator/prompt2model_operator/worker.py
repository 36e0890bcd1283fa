"""One look at a resource: observe, decide, apply, write the status. Everything that the operator does passes here."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from prompt2model_api.cluster_places import unusable_places
from prompt2model_api.complaints import complaints
from prompt2model_api.conditions import Condition, ConditionType, Failure, FailureState
from prompt2model_api.decide import decide
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.snapshot import Action, MakeStageRun, SetStageRunStatus, Snapshot, StartAttempt
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_api.status import Phase, Prompt2ModelStatus
from prompt2model_api.texts import cut, told
from prompt2model_operator.applying import Applier
from prompt2model_operator.arriving import Arrivals
from prompt2model_operator.clients.kubernetes_api import ApiError, ConflictError, KubernetesApi, NotFoundError
from prompt2model_operator.deleting import Deleter
from prompt2model_operator.hearing import Hearing
from prompt2model_operator.kinds import POD, PROMPT2MODEL
from prompt2model_operator.last_words import read_last_words
from prompt2model_operator.manifests.attempt_basis import attempt_bases
from prompt2model_operator.metrics import LOOK_ERRORS, LOOK_SECONDS
from prompt2model_operator.observing import is_starting, observe
from prompt2model_operator.own_maps import OwnMaps, read_own_maps
from prompt2model_operator.recording import Record, Recording
from prompt2model_operator.refusals import CannotStartError
from prompt2model_operator.reporting import count_stage_change, event, log_action, resource_change, stage_change
from prompt2model_operator.serving import Applied
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Key, Store
from prompt2model_operator.waking import Waker

Body = dict[str, Any]
logger = logging.getLogger(__name__)

AFTER_ERROR_S = 2.0
LONGEST_AFTER_ERROR_S = 60.0
AFTER_SERVICE_ERROR_S = 10.0
STARTING_EVERY_S = 20.0


@dataclass
class Memory:
    """What the operator remembers of a resource between looks. Lost with the process, and found again."""

    uid: str = ""
    never_made: dict[tuple[str, int], Failure] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
    own: OwnMaps = field(default_factory=OwnMaps)
    hearing: Hearing = field(default_factory=Hearing)
    applied: dict[str, Applied] = field(default_factory=dict)
    bases: dict[Stage, str] = field(default_factory=dict)
    bases_of: tuple[str, int] = ("", 0)
    words: dict[str, str] = field(default_factory=dict)
    errors: int = 0


class Worker:
    """Looks at resources, one at a time each."""

    def __init__(
        self,
        api: KubernetesApi,
        store: Store,
        waker: Waker,
        settings: Settings,
        recording: Recording,
        deleter: Deleter,
        arrivals: Arrivals,
    ) -> None:
        self._api = api
        self._store = store
        self._waker = waker
        self._settings = settings
        self._recording = recording
        self._deleter = deleter
        self._arrivals = arrivals
        self._memories: dict[Key, Memory] = {}

    async def look(self, key: Key) -> None:
        """Looks once and says when to look again; an error is tried again and never ends the operator."""
        memory, began = self._memories.setdefault(key, Memory()), time.monotonic()
        try:
            await self._look(key, memory)
            self._memories.get(key, memory).errors = 0
        except ApiError as error:
            self._again(key, memory)
            level = logging.INFO if error.status in (0, 409) else logging.WARNING
            logger.log(level, "the look failed, it is tried again: %s", error, extra=_names(key))
        except Exception:  # a bug in one resource's handling must not stop the others; it is logged whole and counted
            self._again(key, memory)
            logger.exception("a look ended with an error, tried again", extra=_names(key))
        finally:
            LOOK_SECONDS.observe(time.monotonic() - began)

    def _again(self, key: Key, memory: Memory) -> None:
        LOOK_ERRORS.inc()
        memory = self._memories.setdefault(key, memory)  # the look may have begun another one
        memory.errors += 1
        self._waker.wake(key, min(AFTER_ERROR_S * 2 ** (memory.errors - 1), LONGEST_AFTER_ERROR_S))

    async def _look(self, key: Key, memory: Memory) -> None:
        body = self._store.get(PROMPT2MODEL, key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._memories[key] = Memory(
                errors=memory.errors
            )  # errors outlive it, so that they are not retried ever faster
            if await self._deleter.settle(key):
                self._memories.pop(key)
            else:
                self._waker.wake(key, LONGEST_AFTER_ERROR_S)
            return
        if memory.uid != (uid := body["metadata"].get("uid", "")):  # another resource of this name
            memory = self._memories[key] = Memory(uid=uid, errors=memory.errors)
        try:
            resource = Prompt2Model.model_validate(body)
        except ValidationError as error:
            await self._refuse(body, complaints(error)[0])
            return
        if places := unusable_places(resource.spec):
            await self._refuse(body, places[0])
            return
        again = await self._recording.look(resource, memory.record)
        if again is not None:
            self._waker.wake(key, again)
        await self._decide(key, resource, memory)

    async def _decide(self, key: Key, resource: Prompt2Model, memory: Memory) -> None:
        applier = Applier(self._api, self._store, self._settings, resource, memory.applied)
        refused = await self._keep_service(key, applier)
        snapshot = await self._observe(resource, memory)
        outcome = decide(snapshot, datetime.now(UTC))
        if memory.own.of and any(isinstance(action, StartAttempt) for action in outcome.actions):
            memory.own = OwnMaps()  # what was read seconds ago may be gone: work starts on what is there now
            snapshot = await self._observe(resource, memory)
            outcome = decide(snapshot, datetime.now(UTC))
        try:
            await self._deleter.note(resource)
        except CannotStartError as error:
            await self._write(resource, self._refused(key, error.failure, outcome.status, resource))
            return
        status, runs = outcome.status, dict(snapshot.stage_runs)
        unmade: set[str] = set()
        for action in outcome.actions:
            if getattr(action, "name", None) in unmade:
                continue
            try:
                await applier.apply(action)
            except CannotStartError as error:
                if isinstance(action, MakeStageRun):
                    unmade.add(action.stage_run.metadata.name)
                status = self._cannot(key, action, error.failure, memory, status, resource)
                continue
            log_action(action, runs, key)
            await self._tell(resource, action, runs)
        if refused is not None:
            status = self._cannot(key, None, refused, memory, status, resource)
        await self._write(resource, status, runs.values())
        if is_starting(snapshot):
            self._waker.wake(key, STARTING_EVERY_S)
        if outcome.wake_at is not None:
            self._waker.wake_at(key, outcome.wake_at)

    async def _keep_service(self, key: Key, applier: Applier) -> Failure | None:
        """Brings the service in step before it is looked at, so that the status says what is so now.

        An error keeps neither the stages nor the status from going on: the service is looked at again in a moment.
        """
        try:
            again = await applier.keep_service()
        except CannotStartError as error:
            return error.failure
        except ApiError as error:
            logger.info("the service could not be brought in step, tried again: %s", error, extra=_names(key))
            again = AFTER_SERVICE_ERROR_S
        if again is not None:
            self._waker.wake(key, again)
        return None

    async def _observe(self, resource: Prompt2Model, memory: Memory) -> Snapshot:
        memory.own = await read_own_maps(self._api, resource, memory.own)
        if memory.own.of:
            self._waker.wake(_key(resource), memory.own.seconds_left())
        spec = resource.metadata.uid, resource.metadata.generation
        if memory.bases_of != spec:
            memory.bases, memory.bases_of = attempt_bases(resource, self._settings), spec
        pods = self._store.owned(POD, (resource.metadata.namespace, resource.metadata.name))
        memory.words = await read_last_words(self._api, pods, memory.words)
        seen = observe(
            resource,
            self._store,
            self._settings,
            datetime.now(UTC),
            never_made=memory.never_made,
            own=memory.own,
            hearing=memory.hearing,
            record=memory.record,
            bases=memory.bases,
            words=memory.words,
        )
        return replace(seen, fixed=self._arrivals.came_at)

    def _cannot(
        self,
        key: Key,
        action: Action | None,
        failure: Failure,
        memory: Memory,
        status: Prompt2ModelStatus,
        resource: Prompt2Model,
    ) -> Prompt2ModelStatus:
        """Remembers that an attempt was never made, for the next look; a service's failure goes into the status at once."""
        if isinstance(action, StartAttempt):
            memory.never_made[action.name, action.attempt] = failure
            self._waker.wake(key)
            return status
        kind = ConditionType.READY if isinstance(action, MakeStageRun) else ConditionType.DEPLOYED
        return self._refused(key, failure, status, resource, kind)

    def _refused(
        self,
        key: Key,
        failure: Failure,
        status: Prompt2ModelStatus,
        resource: Prompt2Model,
        kind: ConditionType = ConditionType.READY,
    ) -> Prompt2ModelStatus:
        """The status with the failure; what was refused is tried again in a minute."""
        self._waker.wake(key, LONGEST_AFTER_ERROR_S)
        return blocked_status(status, resource.status, failure, kind, resource.metadata.generation)

    async def _tell(self, resource: Prompt2Model, action: Action, runs: dict[str, StageRun]) -> None:
        """An event and the metrics for what an action changed; `runs` has the new status from now on."""
        if not isinstance(action, SetStageRunStatus):
            if (made := getattr(action, "stage_run", None)) is not None:
                runs[made.metadata.name] = made
            return
        run = runs[action.name]
        count_stage_change(run, action.status)
        if (change := stage_change(run, action.status)) is not None:
            await self._emit(resource, *change)
        runs[action.name] = run.model_copy(update={"status": action.status})

    async def _write(self, resource: Prompt2Model, status: Prompt2ModelStatus, runs: Iterable[StageRun] = ()) -> None:
        """One write, where something changed."""
        if resource.status == status:
            return
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": resource.metadata.name, "namespace": resource.metadata.namespace},
            "status": status.dump(),
        }
        try:
            self._store.put(PROMPT2MODEL, await self._api.apply(body, "status"))
        except NotFoundError:
            return
        if (change := resource_change(resource.status, status, runs)) is not None:
            await self._emit(resource, *change)

    async def _emit(self, resource: Prompt2Model, kind: str, reason: str, message: str) -> None:
        try:
            await self._api.create(event(resource, kind, reason, message))
        except ConflictError:
            return
        except ApiError as error:  # an event is a courtesy: the work does not wait for it
            logger.info("no event: %s", error, extra=_names(_key(resource)))

    async def _refuse(self, body: Body, said: str) -> None:
        """A spec that the schema let through and that cannot be used: said in the status, nothing is touched."""
        meta = body["metadata"]
        bare = {k: body[k] for k in ("apiVersion", "kind", "metadata")}
        resource = Prompt2Model.model_validate({**bare, "spec": {"prompt": "-"}})
        message = cut(said, 900)
        failure = Failure(
            state=FailureState.FAILED, reason="InvalidSpec", message=message, remedy="Correct it and apply again."
        )
        old = (body.get("status") or {}).get("conditions") or []
        if any(c.get("reason") == "InvalidSpec" and message in c.get("message", "") for c in old):
            return
        logger.warning("the spec cannot be used: %s", message, extra=_names((meta["namespace"], meta["name"])))
        update = {"phase": Phase.FAILED, "observed_generation": resource.metadata.generation}
        known = _status_of(body).model_copy(update=update)
        status = blocked_status(known, known, failure, ConditionType.READY, resource.metadata.generation)
        await self._write(resource, status)


def blocked_status(
    status: Prompt2ModelStatus, old: Prompt2ModelStatus | None, failure: Failure, kind: ConditionType, generation: int
) -> Prompt2ModelStatus:
    """The status with a failure in this condition and in Ready; the times of those that were False before stay."""
    now, message = datetime.now(UTC), told(failure.message, failure.remedy)
    since = {c.type: c.last_transition_time for c in (old.conditions if old else ()) if c.status == "False"}
    kept = [c for c in status.conditions if c.type not in (kind, ConditionType.READY)]
    made = [
        Condition(
            type=one,
            status="False",
            reason=failure.reason,
            message=message,
            observed_generation=generation,
            last_transition_time=since.get(one, now),
        )
        for one in dict.fromkeys((kind, ConditionType.READY))
    ]
    phase = Phase(failure.state.value)
    return status.model_copy(update={"conditions": [*kept, *made], "phase": phase})


def _key(resource: Prompt2Model) -> Key:
    return resource.metadata.namespace, resource.metadata.name


def _names(key: Key) -> dict[str, str]:
    return {"resource_namespace": key[0], "resource": key[1]}


def _status_of(body: Body) -> Prompt2ModelStatus:
    """What the status says; empty where it says nothing that can be read."""
    try:
        return Prompt2ModelStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return Prompt2ModelStatus()
