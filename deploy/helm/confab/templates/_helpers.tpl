{{/* The name that everything begins with: room is left for "-nodes" and a pod's number. */}}
{{- define "confab.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "confab.selector" -}}
app.kubernetes.io/name: confab
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "confab.labels" -}}
{{ include "confab.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* "true" when the nodes share PostgreSQL and form a cluster. */}}
{{- define "confab.several" -}}
{{- if eq .Values.database.type "postgres" }}true{{ end -}}
{{- end -}}

{{/* The nodes that always run. */}}
{{- define "confab.least" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.minReplicas }}{{ else }}{{ .Values.replicas }}{{ end -}}
{{- end -}}

{{/* The nodes that everybody is told of. A StatefulSet shrinks from its end, so the first ones stay. They are named one by one:
behind one name for all, each node would connect to some other and the cluster could fall into parts. */}}
{{- define "confab.peers" -}}
{{- $name := include "confab.name" . -}}
{{- $peers := list -}}
{{- range $i := until (min (include "confab.least" . | int) (.Values.cluster.seeds | int) | int) -}}
{{- $peers = append $peers (printf "nats://%s-%d.%s-nodes:%d" $name $i $name ($.Values.cluster.port | int)) -}}
{{- end -}}
{{- join "," $peers -}}
{{- end -}}

{{/* Seconds of preStop: a single node has no other node that could take its clients. */}}
{{- define "confab.preStop" -}}
{{- if include "confab.several" . }}{{ .Values.preStopSeconds }}{{ else }}0{{ end -}}
{{- end -}}

{{/* An environment variable out of a Secret. */}}
{{- define "confab.secret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}
