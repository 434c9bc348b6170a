{{/* What every name begins with; short enough that the names of children fit. */}}
{{- define "seaworthy.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "seaworthy.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else -}}
{{- include "seaworthy.fullname" . }}-operator
{{- end -}}
{{- end -}}

{{- define "seaworthy.selectorLabels" -}}
app.kubernetes.io/name: seaworthy
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "seaworthy.labels" -}}
app.kubernetes.io/name: seaworthy
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image: takes (list image default-tag). */}}
{{- define "seaworthy.image" -}}
{{- $image := index . 0 -}}
{{- $image.repository -}}
{{- if $image.digest -}}
@{{ $image.digest }}
{{- else -}}
:{{ default (index . 1) $image.tag }}
{{- end -}}
{{- end -}}
