{{/* MLflow's address, as pods reach it. */}}
{{- define "prompt2model.tracking-uri" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "prompt2model.host" (dict "root" . "component" "mlflow") }}:5000
{{- else -}}
{{- .Values.tracking.uri -}}
{{- end -}}
{{- end -}}

{{/* The Secret with MLflow's credentials in each namespace: the operator makes it for an MLflow of the chart's own. */}}
{{- define "prompt2model.tracking-secret" -}}
{{- if .Values.mlflow.enabled -}}
{{- printf "%s-tracking" .Values.peering -}}
{{- else -}}
{{- .Values.tracking.secret -}}
{{- end -}}
{{- end -}}

{{/* The operator's settings file. What is not set stays away: the defaults stand in the operator. */}}
{{- define "prompt2model.settings" -}}
{{- $root := . -}}
{{- $images := dict "pullPolicy" .Values.images.pullPolicy "pullSecrets" .Values.images.pullSecrets -}}
{{- range $name := list "stages" "service" -}}
{{- $_ := set $images $name (include "prompt2model.image" (dict "root" $root "name" $name)) -}}
{{- end -}}
{{- $tracking := dict "uri" (include "prompt2model.tracking-uri" .) "secret" (include "prompt2model.tracking-secret" .) "workspaces" .Values.mlflow.enabled "publicUrl" .Values.tracking.publicUrl -}}
{{- $teacher := dict "url" .Values.teacher.url "model" .Values.teacher.model -}}
{{- if .Values.teacher.enabled -}}
{{- $_ := set $teacher "url" (printf "http://%s:8080/v1" (include "prompt2model.host" (dict "root" . "component" "teacher"))) -}}
{{- end -}}
{{- range $object := list $tracking $teacher -}}
{{- range $key := keys $object -}}
{{- if not (get $object $key) -}}{{- $_ := unset $object $key -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $_ := set $settings "images" $images -}}
{{- $_ := set $settings "tracking" $tracking -}}
{{- $_ := set $settings "teacher" $teacher -}}
{{- $_ := set $settings "watchNamespaces" .Values.watchNamespaces -}}
{{- $_ := set $settings "peering" .Values.peering -}}
{{- $_ := set $settings "metricsPort" 9090 -}}
{{- $_ := set $settings "livenessPort" 8080 -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* What the schema cannot say, in a sentence. */}}
{{- define "prompt2model.check" -}}
{{- $mlflow := .Values.mlflow -}}
{{- if and $mlflow.enabled .Values.tracking.uri -}}
{{- fail "tracking.uri names an MLflow that is there already, and mlflow.enabled asks for one of this release: set mlflow.enabled=false, or remove tracking.uri." -}}
{{- end -}}
{{- if and $mlflow.enabled .Values.tracking.secret -}}
{{- fail "tracking.secret has the credentials of an MLflow that is there already: set mlflow.enabled=false and tracking.uri, or name the Secret of this release's MLflow in mlflow.auth.secret." -}}
{{- end -}}
{{- if and $mlflow.artifacts.secret (not $mlflow.artifacts.uri) -}}
{{- fail "mlflow.artifacts.secret has credentials for no address: set mlflow.artifacts.uri, such as s3://bucket/mlflow." -}}
{{- end -}}
{{- if and .Values.teacher.enabled (or .Values.teacher.url .Values.teacher.model) -}}
{{- fail "teacher.url and teacher.model name another teacher, and teacher.enabled asks for the embedded one: set teacher.enabled=false, or remove them." -}}
{{- end -}}
{{- if and .Values.teacher.model (not .Values.teacher.url) -}}
{{- fail "teacher.model is served nowhere: set teacher.url." -}}
{{- end -}}
{{- end -}}
