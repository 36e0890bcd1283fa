{{/* The pods of resources with one of the roles, in every namespace that the operator watches. */}}
{{- define "prompt2model.resource-pods" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/managed-by: prompt2model
    matchExpressions:
      - {key: prompt2model.dev/role, operator: In, values: {{ .roles | toJson }}}
  {{- if .root.Values.watchNamespaces }}
  namespaceSelector:
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: {{ .root.Values.watchNamespaces | toJson }}}
  {{- else }}
  namespaceSelector: {}
  {{- end }}
{{- end -}}

{{/* The pods of one of the chart's components. */}}
{{- define "prompt2model.component-pods" -}}
- podSelector:
    matchLabels:
      {{- include "prompt2model.selector" . | nindent 6 }}
{{- end -}}
