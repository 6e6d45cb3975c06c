package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"confab/internal/testbed/process"
)

// throttled is a server before which each operation is throttled once.
func throttled(t *testing.T, server *process.Server) string {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	return inFront(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		mu.Lock()
		first := !seen[r.URL.Path]
		seen[r.URL.Path] = true
		mu.Unlock()
		if first {
			w.Header().Set("X-Amzn-Errortype", "ThrottlingException")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"message":"Rate exceeded"}`)
			return
		}
		pass.ServeHTTP(w, r)
	})
}

// confab runs the program and returns what it printed and its exit status.
func confab(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, strings.TrimPrefix(strings.SplitN(env[0], ":", 2)[0], "PATH=")+"/confab", args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestImport takes an account over, with pages and throttled calls, into the database of a
// server that runs: its rooms have the same ARNs and members. Again, nothing changes.
func TestImport(t *testing.T) {
	ctx := t.Context()
	source, target := process.Serve(t, process.Options{}), process.Serve(t, process.Options{})
	from := source.API()
	logging, err := from.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{
		Name: aws.String("archive"), Tags: map[string]string{"team": "live"},
		DestinationConfiguration: &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: aws.String("chat-archive")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var rooms []string
	create := func(in *ivschat.CreateRoomInput) {
		t.Helper()
		out, err := from.CreateRoom(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		rooms = append(rooms, *out.Arn)
	}
	create(&ivschat.CreateRoomInput{
		Name: aws.String("stage"), MaximumMessageLength: aws.Int32(200), MaximumMessageRatePerSecond: aws.Int32(50),
		Tags: map[string]string{"empty": "", "team": "live"}, LoggingConfigurationIdentifiers: []string{*logging.Arn},
		MessageReviewHandler: &types.MessageReviewHandler{Uri: aws.String("arn:aws:lambda:us-west-2:123456789012:function:review"), FallbackResult: types.FallbackResultDeny},
	})
	create(&ivschat.CreateRoomInput{})
	for range 51 { // More than a page.
		create(&ivschat.CreateRoomInput{Name: aws.String("lobby")})
	}
	env := environment(t, throttled(t, source))
	run := func(want int, args ...string) string {
		t.Helper()
		out, status := confab(t, env, append([]string{"import", "--from-aws", "--data-dir", target.DataDir}, args...)...)
		if status != want {
			t.Errorf("import %v: exit status %d, want %d\n%s", args, status, want, out)
		}
		return out
	}
	same := func() {
		t.Helper()
		ignored := cmp.Options{
			cmpopts.IgnoreFields(ivschat.GetRoomOutput{}, "CreateTime", "UpdateTime", "ResultMetadata"),
			cmpopts.IgnoreUnexported(ivschat.GetRoomOutput{}, types.MessageReviewHandler{}),
		}
		for _, arn := range rooms {
			want, err := from.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &arn})
			if err != nil {
				t.Fatal(err)
			}
			got, err := target.API().GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &arn})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, ignored); diff != "" {
				t.Errorf("%s differs:\n%s", arn, diff)
			}
		}
	}

	if out := run(0, "--dry-run"); !strings.Contains(out, "+ room stage "+rooms[0]) || !strings.Contains(out, "Plan: 54 to create, 0 to change, 0 to keep") {
		t.Errorf("the plan is\n%s", out)
	}
	run(1, "--check")
	if out := run(0); !strings.Contains(out, "Imported 54 rooms and logging configurations") {
		t.Errorf("it says\n%s", out)
	}
	same()
	if out := run(0); !strings.Contains(out, "Plan: 0 to create, 0 to change, 54 to keep") || strings.Contains(out, "Imported") {
		t.Errorf("again it says\n%s", out)
	}
	run(0, "--check")

	// Drift, and a room that only the target has, which stays.
	if _, err := from.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: &rooms[1], Name: aws.String("named"), MaximumMessageRatePerSecond: aws.Int32(7)}); err != nil {
		t.Fatal(err)
	}
	if _, err := from.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: &rooms[0], TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	own, err := target.API().CreateRoom(ctx, &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	out := run(1, "--check")
	for _, want := range []string{`maximumMessageRatePerSecond: "10" → "7"`, `name: "" → "named"`, `tags.team: "live" → ""`, "2 of 54 rooms and logging configurations differ"} {
		if !strings.Contains(out, want) {
			t.Errorf("the drift lacks %s:\n%s", want, out)
		}
	}
	plan := struct{ Steps []map[string]any }{}
	if out := run(0, "--dry-run", "-o", "json"); json.Unmarshal([]byte(out), &plan) != nil || len(plan.Steps) != 54 {
		t.Errorf("the plan as JSON has %d steps:\n%s", len(plan.Steps), out)
	}
	if out := run(0, "--dry-run", "-o", "jsonl"); strings.Count(out, "\n") != 54 || !strings.Contains(out, `{"action":"change","arn":"`+rooms[1]+`","diff":[`) {
		t.Errorf("the plan as lines of JSON is\n%s", out)
	}
	if out := run(0, "--dry-run", "-o", "text"); strings.Count(out, "\n") != 54 || !strings.Contains(out, "change\troom\tnamed\t"+rooms[1]+"\n") {
		t.Errorf("the plan as text is\n%s", out)
	}
	if out := run(0, "-o", "jsonl"); strings.Count(out, `"done":true`) != 2 {
		t.Errorf("what was done is\n%s", out)
	}
	same()
	if _, err := target.API().GetRoom(ctx, &ivschat.GetRoomInput{Identifier: own.Arn}); err != nil {
		t.Error(err)
	}

	t.Run("another account is refused", func(t *testing.T) {
		out, status := confab(t, env, "import", "--from-aws", "--data-dir", t.TempDir(), "--account-id", "999999999999")
		if status != 2 || !strings.Contains(out, "run it with --account-id 123456789012 --region us-west-2") {
			t.Errorf("exit status %d\n%s", status, out)
		}
	})
	t.Run("a source that cannot be read changes nothing", func(t *testing.T) {
		out, status := confab(t, append(env, "AWS_SECRET_ACCESS_KEY=wrong"), "import", "--from-aws", "--data-dir", target.DataDir)
		if status != 1 || !strings.Contains(out, "InvalidSignatureException") || !strings.Contains(out, "ivschat:ListRooms") {
			t.Errorf("exit status %d\n%s", status, out)
		}
	})
}

// TestImport_interrupted ends an import by Ctrl-C while it reads a slow source: it says so, has
// written nothing that is not whole, and the next one does all.
func TestImport_interrupted(t *testing.T) {
	source, target := process.Serve(t, process.Options{}), process.Serve(t, process.Options{})
	for range 3 {
		if _, err := source.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: aws.String("lobby")}); err != nil {
			t.Fatal(err)
		}
	}
	endpoint, asked, goOn := holdBack(t, source, "/GetRoom", 1)
	p := startTerminal(t, environment(t, endpoint), 80, 24, "import", "--from-aws", "--yes", "--data-dir", target.DataDir)
	<-asked
	p.keys(ctrlC)
	if status, wrote := p.ends(); status != 1 || !strings.Contains(wrote, "stopped before anything was written") {
		t.Errorf("exit status %d, %q", status, wrote)
	}
	goOn()
	out, status := confab(t, environment(t, endpoint), "import", "--from-aws", "--data-dir", target.DataDir)
	if status != 0 || !strings.Contains(out, "Imported 3 rooms") {
		t.Errorf("exit status %d\n%s", status, out)
	}
}
