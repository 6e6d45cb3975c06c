package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"confab/internal/config"
	"confab/internal/quota"
)

func TestNewQuotas(t *testing.T) {
	load := func(t *testing.T, file string) *config.Config {
		t.Helper()
		name := filepath.Join(t.TempDir(), "confab.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(map[string]string{"config": name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	for _, c := range []struct {
		name, file string
		want       quota.Numbers // 0 is none
	}{
		{"off sets none", "quotas: off", quota.Numbers{quota.Rooms: 0, quota.SendMessage: 0}},
		{"aws sets those of an AWS account", "quotas: aws", quota.Numbers{quota.Rooms: 50000, quota.SendMessage: 1000}},
		{"an operator's own stand alone", "serviceQuotas: {Rooms: 5}", quota.Numbers{quota.Rooms: 5, quota.SendMessage: 0}},
		{"an operator's own stand above those of aws", "quotas: aws\nserviceQuotas: {Rooms: 5}", quota.Numbers{quota.Rooms: 5, quota.SendMessage: 1000}},
		{"0 takes one of aws away", "quotas: aws\nserviceQuotas: {Rooms: 0}", quota.Numbers{quota.Rooms: 0, quota.SendMessage: 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			quotas, err := newQuotas(load(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range c.want {
				if got := quotas.Limit(name); got != want {
					t.Errorf("%s is %d, want %d", name, got, want)
				}
			}
		})
	}
	t.Run("an unknown name is refused", func(t *testing.T) {
		_, err := newQuotas(load(t, "serviceQuotas: {rooms: 5}"))
		if err == nil || !strings.Contains(err.Error(), `:1: serviceQuotas "rooms": is no quota`) {
			t.Errorf("got %v", err)
		}
	})
}
