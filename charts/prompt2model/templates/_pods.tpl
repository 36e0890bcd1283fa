{{/* What every pod of the chart has in common. All of it holds Pod Security's `restricted`. */}}

{{- define "prompt2model.user" -}}
{{- .Values.settings.runAsUser | default 1000 | int -}}
{{- end -}}

{{/*
The metadata of a component's pods: (dict "root" $ "component" "mlflow" "annotations" (dict)). No versions among the
labels, so that an upgrade restarts only what it changes.
*/}}
{{- define "prompt2model.template-metadata" -}}
{{- $own := index .root.Values .component -}}
labels:
  {{- include "prompt2model.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: prompt2model
  {{- with $own.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (.annotations | default dict) $own.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "prompt2model.pod" -}}
{{- $own := index .root.Values .component -}}
{{- $user := include "prompt2model.user" .root -}}
# Variables such as MLFLOW_PORT, made for every Service in the namespace, would be taken for settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "prompt2model.container" -}}
{{- $own := index .root.Values .component -}}
image: {{ include "prompt2model.image" (dict "root" .root "name" .image) | quote }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- with $own.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "prompt2model.writable-mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: home, mountPath: /home/p2m}
{{- end -}}

{{- define "prompt2model.writable-volumes" -}}
- name: tmp
  emptyDir: {}
- name: home
  emptyDir: {}
{{- end -}}
