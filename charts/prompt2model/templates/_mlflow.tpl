{{/* Whether something of MLflow's lies on a claim. */}}
{{- define "prompt2model.mlflow-claim" -}}
{{- if or (not .Values.mlflow.database.secret) (not .Values.mlflow.artifacts.uri) -}}
{{- .Values.mlflow.persistence.existingClaim | default (include "prompt2model.component" (dict "root" . "component" "mlflow")) -}}
{{- end -}}
{{- end -}}

{{/*
The Host headers that MLflow answers to; all else is DNS rebinding to it. The list replaces MLflow's own, and a name with
a port needs a pattern of its own.
*/}}
{{- define "prompt2model.mlflow-hosts" -}}
{{- $name := include "prompt2model.component" (dict "root" . "component" "mlflow") -}}
{{- $inside := printf "%s.%s" $name .Release.Namespace -}}
{{- $hosts := list "localhost" "127.0.0.1" $name $inside (printf "%s.svc" $inside) (printf "%s.svc.%s" $inside .Values.clusterDomain) -}}
{{- $hosts = concat $hosts .Values.mlflow.allowedHosts -}}
{{- with .Values.tracking.publicUrl -}}
{{- $hosts = append $hosts (regexReplaceAll ":[0-9]+$" (urlParse .).host "") -}}
{{- end -}}
{{- $patterns := list -}}
{{- range uniq $hosts -}}
{{- $patterns = concat $patterns (list . (printf "%s:*" .)) -}}
{{- end -}}
{{- join "," $patterns -}}
{{- end -}}

{{/* The Secret with the administrator's credentials. */}}
{{- define "prompt2model.mlflow-secret" -}}
{{- .Values.mlflow.auth.secret | default (include "prompt2model.component" (dict "root" . "component" "mlflow")) -}}
{{- end -}}

{{/* A variable from that Secret: (dict "root" $ "name" "X" "key" "Y"). */}}
{{- define "prompt2model.mlflow-credential" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ include "prompt2model.mlflow-secret" .root }}, key: {{ .key | default .name }}}}
{{- end -}}

{{- define "prompt2model.mlflow-environment" -}}
{{- $database := .Values.mlflow.database -}}
- name: MLFLOW_BACKEND_STORE_URI
  {{- if $database.secret }}
  valueFrom: {secretKeyRef: {name: {{ $database.secret }}, key: {{ $database.key }}}}
  {{- else }}
  value: sqlite:////mlflow/mlflow.db
  {{- end }}
- {name: HOME, value: /home/p2m}
- {name: MLFLOW_SERVER_ENABLE_JOB_EXECUTION, value: "false"}
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
- {name: DO_NOT_TRACK, value: "true"}
{{- end -}}

{{- define "prompt2model.mlflow-mounts" -}}
{{ include "prompt2model.writable-mounts" . }}
{{- if include "prompt2model.mlflow-claim" . }}
- {name: data, mountPath: /mlflow}
{{- end }}
{{- end -}}
