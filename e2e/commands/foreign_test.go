package commands

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	foreignRoom    = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl"
	foreignLogging = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/MnOpQrStUvWx"
)

// What Amazon IVS Chat answers, in the shapes of its API reference. The member isNew stands for
// those that a later version of the service may add.
const (
	roomMembers = `"arn":"` + foreignRoom + `","id":"AbCdEfGhIjKl","name":"stage","createTime":"2022-03-16T03:08:08Z","updateTime":"2022-03-16T03:08:08Z",
 "maximumMessageLength":500,"maximumMessageRatePerSecond":10,"tags":{"team":"live"},"isNew":true`
	loggingMembers = `"arn":"` + foreignLogging + `","id":"MnOpQrStUvWx","name":"archive","state":"ACTIVE","createTime":"2022-09-14T17:48:00Z",
 "updateTime":"2022-09-14T17:48:01Z","destinationConfiguration":{"s3":{"bucketName":"chat-archive"}},"tags":{},"isNew":true`
)

// answers are the answers by method and path.
var answers = map[string]string{
	"POST /CreateChatToken":            `{"token":"AQICAHz","tokenExpirationTime":"2022-03-16T04:44:09Z","sessionExpirationTime":"2022-03-16T04:43:09Z"}`,
	"POST /CreateRoom":                 `{` + roomMembers + `}`,
	"POST /GetRoom":                    `{` + roomMembers + `}`,
	"POST /UpdateRoom":                 `{` + roomMembers + `}`,
	"POST /DeleteRoom":                 ``,
	"POST /ListRooms":                  `{"rooms":[{` + roomMembers + `}],"nextToken":"page2"}`,
	"POST /ListRooms page2":            `{"rooms":[{"arn":"arn:aws:ivschat:us-west-2:123456789012:room/000000000002","id":"000000000002"}]}`,
	"POST /SendEvent":                  `{"id":"7DGIl3rvUDXt"}`,
	"POST /CreateLoggingConfiguration": `{` + loggingMembers + `}`,
	"POST /GetLoggingConfiguration":    `{` + loggingMembers + `}`,
	"POST /UpdateLoggingConfiguration": `{` + loggingMembers + `}`,
	"POST /DeleteLoggingConfiguration": ``,
	"POST /ListLoggingConfigurations":  `{"loggingConfigurations":[{` + loggingMembers + `}]}`,
	"POST /tags/" + foreignRoom:        `{}`,
	"DELETE /tags/" + foreignRoom:      `{}`,
	"GET /tags/" + foreignRoom:         `{"tags":{"team":"live"}}`,
	"POST /DeleteMessage":              `{"id":"12345679012m"}`,
	"POST /DisconnectUser":             `{}`,
}

// TestForeignServer runs commands against a server that is not Confab, with recorded answers:
// each sends the call that the AWS model has, and reads the answer. Each call is throttled once.
func TestForeignServer(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	throttled := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		name := r.Method + " " + r.URL.Path
		if strings.Contains(string(body), `"page2"`) {
			name += " page2"
		}
		w.Header().Set("Content-Type", "application/json")
		answer, known := answers[name]
		switch {
		case !known:
			w.Header().Set("X-Amzn-Errortype", "UnknownOperationException")
			w.WriteHeader(http.StatusNotFound)
			return
		case !strings.Contains(r.Header.Get("Authorization"), "/us-west-2/ivschat/aws4_request"):
			t.Errorf("%s has the Authorization %q", name, r.Header.Get("Authorization"))
		case !throttled[name]:
			throttled[name] = true
			w.Header().Set("X-Amzn-Errortype", "ThrottlingException")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"message":"Rate exceeded"}`)
			return
		}
		calls = append(calls, strings.TrimSpace(name+" "+string(body)))
		if answer == "" {
			w.WriteHeader(http.StatusNoContent)
		}
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	env := environment(t, server.URL)
	for _, test := range []struct {
		command string
		calls   []string
		prints  string
	}{
		{"token create " + foreignRoom + " --as ann --can send -o json", []string{`POST /CreateChatToken {"attributes":{},"capabilities":["SEND_MESSAGE"],"roomIdentifier":"` + foreignRoom + `","userId":"ann"}`}, `"token": "AQICAHz"`},
		{"room create stage --max-rate 10 --tag team=live -o text", []string{`POST /CreateRoom {"maximumMessageRatePerSecond":10,"name":"stage","tags":{"team":"live"}}`}, "AbCdEfGhIjKl\tstage\t"},
		{"room get " + foreignRoom + " -o json", []string{`POST /GetRoom {"identifier":"` + foreignRoom + `"}`}, `"maximumMessageLength": 500`},
		{"room update " + foreignRoom + " --name stage", []string{`POST /UpdateRoom {"identifier":"` + foreignRoom + `","name":"stage"}`}, "stage"},
		{"room delete " + foreignRoom, []string{`POST /DeleteRoom {"identifier":"` + foreignRoom + `"}`}, "Deleted " + foreignRoom},
		{"room list -o jsonl", []string{`POST /ListRooms {}`, `POST /ListRooms page2 {"nextToken":"page2"}`}, `"id":"000000000002"`},
		{"room tag " + foreignRoom + " team=live", []string{`POST /tags/` + foreignRoom + ` {"tags":{"team":"live"}}`}, ""},
		{"room untag " + foreignRoom + " team", []string{`DELETE /tags/` + foreignRoom}, ""},
		{"room tag " + foreignRoom + " -o text", []string{`GET /tags/` + foreignRoom}, "team\tlive"},
		{"delete-message " + foreignRoom + " AbCdEf123456 --reason ads -o text", []string{`POST /DeleteMessage {"id":"AbCdEf123456","reason":"ads","roomIdentifier":"` + foreignRoom + `"}`}, "12345679012m\tAbCdEf123456"},
		{"disconnect " + foreignRoom + " troll --reason ads", []string{`POST /DisconnectUser {"reason":"ads","roomIdentifier":"` + foreignRoom + `","userId":"troll"}`}, "Disconnected troll"},
		{"event " + foreignRoom + " score home=1", []string{`POST /SendEvent {"attributes":{"home":"1"},"eventName":"score","roomIdentifier":"` + foreignRoom + `"}`}, "7DGIl3rvUDXt"},
		{"logging create archive --s3 chat-archive", []string{`POST /CreateLoggingConfiguration {"destinationConfiguration":{"s3":{"bucketName":"chat-archive"}},"name":"archive","tags":{}}`}, "archive"},
		{"logging get archive -o json", []string{`POST /ListLoggingConfigurations {}`, `POST /GetLoggingConfiguration {"identifier":"` + foreignLogging + `"}`}, `"state": "ACTIVE"`},
		{"logging update " + foreignLogging + " --name archive", []string{`POST /UpdateLoggingConfiguration {"identifier":"` + foreignLogging + `","name":"archive"}`}, "archive"},
		{"logging delete " + foreignLogging, []string{`POST /DeleteLoggingConfiguration {"identifier":"` + foreignLogging + `"}`}, "Deleted " + foreignLogging},
		{"__complete room get st", []string{`POST /ListRooms {}`, `POST /ListRooms page2 {"nextToken":"page2"}`}, "stage\tAbCdEfGhIjKl"},
	} {
		t.Run(test.command, func(t *testing.T) {
			mu.Lock()
			calls = nil
			mu.Unlock()
			out, status := confab(t, env, strings.Fields(test.command)...)
			mu.Lock()
			defer mu.Unlock()
			if status != 0 || !slices.Equal(calls, test.calls) || !strings.Contains(out, test.prints) {
				t.Errorf("exit status %d, want the calls %q and %q, got %q\n%s", status, test.calls, test.prints, calls, out)
			}
		})
	}

	t.Run("each of the 17 operations was called", func(t *testing.T) {
		mu.Lock()
		defer mu.Unlock()
		for name := range answers {
			if !throttled[name] {
				t.Errorf("no command calls %s", name)
			}
		}
		if pages := 1; len(answers)-pages != 17 {
			t.Errorf("%d operations have an answer", len(answers)-pages)
		}
	})

	t.Run("what the other server does not have", func(t *testing.T) {
		if out, status := confab(t, env, "room", "messages", foreignRoom); status != 1 || !strings.Contains(out, "UnknownOperationException") || !strings.Contains(out, "the server is not Confab") {
			t.Errorf("exit status %d\n%s", status, out)
		}
		aws := slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, "AWS_ENDPOINT_URL") })
		if out, status := confab(t, aws, "room", "messages", foreignRoom); status != 1 || !strings.Contains(out, "Amazon IVS Chat does not have it; name a Confab server with --endpoint") {
			t.Errorf("exit status %d\n%s", status, out)
		}
	})
}
