{{/*
What the operator may do in a namespace with resources. tests/rbac.py says which part of the operator needs which verb.
The stages' right (to get and patch the status of their StageRun) is among it, because nobody may grant more than they have.
Server-side apply asks for create beside patch.
*/}}
{{- define "prompt2model.namespace-rules" -}}
{{- $once := list "get" "create" | toJson -}}
{{- $applied := list "get" "create" "patch" "delete" | toJson -}}
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
  verbs: {{ $applied }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: {{ $applied }}
- apiGroups: [""]
  resources: [services]
  verbs: {{ $applied }}
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: {{ $applied }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ $applied }}
# What an earlier setting asked for is removed.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [list, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [list, delete]
{{- range $rule := include "prompt2model.service-settings" . | fromJsonArray }}
- apiGroups: [{{ $rule.group }}]
  resources: [{{ $rule.resource }}]
  verbs: [get, create, patch]
{{- end }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, list, delete]
{{- if .Values.mlflow.enabled }}
# The one Secret that the operator makes; it can read no other.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "prompt2model.tracking-secret" . }}]
  verbs: [create, patch]
{{- end }}
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* Kinds of others' CRDs that the services have by a setting, as JSON. */}}
{{- define "prompt2model.service-settings" -}}
{{- $service := .Values.settings.service | default dict -}}
{{- $found := list -}}
{{- if $service.httpRoute -}}
{{- $found = append $found (dict "group" "gateway.networking.k8s.io" "resource" "httproutes") -}}
{{- end -}}
{{- if ($service.serviceMonitor | default dict).enabled -}}
{{- $found = append $found (dict "group" "monitoring.coreos.com" "resource" "servicemonitors") -}}
{{- end -}}
{{- toJson $found -}}
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
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch]
{{- range $rule := include "prompt2model.service-settings" . | fromJsonArray }}
- apiGroups: [{{ $rule.group }}]
  resources: [{{ $rule.resource }}]
  verbs: [list, watch]
{{- end }}
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

{{/* Nodes belong to no namespace, hence a ClusterRole of its own. */}}
{{- define "prompt2model.node-rules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
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
