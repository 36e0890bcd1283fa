{{/*
What the operator may do in a namespace with resources. tests/rbac.py says which part of the operator needs which verb.
The stages' right (to get and patch the status of their StageRun) is among it, because nobody may grant more than they have.
Server-side apply asks for create beside patch.
*/}}
{{- define "prompt2model.namespace-rules" -}}
{{- $once := list "get" "create" | toJson -}}
{{- $applied := list "create" "patch" "delete" | toJson -}}
{{ include "prompt2model.watch-rules" . }}
- apiGroups: [prompt2model.dev]
  resources: [prompt2models]
  verbs: [get]
- apiGroups: [prompt2model.dev]
  resources: [prompt2models/status]
  verbs: [patch]
- apiGroups: [prompt2model.dev]
  resources: [stageruns]
  verbs: {{ $once }}
- apiGroups: [prompt2model.dev]
  resources: [stageruns/status]
  verbs: [get, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, create, delete]
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [get, create, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims, serviceaccounts]
  verbs: {{ $once }}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: {{ $once }}
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: {{ $applied }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ $applied }}
{{- if (.Values.settings.service | default dict).httpRoute }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: {{ $applied }}
{{- end }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: {{ $once }}
{{- if .Values.mlflow.enabled }}
# The one Secret that the operator makes; it can read no other.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "prompt2model.tracking-secret" . }}]
  verbs: [create, patch]
{{- end }}
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What is watched, in the release's own namespace too: kopf has one list of namespaces for all kinds. */}}
{{- define "prompt2model.watch-rules" -}}
- apiGroups: [prompt2model.dev]
  resources: [prompt2models, stageruns]
  verbs: [list, watch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch]
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list, watch]
{{- end -}}

{{/* A Role or ClusterRole and its binding to the operator: (dict "root" $ "name" "x" "namespace" "y" "rules" "..."). */}}
{{- define "prompt2model.grant" -}}
{{- $component := dict "root" .root "component" "operator" -}}
{{- $kind := ternary "Role" "ClusterRole" (hasKey . "namespace") -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "prompt2model.labels" $component | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "prompt2model.labels" $component | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "prompt2model.component" $component }}
    namespace: {{ .root.Release.Namespace }}
{{ end -}}

{{- define "prompt2model.cluster-rules" -}}
{{ include "prompt2model.namespace-rules" . }}
# kopf notices kinds that come later, such as KubeRay's.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
{{- end -}}

{{/* In the release's own namespace: the lease that one operator holds. Creating cannot be narrowed to a name. */}}
{{- define "prompt2model.lease-rules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ .Values.peering }}]
  verbs: [get, update]
{{- if .Values.watchNamespaces }}
{{ include "prompt2model.watch-rules" . }}
{{- end }}
{{- end -}}
