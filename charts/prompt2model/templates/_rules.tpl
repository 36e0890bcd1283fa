{{/*
What the operator may do in a namespace with resources. tests/rbac.py says which part of the operator needs which verb.
The stages' rights (get a StageRun, get and patch its status) are among them, because nobody may grant more than they have.
*/}}
{{- define "prompt2model.namespace-rules" -}}
{{- $made := list "get" "list" "watch" "create" "patch" "delete" | toJson -}}
- apiGroups: [prompt2model.dev]
  resources: [prompt2models]
  verbs: [get, list, watch]
- apiGroups: [prompt2model.dev]
  resources: [prompt2models/status, stageruns/status]
  verbs: [get, patch]
- apiGroups: [prompt2model.dev]
  resources: [stageruns]
  verbs: {{ $made }}
- apiGroups: [batch]
  resources: [jobs]
  verbs: {{ $made }}
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: {{ $made }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: {{ $made }}
- apiGroups: [""]
  resources: [services, persistentvolumeclaims, serviceaccounts]
  verbs: {{ $made }}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: {{ $made }}
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: {{ $made }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ $made }}
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: {{ $made }}
{{- if (.Values.settings.service | default dict).httpRoute }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: {{ $made }}
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- if .Values.rbac.readSecrets }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* Keep-alives are patches of the one object that is ours; a watch cannot be narrowed to a name. */}}
{{- define "prompt2model.peering-rules" -}}
- apiGroups: [kopf.dev]
  resources: [{{ .resource }}]
  verbs: [list, watch]
- apiGroups: [kopf.dev]
  resources: [{{ .resource }}]
  resourceNames: [{{ .root.Values.peering }}]
  verbs: [get, patch]
{{- end -}}
