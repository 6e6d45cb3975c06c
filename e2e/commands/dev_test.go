package commands

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// TestServe_devApplyTLS holds that serve --dev makes what a file describes also when it speaks
// TLS with a certificate that no authority signed.
func TestServe_devApplyTLS(t *testing.T) {
	dir := t.TempDir()
	certificate, err := process.NewCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "rooms.yaml")
	if err := os.WriteFile(file, []byte("rooms: [{name: stage}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "serve", "--dev", "--listen", address, "--admin-listen", "off", "--data-dir", filepath.Join(dir, "data"),
		"--tls-cert", certificate.CertFile, "--tls-key", certificate.KeyFile, "--apply", file)
	cmd.Env = append(environment(t, "https://"+address), runConfab+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs := &process.Buffer{}
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	made := false
	for lines := bufio.NewScanner(out); !made && lines.Scan(); {
		made = strings.HasPrefix(lines.Text(), "Created room stage arn:aws:ivschat:us-west-2:000000000000:room/")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || !made {
		t.Errorf("%v; the room was made: %t\n%s", err, made, errs)
	}
}
