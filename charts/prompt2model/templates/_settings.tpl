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

{{/* "true" where the operator may list nodes. */}}
{{- define "prompt2model.watch-nodes" -}}
{{- if kindIs "bool" .Values.watchNodes -}}{{ .Values.watchNodes }}{{- else -}}{{ empty .Values.watchNamespaces }}{{- end -}}
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
{{- $_ := set $settings "watchNodes" (include "prompt2model.watch-nodes" . | eq "true") -}}
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
{{- if .Values.catalogs.refresh.schedule -}}
{{- if not (.Values.settings.catalogs | default dict).uri -}}
{{- fail "catalogs.refresh.schedule has no catalogs to refresh: set settings.catalogs.uri, such as s3://bucket/catalogs." -}}
{{- end -}}
{{- if (.Values.settings.huggingFace | default dict).offline -}}
{{- fail "catalogs.refresh.schedule asks a hub, and settings.huggingFace.offline forbids it: remove one of them." -}}
{{- end -}}
{{- end -}}
{{- include "prompt2model.check-env" . -}}
{{- end -}}

{{/* The names that the operator or KubeRay sets; pod_environment.py has the same ones. */}}
{{- define "prompt2model.check-env" -}}
{{- $taken := list "DO_NOT_TRACK" "FQ_RAY_IP" "HF_ENDPOINT" "HF_HOME" "HF_HUB_DISABLE_TELEMETRY" "HF_HUB_OFFLINE" "HF_TOKEN" "HOME" "KUBERAY_GEN_RAY_START_CMD" "MLFLOW_DISABLE_TELEMETRY" "MLFLOW_TRACKING_PASSWORD" "MLFLOW_TRACKING_TOKEN" "MLFLOW_TRACKING_USERNAME" "MLFLOW_WORKSPACE" "MPLCONFIGDIR" "OMP_WAIT_POLICY" "RAY_ADDRESS" "RAY_AUTH_MODE" "RAY_AUTH_TOKEN" "RAY_CLOUD_INSTANCE_ID" "RAY_CLUSTER_NAME" "RAY_DASHBOARD_ADDRESS" "RAY_IP" "RAY_JOB_SUBMISSION_ID" "RAY_NODE_TYPE_NAME" "RAY_PORT" "RAY_USAGE_STATS_ENABLED" "TOKENIZERS_PARALLELISM" -}}
{{- range $pod, $given := .Values.settings.pods | default dict -}}
{{- range $variable := $given.env | default list -}}
{{- if or (hasPrefix "P2M_" $variable.name) (has $variable.name $taken) -}}
{{- fail (printf "settings.pods.%s.env sets %s, which the operator sets itself: remove it." $pod $variable.name) -}}
{{- end -}}
{{- if eq (hasKey $variable "value") (hasKey $variable "valueFrom") -}}
{{- fail (printf "settings.pods.%s.env: %s needs one of value and valueFrom." $pod $variable.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
