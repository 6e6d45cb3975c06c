package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const chart = files + "/helm/confab"

// helm is the path of the helm that this module pins, built once.
var helm = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-n", "helm")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

// runHelm runs helm and returns both outputs and how it ended.
func runHelm(t *testing.T, args ...string) (out, problem string, err error) {
	t.Helper()
	path, err := helm()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	home := t.TempDir()
	cmd.Env = []string{"HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// manifests are the objects of one rendering, decoded strictly: a field that the
// Kubernetes API does not have is an error.
type manifests struct {
	statefulSet    apps.StatefulSet
	services       []core.Service
	serviceAccount core.ServiceAccount
	configMap      core.ConfigMap
	budget         *policy.PodDisruptionBudget
	autoscaler     *autoscaling.HorizontalPodAutoscaler
	monitor        *monitoring.ServiceMonitor
	network        *networking.NetworkPolicy
	ingress        *networking.Ingress
}

// render renders the chart as "helm install chat" would.
func render(t *testing.T, args ...string) manifests {
	t.Helper()
	out, problem, err := runHelm(t, append([]string{"template", "chat", chart, "--namespace", "chat", "--kube-version", "1.34.0"}, args...)...)
	if err != nil {
		t.Fatalf("helm template %v: %v\n%s", args, err, problem)
	}
	var m manifests
	for document := range strings.SplitSeq("\n"+out, "\n---\n") {
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		var into any
		switch kind.APIVersion + " " + kind.Kind {
		case " ":
			continue
		case "apps/v1 StatefulSet":
			into = &m.statefulSet
		case "v1 Service":
			m.services = append(m.services, core.Service{})
			into = &m.services[len(m.services)-1]
		case "v1 ServiceAccount":
			into = &m.serviceAccount
		case "v1 ConfigMap":
			into = &m.configMap
		case "policy/v1 PodDisruptionBudget":
			m.budget = new(policy.PodDisruptionBudget)
			into = m.budget
		case "autoscaling/v2 HorizontalPodAutoscaler":
			m.autoscaler = new(autoscaling.HorizontalPodAutoscaler)
			into = m.autoscaler
		case "monitoring.coreos.com/v1 ServiceMonitor":
			m.monitor = new(monitoring.ServiceMonitor)
			into = m.monitor
		case "networking.k8s.io/v1 NetworkPolicy":
			m.network = new(networking.NetworkPolicy)
			into = m.network
		case "networking.k8s.io/v1 Ingress":
			m.ingress = new(networking.Ingress)
			into = m.ingress
		default:
			t.Fatalf("an unexpected object: %s %s", kind.APIVersion, kind.Kind)
		}
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Fatalf("%s: %v\n%s", kind.Kind, err, document)
		}
	}
	return m
}

var (
	oneNode      = []string{"--set", "rootCredentials.existingSecret=confab-root"}
	severalNodes = []string{"-f", chart + "/values-cluster.yaml"}
	everything   = []string{"-f", "testdata/everything.yaml"}
)

// pod is the pod of the StatefulSet, container its only container.
func (m manifests) pod() core.PodSpec         { return m.statefulSet.Spec.Template.Spec }
func (m manifests) container() core.Container { return m.pod().Containers[0] }

// preStop is how long the pod sleeps before SIGTERM.
func (m manifests) preStop() time.Duration {
	if l := m.container().Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
		return time.Duration(l.PreStop.Sleep.Seconds) * time.Second
	}
	return 0
}

func helmDeployments(t *testing.T) []deployment {
	t.Helper()
	var all []deployment
	for _, v := range []struct {
		name    string
		args    []string
		several bool
	}{{"helm one node", oneNode, false}, {"helm several nodes", severalNodes, true}, {"helm everything", everything, true}} {
		m := render(t, v.args...)
		env := map[string]string{}
		for _, e := range m.container().Env {
			switch {
			case e.ValueFrom == nil:
				env[e.Name] = e.Value
			case e.ValueFrom.SecretKeyRef != nil:
				env[e.Name] = secrets[e.Name]
			case e.ValueFrom.FieldRef != nil:
				env[e.Name] = "chat-confab-0"
			}
		}
		// The file of the ConfigMap stands where the test put it.
		path := filepath.Join(t.TempDir(), "confab.yaml")
		if err := os.WriteFile(path, []byte(m.configMap.Data["confab.yaml"]), 0o600); err != nil {
			t.Fatal(err)
		}
		mounted := slices.ContainsFunc(m.container().VolumeMounts, func(v core.VolumeMount) bool { return v.Name == "config" && v.MountPath == "/etc/confab" })
		if env["CONFAB_CONFIG"] != "/etc/confab/confab.yaml" || !mounted {
			t.Errorf("%s: the configuration is not where CONFAB_CONFIG says", v.name)
		}
		env["CONFAB_CONFIG"] = path
		all = append(all, deployment{
			name: v.name, args: m.container().Args, env: merged(env, imageEnv(t)), several: v.several,
			grace: time.Duration(*m.pod().TerminationGracePeriodSeconds) * time.Second, before: m.preStop(),
		})
	}
	return all
}

func TestChartLints(t *testing.T) {
	for _, args := range [][]string{oneNode, severalNodes, everything} {
		if out, problem, err := runHelm(t, append([]string{"lint", "--strict", chart}, args...)...); err != nil {
			t.Errorf("helm lint %v: %v\n%s%s", args, err, out, problem)
		}
	}
}

func TestChartSchema(t *testing.T) {
	for _, c := range []struct {
		name string
		base []string
		set  string
		want string // in the refusal
	}{
		{"no administrator", nil, "", "/rootCredentials/existingSecret"},
		{"a name that is none", oneNode, "replica=3", "replica"},
		{"two nodes on SQLite", oneNode, "replicas=2", "/replicas"},
		{"scaling SQLite", oneNode, "autoscaling.enabled=true", "/autoscaling/enabled"},
		{"a database that is none", oneNode, "database.type=mysql", "/database/type"},
		{"PostgreSQL without its URL", severalNodes, "database.existingSecret=", "/database/existingSecret"},
		{"several nodes without a key", severalNodes, "secretKey.existingSecret=", "/secretKey/existingSecret"},
		{"several nodes without a cluster's secret", severalNodes, "cluster.existingSecret=", "/cluster/existingSecret"},
		{"no nodes", oneNode, "replicas=0", "/replicas"},
		{"no drain", oneNode, "drainSeconds=0", "/drainSeconds"},
		{"a secret in the configuration", oneNode, "config.secret-key=x", "'secret-key'"},
		{"a setting that has a value of its own", oneNode, "config.drain-time=1m", "'drain-time'"},
		{"an account that is none", oneNode, "config.account-id=none", "/config/account-id"},
		{"a port that is taken", severalNodes, "cluster.port=8080", "/cluster/port"},
		{"an ingress without hosts", oneNode, "ingress.enabled=true", "/ingress/host"},
		{"no profile of system calls", oneNode, "seccompProfile.type=Unconfined", "/seccompProfile/type"},
		{"a profile without its file", oneNode, "seccompProfile.type=Localhost", "/seccompProfile"},
		{"a budget of nothing", severalNodes, "podDisruptionBudget.maxUnavailable=0", "/podDisruptionBudget/maxUnavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"template", "chat", chart}, c.base...)
			if c.set != "" {
				args = append(args, "--set", c.set)
			}
			_, problem, err := runHelm(t, args...)
			if err == nil || !strings.Contains(problem, c.want) {
				t.Errorf("ended with %v, want a refusal that names %s:\n%s", err, c.want, problem)
			}
		})
	}
}

func TestChart(t *testing.T) {
	for _, v := range []struct {
		name string
		args []string
	}{{"one node", oneNode}, {"several nodes", severalNodes}, {"everything", everything}} {
		t.Run(v.name, func(t *testing.T) {
			m := render(t, v.args...)
			checkSecurity(t, m)
			checkProbes(t, m)
			checkLabels(t, m)
			if _, ok := m.container().Resources.Requests[core.ResourceMemory]; !ok {
				t.Error("no request of memory")
			}
			if _, ok := m.container().Resources.Limits[core.ResourceCPU]; ok {
				t.Error("a limit of CPU shows as latency")
			}
		})
	}
}

// checkSecurity: the pod passes the restricted Pod Security Standard, and writes
// nowhere but into its volume.
func checkSecurity(t *testing.T, m manifests) {
	t.Helper()
	pod, c := m.pod(), m.container()
	p := pod.SecurityContext
	if p == nil || p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.RunAsUser == nil || *p.RunAsUser != 65532 || p.FSGroup == nil || *p.FSGroup != 65532 ||
		p.SeccompProfile == nil || p.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod's security context is %+v", p)
	}
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || len(s.Capabilities.Add) != 0 {
		t.Errorf("the container's security context is %+v", s)
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC || len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Error("the pod shares something with its machine, or is more than one container")
	}
	if a := pod.AutomountServiceAccountToken; a == nil || *a {
		t.Error("the pod can talk to the Kubernetes API")
	}
	for _, e := range c.Env {
		if strings.Contains(e.Name, "SECRET") && (e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil) {
			t.Errorf("%s is no reference to a Secret", e.Name)
		}
	}
}

// checkProbes: life is /healthz, readiness is /readyz, at a port that exists.
func checkProbes(t *testing.T, m manifests) {
	t.Helper()
	c := m.container()
	for _, p := range []struct {
		name  string
		probe *core.Probe
		path  string
	}{{"startup", c.StartupProbe, "/healthz"}, {"liveness", c.LivenessProbe, "/healthz"}, {"readiness", c.ReadinessProbe, "/readyz"}} {
		if p.probe == nil || p.probe.HTTPGet == nil || p.probe.HTTPGet.Path != p.path {
			t.Errorf("the %s probe is %+v, want %s", p.name, p.probe, p.path)
			continue
		}
		if port := p.probe.HTTPGet.Port.String(); !slices.ContainsFunc(c.Ports, func(cp core.ContainerPort) bool { return cp.Name == port && cp.ContainerPort == 8080 }) {
			t.Errorf("the %s probe asks the port %s", p.name, port)
		}
		// /readyz itself gives the database 2 s.
		if p.probe.TimeoutSeconds < 3 {
			t.Errorf("the %s probe waits %d s", p.name, p.probe.TimeoutSeconds)
		}
	}
}

// checkLabels: everything that selects pods selects these, and every port that
// is named is there.
func checkLabels(t *testing.T, m manifests) {
	t.Helper()
	pod := m.statefulSet.Spec.Template.Labels
	selects := func(what string, selector map[string]string) {
		if len(selector) == 0 {
			t.Errorf("%s selects everything", what)
		}
		for k, v := range selector {
			if pod[k] != v {
				t.Errorf("%s selects %s=%s, and the pods have %q", what, k, v, pod[k])
			}
		}
	}
	ports := map[string]bool{}
	for _, p := range m.container().Ports {
		ports[p.Name] = true
	}
	selects("the StatefulSet", m.statefulSet.Spec.Selector.MatchLabels)
	var headless *core.Service
	for i, s := range m.services {
		selects("the Service "+s.Name, s.Spec.Selector)
		for _, p := range s.Spec.Ports {
			if !ports[p.TargetPort.String()] {
				t.Errorf("the Service %s leads to the port %s, which is not there", s.Name, p.TargetPort.String())
			}
			if s.Spec.ClusterIP != core.ClusterIPNone && p.TargetPort.String() != "chat" {
				t.Errorf("the Service %s shows clients the port %s", s.Name, p.Name)
			}
		}
		if s.Name == m.statefulSet.Spec.ServiceName {
			headless = &m.services[i]
		}
	}
	if headless == nil || headless.Spec.ClusterIP != core.ClusterIPNone || !headless.Spec.PublishNotReadyAddresses {
		t.Errorf("the StatefulSet's Service is %+v: nodes find each other before they are ready", headless)
	}
	if m.budget != nil {
		selects("the budget", m.budget.Spec.Selector.MatchLabels)
	}
	if m.network != nil {
		selects("the network policy", m.network.Spec.PodSelector.MatchLabels)
		for _, rule := range m.network.Spec.Ingress {
			for _, p := range rule.Ports {
				if !ports[p.Port.String()] {
					t.Errorf("the network policy lets in at %s, which is not there", p.Port)
				}
				if p.Port.String() != "chat" && len(rule.From) == 0 {
					t.Errorf("the network policy lets everybody in at %s", p.Port)
				}
			}
		}
	}
	if m.monitor != nil && headless != nil {
		for k, v := range m.monitor.Spec.Selector.MatchLabels {
			if headless.Labels[k] != v {
				t.Errorf("the monitor selects %s=%s, and the Service has %q", k, v, headless.Labels[k])
			}
		}
	}
}

func TestChartSeccompProfile(t *testing.T) {
	m := render(t, append(slices.Clone(oneNode), "--set", "seccompProfile.type=Localhost,seccompProfile.localhostProfile=confab.json")...)
	p := m.pod().SecurityContext.SeccompProfile
	if p == nil || p.Type != core.SeccompProfileTypeLocalhost || p.LocalhostProfile == nil || *p.LocalhostProfile != "confab.json" {
		t.Errorf("the profile is %+v", p)
	}
}

func TestChartOneNode(t *testing.T) {
	m := render(t, oneNode...)
	if *m.statefulSet.Spec.Replicas != 1 || len(m.statefulSet.Spec.VolumeClaimTemplates) != 1 {
		t.Error("SQLite needs one node with one volume")
	}
	if m.budget != nil {
		t.Error("the budget of a node alone keeps its machine from being emptied")
	}
	if m.preStop() != 0 {
		t.Error("a node alone waits for clients to be sent to others")
	}
}

func TestChartSeveralNodes(t *testing.T) {
	m := render(t, severalNodes...)
	spec := m.statefulSet.Spec
	if spec.Replicas != nil {
		t.Error("the StatefulSet and the autoscaler disagree on the number of nodes")
	}
	if spec.PodManagementPolicy != apps.ParallelPodManagement || spec.UpdateStrategy.Type != apps.RollingUpdateStatefulSetStrategyType || spec.MinReadySeconds == 0 {
		t.Error("nodes start one by one, or are replaced all at once")
	}
	if len(spec.VolumeClaimTemplates) != 0 {
		t.Error("a node of several has a volume to lose")
	}
	if m.preStop() == 0 {
		t.Error("a node that ends refuses clients who are still sent to it")
	}
	if m.budget == nil || m.budget.Spec.MaxUnavailable.IntValue() != 1 {
		t.Errorf("the budget is %+v", m.budget)
	}
	if len(m.pod().TopologySpreadConstraints) != 2 {
		t.Error("all nodes may stand on one machine")
	}
	a := m.autoscaler
	if a == nil || a.Spec.ScaleTargetRef.Name != m.statefulSet.Name || a.Spec.ScaleTargetRef.Kind != "StatefulSet" ||
		a.Spec.Metrics[0].Pods.Metric.Name != "confab_concurrent_chat_connections" || a.Spec.Metrics[0].Pods.Target.AverageValue.Value() != 20000 {
		t.Errorf("the autoscaler is %+v", a)
	}
	if m.monitor == nil || m.monitor.Spec.Endpoints[0].Port != "admin" {
		t.Errorf("the monitor is %+v", m.monitor)
	}
	t.Run("every node is told of those that stay", func(t *testing.T) {
		for _, c := range []struct {
			set  string
			want int
		}{{"autoscaling.minReplicas=2", 2}, {"autoscaling.minReplicas=7", 3}, {"autoscaling.minReplicas=7,cluster.seeds=5", 5}, {"autoscaling.enabled=false", 3}} {
			m := render(t, append(slices.Clone(severalNodes), "--set", c.set)...)
			var want []string
			for i := range c.want {
				want = append(want, "nats://"+m.statefulSet.Name+"-"+strconv.Itoa(i)+"."+m.statefulSet.Spec.ServiceName+":6222")
			}
			i := slices.IndexFunc(m.container().Env, func(e core.EnvVar) bool { return e.Name == "CONFAB_CLUSTER_PEERS" })
			if got := m.container().Env[i].Value; got != strings.Join(want, ",") {
				t.Errorf("%s: %s, want %v", c.set, got, want)
			}
		}
	})
}
