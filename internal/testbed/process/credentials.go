package process

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Credentials is what "confab credentials create" prints.
type Credentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	Name            string `json:"name"`
	ARN             string `json:"arn"`
}

// CreateCredentials makes credentials of the given name with an IAM policy
// document, next to the running server, which notices within seconds.
func (s *Server) CreateCredentials(ctx context.Context, name, policy string) (Credentials, error) {
	dir, err := os.MkdirTemp("", "confab-policy-")
	if err != nil {
		return Credentials{}, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		return Credentials{}, err
	}
	out, err := s.Run(ctx, "credentials", "create", "--name", name, "--policy", file, "-o", "json")
	if err != nil {
		return Credentials{}, err
	}
	var c Credentials
	if err := json.Unmarshal(out, &c); err != nil {
		return Credentials{}, fmt.Errorf("confab credentials create printed %q: %w", out, err)
	}
	return c, nil
}
