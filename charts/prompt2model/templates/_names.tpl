{{/* The release's name where it says prompt2model already, else both. Short enough for every suffix. */}}
{{- define "prompt2model.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "prompt2model.fullname" -}}
{{- $name := include "prompt2model.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of a component: (dict "root" $ "component" "mlflow"). */}}
{{- define "prompt2model.component" -}}
{{- printf "%s-%s" (include "prompt2model.fullname" .root) .component -}}
{{- end -}}

{{- define "prompt2model.selector" -}}
app.kubernetes.io/name: {{ include "prompt2model.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "prompt2model.labels" -}}
{{ include "prompt2model.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: prompt2model
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The metadata of an object of a component, in the release's namespace. */}}
{{- define "prompt2model.metadata" -}}
name: {{ include "prompt2model.component" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "prompt2model.labels" . | nindent 2 }}
{{- end -}}

{{/* An image: (dict "root" $ "name" "stages"). A name with a tag or a digest is taken as it is. */}}
{{- define "prompt2model.image" -}}
{{- $images := .root.Values.images -}}
{{- $given := index $images .name -}}
{{- if regexMatch "(@|:[^/]+$)" $given -}}
{{- $given -}}
{{- else -}}
{{- with $images.registry -}}{{ trimSuffix "/" . }}/{{- end -}}
{{- $given }}:{{ $images.tag | default .root.Chart.AppVersion -}}
{{- end -}}
{{- end -}}

{{/* The address of one of the chart's Services, from any namespace. */}}
{{- define "prompt2model.host" -}}
{{- printf "%s.%s.svc" (include "prompt2model.component" .) .root.Release.Namespace -}}
{{- end -}}
