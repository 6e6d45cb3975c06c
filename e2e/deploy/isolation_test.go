package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// isolate enters a root file system of its own, read-only but for /data, and runs
// a program there as the image's user, who can gain no privilege. It is
// what a container of the image is, less /proc, /dev and the network.
const isolate = `mount --bind "$1" "$1"
mount --bind "$2" "$1/data"
mount -o remount,bind,ro "$1"
root=$1
shift 2
exec setpriv --no-new-privs chroot --userspec=65532:65532 "$root" "$@"`

// container is the image on this machine's disk.
type container struct {
	root, data string
	env        []string
}

// newContainer lays out the image's three things.
func newContainer(t *testing.T) *container {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a root file system of one's own needs root")
	}
	c := &container{root: t.TempDir(), data: t.TempDir()}
	for _, dir := range []string{"data", "etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(c.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(c.data, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.root, "confab"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	for k, v := range merged(secrets, imageEnv(t)) {
		if k != "CONFAB_DATABASE" && !strings.HasPrefix(k, "CONFAB_CLUSTER") {
			c.env = append(c.env, k+"="+v)
		}
	}
	return c
}

// command is a program in the container.
func (c *container) command(t *testing.T, program []string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "--propagation", "private", "sh", "-ec", isolate, "sh", c.root, c.data}, program...)...)
	cmd.Env = slices.Concat(c.env, []string{"PATH=" + os.Getenv("PATH")}, env)
	return cmd
}

// TestImageRuns starts the program as the image does where there is nothing but
// the image: no shell, no libraries, no /tmp, and nothing to write but /data.
func TestImageRuns(t *testing.T) {
	c := newContainer(t)
	image := lastStage(t)
	entrypoint := commands[*instructions.EntrypointCommand](image)[0].CmdLine
	address := freeAddress(t)
	where := []string{"CONFAB_LISTEN=" + address, "CONFAB_ADMIN_LISTEN=" + freeAddress(t)}
	s := startServer(t, c.command(t, slices.Concat(entrypoint, imageArgs(t)), where...))
	s.waitFor(t, "http://"+address+"/readyz")

	t.Run("it serves the API", func(t *testing.T) {
		client := ivschat.New(ivschat.Options{
			BaseEndpoint: aws.String("http://" + address), Region: "us-west-2",
			Credentials: credentials.NewStaticCredentialsProvider(secrets["CONFAB_ROOT_ACCESS_KEY_ID"], secrets["CONFAB_ROOT_SECRET_ACCESS_KEY"], ""),
		})
		if _, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: aws.String("isolated")}); err != nil {
			t.Error(err)
		}
	})
	t.Run("its health check finds it", func(t *testing.T) {
		health := commands[*instructions.HealthCheckCommand](image)[0].Health.Test
		if health[0] != "CMD" {
			t.Fatalf("the health check is %v, and there is no shell", health)
		}
		if out, err := c.command(t, health[1:], where...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", health, err, out)
		}
		if _, err := c.command(t, health[1:], "CONFAB_LISTEN="+freeAddress(t)).CombinedOutput(); err == nil {
			t.Errorf("%v succeeds without a server", health)
		}
	})
	t.Run("the commands beside it work", func(t *testing.T) {
		cmd := c.command(t, []string{"/confab", "credentials", "create", "--name", "moderator", "--policy", "/data/policy.json"})
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ivschat:*","Resource":"*"}]}`
		if err := os.WriteFile(filepath.Join(c.data, "policy.json"), []byte(policy), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	s.stop(t)
	t.Run("nothing else can be written", func(t *testing.T) {
		out, err := c.command(t, []string{"/confab", "serve"}, "CONFAB_DATA_DIR=/elsewhere", "CONFAB_LISTEN="+freeAddress(t), "CONFAB_ADMIN_LISTEN=off").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "read-only file system") {
			t.Errorf("ended with %v, want a refusal of the file system:\n%s", err, out)
		}
	})
}
