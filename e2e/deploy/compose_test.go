package deploy

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project loads a file as docker compose does, with these variables alone.
func project(ctx context.Context, name string, env map[string]string) (*types.Project, error) {
	var list []string
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	o, err := cli.NewProjectOptions([]string{filepath.Join(files, "compose", name)}, cli.WithEnv(list), cli.WithConsistency(true), cli.WithResolvedPaths(true))
	if err != nil {
		return nil, err
	}
	return o.LoadProject(ctx)
}

func mustProject(t *testing.T, name string) *types.Project {
	t.Helper()
	p, err := project(t.Context(), name, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// composeFiles and the number of nodes in each.
var composeFiles = map[string]int{"compose.yaml": 1, "compose.cluster.yaml": 3}

// nodes are the services that run Confab.
func nodes(p *types.Project) []types.ServiceConfig {
	var all []types.ServiceConfig
	for _, s := range p.Services {
		if strings.HasPrefix(s.Image, "confab:") {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b types.ServiceConfig) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func composeDeployments(t *testing.T) []deployment {
	t.Helper()
	var all []deployment
	for file, count := range composeFiles {
		for _, s := range nodes(mustProject(t, file)) {
			env := map[string]string{}
			for k, v := range s.Environment {
				if v != nil {
					env[k] = *v
				}
			}
			args := imageArgs(t)
			if s.Command != nil {
				args = s.Command
			}
			d := deployment{name: file + " " + s.Name, args: args, env: merged(env, imageEnv(t)), several: count > 1}
			if s.StopGracePeriod != nil {
				d.grace = time.Duration(*s.StopGracePeriod)
			}
			all = append(all, d)
		}
	}
	return all
}

func TestCompose(t *testing.T) {
	for file, count := range composeFiles {
		t.Run(file, func(t *testing.T) {
			p := mustProject(t, file)
			all := nodes(p)
			if len(all) != count {
				t.Fatalf("%d nodes, want %d", len(all), count)
			}
			for _, s := range all {
				if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
					t.Errorf("%s: may write its root, has capabilities or may gain some", s.Name)
				}
				if s.Ulimits["nofile"] == nil || s.Ulimits["nofile"].Single < 100_000 {
					t.Errorf("%s: few open files", s.Name)
				}
			}
		})
		t.Run(file+" asks for its secrets", func(t *testing.T) {
			for missing := range secrets {
				if !strings.Contains(readFile(t, "compose/"+file), "${"+missing+":?") {
					continue
				}
				env := merged(nil, secrets)
				delete(env, missing)
				if _, err := project(t.Context(), file, env); err == nil || !strings.Contains(err.Error(), missing) {
					t.Errorf("without %s: %v, want an error that names it", missing, err)
				}
			}
		})
	}
}

// TestComposeCluster holds the parts of the cluster against each other.
func TestComposeCluster(t *testing.T) {
	p := mustProject(t, "compose.cluster.yaml")
	balancer := readFile(t, "compose/haproxy.cfg")
	var peers []string
	for _, s := range nodes(p) {
		peers = append(peers, fmt.Sprintf("nats://%s:6222", s.Name))
		if server := fmt.Sprintf("server %s %s:8080 check\n", s.Name, s.Name); !strings.Contains(balancer, server) {
			t.Errorf("the load balancer does not know %s", s.Name)
		}
		if len(s.Ports) != 0 {
			t.Errorf("%s: clients come in past the load balancer", s.Name)
		}
	}
	for _, s := range nodes(p) {
		if got, want := *s.Environment["CONFAB_CLUSTER_PEERS"], strings.Join(peers, ","); got != want {
			t.Errorf("%s: peers %s, want %s", s.Name, got, want)
		}
		if got := *s.Environment["CONFAB_NODE_NAME"]; got != s.Name {
			t.Errorf("%s is named %s", s.Name, got)
		}
		if got, want := *s.Environment["CONFAB_TRUSTED_PROXIES"], p.Networks["front"].Ipam.Config[0].Subnet; got != want {
			t.Errorf("%s trusts %s, and the load balancer is in %s", s.Name, got, want)
		}
	}
	if _, reaches := p.Services["balancer"].Networks["back"]; reaches || !p.Networks["back"].Internal {
		t.Error("the database and the cluster's port can be reached from the load balancer or from outside")
	}
}
