package review

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/google/go-cmp/cmp"

	"confab/internal/testbed/process"
)

func TestHTTP(t *testing.T) {
	t.Parallel()
	testHandler(t, start(t, serveHTTP(t), process.Options{}))
}

func TestExec(t *testing.T) {
	t.Parallel()
	testHandler(t, start(t, "exec:"+buildFunction(t), process.Options{}))
}

func TestLambda(t *testing.T) {
	t.Parallel()
	endpoint := serveLambda(t)
	s := start(t, "lambda:chat-dev-review", process.Options{Env: []string{"AWS_ENDPOINT_URL_LAMBDA=" + endpoint}})
	testHandler(t, s)
	if !strings.Contains(s.Log(), "Message review handler accepted, but not checked") {
		t.Error("serverless-offline knows no dry run, and the log does not say so")
	}
}

// testHandler is what all handlers have in common. The handler is Answer.
func testHandler(t *testing.T, s *server) {
	room := s.room(t, types.FallbackResultAllow)
	ann, bob := s.join(t, room, "ann"), s.join(t, room, "bob")

	// A cold start may take longer than the time limit; then the fallback
	// result decides, and the message has no attributes.
	eventually(t, "the handler to be warm", func() bool {
		f := ann.ask(t, "hello")
		if got := bob.next(t); got.Id != f.Id {
			t.Fatalf("ann got %+v, bob %+v", f, got)
		}
		return f.Attributes != nil
	})

	t.Run("allowed and changed", func(t *testing.T) {
		id := ann.send(t, "darn it", map[string]string{"color": "red"})
		for _, c := range []*client{ann, bob} {
			f := c.next(t)
			want := map[string]string{"color": "red", "role": "viewer", "ip": "127.0.0.1", "room": room}
			if f.Type != "MESSAGE" || f.RequestId != id || f.Content != "d*** it" {
				t.Errorf("got %+v", f)
			}
			if diff := cmp.Diff(want, f.Attributes); diff != "" {
				t.Error(diff)
			}
		}
	})

	t.Run("denied", func(t *testing.T) {
		f := ann.ask(t, "deny this")
		if f.Type != "ERROR" || f.ErrorCode != 406 || f.ErrorMessage != "not in this room, ann" || !messageID.MatchString(f.Id) {
			t.Errorf("got %+v", f)
		}
		eventually(t, "a line about the message in the log", func() bool { return strings.Contains(s.Log(), f.Id) })
		ann.ask(t, "after it")
		if got := bob.next(t); got.Content != "after it" {
			t.Errorf("bob got %+v", got)
		}
	})

	t.Run("no valid answer", func(t *testing.T) {
		deny := s.join(t, s.room(t, types.FallbackResultDeny), "cid")
		for _, content := range []string{"fail", "garbage", "slow"} {
			f := ann.ask(t, content)
			if f.Type != "MESSAGE" || f.Content != content || f.Attributes != nil {
				t.Errorf("%s, and the fallback result ALLOW: %+v", content, f)
			}
			if got := bob.next(t); got.Id != f.Id {
				t.Errorf("bob got %+v", got)
			}
			if f := deny.ask(t, content); f.Type != "ERROR" || f.ErrorCode != 406 || f.ErrorMessage == "" {
				t.Errorf("%s, and the fallback result DENY: %+v", content, f)
			}
		}
		for name, least := range map[string]float64{"invocation": 4, "response_validation": 2} {
			metric := "confab_review_" + name + `_errors_total{uri="` + handlerARN + `"}`
			if n := s.Metric(t, metric); n < least {
				t.Errorf("%s is %v, want at least %v", metric, n, least)
			}
		}
	})

	t.Run("a slow review holds up its sender only", func(t *testing.T) {
		other := s.join(t, s.room(t, ""), "dan")
		process.Within(t, 500*time.Millisecond, func() time.Duration { // The review takes a second.
			// The handler may still be at the slow ones from before.
			eventually(t, "the handler to answer again", func() bool {
				f := ann.ask(t, "hello")
				bob.next(t)
				return f.Attributes != nil
			})
			began := time.Now()
			slow, behind := ann.send(t, "slow", nil), ann.send(t, "behind it", nil)
			if f := other.ask(t, "elsewhere"); f.Type != "MESSAGE" {
				t.Errorf("got %+v", f)
			}
			if _, err := s.api.SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: &room, EventName: aws.String("app:NOTICE")}); err != nil {
				t.Error(err)
			}
			took := time.Since(began)
			var got []string
			for range 3 {
				f := ann.next(t)
				if f.Type == "EVENT" {
					f.RequestId = "" // It is that of the call.
				}
				got = append(got, f.Type+f.RequestId)
			}
			want := []string{"EVENT", "MESSAGE" + slow, "MESSAGE" + behind}
			if !slices.Equal(got, want) {
				if took < 500*time.Millisecond {
					t.Errorf("got %v, want %v", got, want)
				}
				return time.Second // The event may have come too late.
			}
			return took
		})
	})

	for line := range strings.Lines(s.Log()) {
		for _, secret := range []string{"darn", "d*** it", "deny this", "not in this room", "behind it", "viewer"} {
			if strings.Contains(line, secret) {
				t.Errorf("the log says %q: %s", secret, line)
			}
		}
	}
}

var messageID = regexp.MustCompile(`^[a-zA-Z0-9]{12}$`)

func TestAssociate_refused(t *testing.T) {
	t.Parallel()
	s := start(t, "exec:./there/is/none", process.Options{})
	_, err := s.api.CreateRoom(t.Context(), &ivschat.CreateRoomInput{MessageReviewHandler: &types.MessageReviewHandler{Uri: aws.String(handlerARN)}})
	invalid, ok := errors.AsType[*types.ValidationException](err)
	if !ok || !strings.Contains(invalid.ErrorMessage(), "invalid lambda permission") || invalid.Reason != types.ValidationExceptionReasonFieldValidationFailed {
		t.Errorf("got %v, want a ValidationException", err)
	}
}

func TestConfiguration_refused(t *testing.T) {
	t.Parallel()
	file := configure(t, "exec")
	s, err := process.Start(t.Context(), process.Options{DataDir: t.TempDir(), Args: []string{"--config", file}})
	if err == nil {
		t.Fatal("it starts", s.Stop())
	}
	for _, say := range []string{"exit status 2", file + ":1: messageReviewHandlers", "needs a program"} {
		if !strings.Contains(err.Error(), say) {
			t.Errorf("%v does not say %q", err, say)
		}
	}
}
