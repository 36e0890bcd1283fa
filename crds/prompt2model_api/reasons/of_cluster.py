"""Reasons of attempts that end outside of the stage's own code: pods, Ray, storage, local processes."""

from __future__ import annotations

from prompt2model_api.reasons.base import BLOCKED, FAILED, RETRYING, KnownReason

CLUSTER = (
    KnownReason(
        "InvalidSpec",
        "The API server took the spec, and the operator's own checks refuse it; for example it was written before an upgrade.",
        "Correct the field that the message names and apply again.",
        FAILED,
    ),
    KnownReason(
        "ImagePull",
        "A node cannot pull a container's image.",
        "Build and load the images (`make images`) or push them to your registry, correct `images` in the chart's values, or add "
        "`images.pullSecrets`. The attempt then starts by itself.",
        BLOCKED,
    ),
    KnownReason(
        "ContainerStart",
        "A container cannot be created, usually because a Secret or ConfigMap, or its key, is missing.",
        "Create what the message names. The attempt then starts by itself.",
        BLOCKED,
    ),
    KnownReason(
        "RayDidNotStart",
        "Ray's processes were not there in time; usually the machine is busy with other work.",
        "Give the machine less other work, or the pod more CPU (`training.resources.cpu`, the chart's `settings.pods`). It is "
        "tried again by itself.",
        BLOCKED,
    ),
    KnownReason(
        "GPUNotUsable",
        "The pod has reserved a GPU, and the image's PyTorch is built without CUDA or finds no GPU.",
        "Build the images with a CUDA build of PyTorch (`TORCH_INDEX= make images`), check the node's driver and the runtime "
        "class, or ask for no GPU.",
        BLOCKED,
    ),
    KnownReason(
        "OOMKilled",
        "A container used more memory than its limit.",
        "Raise `training.resources.memory`, or the limits in the chart's `settings.pods`; or lower `training.maxInputTokens`.",
        RETRYING,
    ),
    KnownReason(
        "Evicted",
        "The node ran short of memory or disk or was drained, and the pod was evicted. No attempt is used up.",
        "Nothing; give the node more room, or ask for less, where it happens again and again.",
        RETRYING,
    ),
    KnownReason(
        "StorageExceeded",
        "The pod was evicted because it wrote more than the limit of its ephemeral storage, which a LimitRange may set.",
        "Raise the limit that the message names, or ask for less.",
        RETRYING,
    ),
    KnownReason(
        "Preempted",
        "A pod of higher priority took the pod's place on its node. No attempt is used up.",
        "Nothing; give the resource a `scheduling.priorityClassName` where it happens again and again.",
        RETRYING,
    ),
    KnownReason(
        "NodeLost",
        "The pod's node does not answer, is gone, or has a taint that the pod does not tolerate. No attempt is used up.",
        "Nothing; look at the node with `kubectl describe node`.",
        RETRYING,
    ),
    KnownReason(
        "Interrupted",
        "The cluster ended the pod for a reason of its own. No attempt is used up.",
        "Nothing; the message has the cluster's own words.",
        RETRYING,
    ),
    KnownReason(
        "RayHeadLost",
        "The connection to Ray's head broke while the job ran: its pod was deleted, its process ended, or its node was lost. No "
        "attempt is used up.",
        "Nothing; look at the pods with `kubectl get pods` and `kubectl describe pod` where it happens again and again.",
        RETRYING,
    ),
    KnownReason(
        "CrashLoop",
        "A container ends again and again after its start.",
        "See `kubectl logs --previous` of the pod.",
        BLOCKED,
    ),
    KnownReason(
        "Crashed",
        "The process ended with an error that the product does not know.",
        "See the attempt's log, `log-<attempt>.txt` in the stage's folder on storage.",
        RETRYING,
    ),
    KnownReason(
        "Killed",
        "A local stage process was killed, by hand or because the machine ran out of memory.",
        "Free some memory, or choose a smaller student or batch size.",
        RETRYING,
    ),
    KnownReason(
        "Unschedulable",
        "No node takes the pod: none has the free CPU, memory or GPU, tolerations are missing, or a claim is not bound.",
        "Add a node, ask for less, or bind the claim. The pod then starts by itself.",
        BLOCKED,
    ),
    KnownReason(
        "PodRefused",
        "The cluster does not let the pod be created: a ResourceQuota is used up, or an admission policy refuses it.",
        "Raise the quota, or fix what the policy asks for.",
        BLOCKED,
    ),
    KnownReason(
        "Refused",
        "The API server refused an object that the operator wrote.",
        "Fix the quota, the policy or the field that the message names.",
        BLOCKED,
    ),
    KnownReason(
        "NameTaken",
        "An object with the name that the operator needs exists and does not belong to this resource.",
        "Remove that object, or give the Prompt2Model another name.",
        BLOCKED,
    ),
    KnownReason(
        "NoTeacher",
        "The resource names no teacher, and the operator has no embedded one.",
        "Write `spec.teacher`, or install the chart with `teacher.enabled=true`.",
        BLOCKED,
    ),
    KnownReason(
        "KubeRayMissing",
        "The cluster has no RayJob, which the stages generate and train run as.",
        "Install KubeRay's operator with its CRDs, or set `settings.ray.mode` to Job in the chart's values.",
        BLOCKED,
    ),
    KnownReason(
        "GatewayAPIMissing",
        "`settings.service.httpRoute` is set, and the cluster has no HTTPRoute.",
        "Install the Gateway API's CRDs, or remove the setting.",
        BLOCKED,
    ),
    KnownReason(
        "ServiceMonitorMissing",
        "`settings.service.serviceMonitor` is on, and the cluster has no ServiceMonitor.",
        "Install the Prometheus operator's CRDs, or remove the setting.",
        BLOCKED,
    ),
    KnownReason(
        "RayJobFailed",
        "KubeRay ended the RayJob, and the stage itself reported nothing.",
        "See the attempt's log on storage and `kubectl describe rayjob`.",
        RETRYING,
    ),
    KnownReason(
        "NotReady",
        "The new model's pods run and do not become ready: they do not reproduce their golden requests, or start slowly. An "
        "earlier model keeps answering.",
        "See the logs of the service's pods.",
        BLOCKED,
    ),
    KnownReason(
        "DeadlineExceeded",
        "The attempt took longer than `deadlines.stageSeconds`.",
        "Raise `deadlines.stageSeconds`.",
        RETRYING,
    ),
    KnownReason(
        "HeartbeatLost",
        "The attempt gave no sign of life for `deadlines.heartbeatSeconds`, or for `deadlines.startSeconds` after its start.",
        "See the attempt's log; raise the one that the message names where the machine is slow.",
        RETRYING,
    ),
    KnownReason(
        "NoResult", "The workload ended without a result and without a failure.", "See the attempt's log.", RETRYING
    ),
    KnownReason(
        "StorageUnavailable",
        "The stage cannot write to storage.",
        "Check that the claim is bound, has space and is writable for the pod's user; or the bucket, its endpoint and the "
        "Secret in `storage.secret`.",
        BLOCKED,
    ),
    KnownReason(
        "StorageBusy",
        "The storage of a deleted resource of the same name is still being cleared.",
        "Wait for the pods of the Job that the message names. A pod on a lost node has to be deleted with `--force`.",
        BLOCKED,
    ),
    KnownReason("DiskFull", "No space is left on the disk.", "Free some space. Everything paid for is kept.", BLOCKED),
    KnownReason("NoFreePort", "A local run finds no free port.", "Name another with `--port`.", BLOCKED),
    KnownReason(
        "ServiceDown",
        "The local service did not start or ended.",
        "See the log file that the message names.",
        BLOCKED,
    ),
)
