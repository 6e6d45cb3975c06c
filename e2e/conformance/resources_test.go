package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"testing"
)

// deleteLater has what r says was created deleted at the end of the case.
func (e *endpoint) deleteLater(t *testing.T, operation string, r *reply) {
	t.Helper()
	remove := map[string]string{
		"CreateRoom": "DeleteRoom", "CreateLoggingConfiguration": "DeleteLoggingConfiguration", ours("CreateWebhook"): ours("DeleteWebhook"),
	}[operation]
	if remove == "" || r.status != http.StatusOK {
		return
	}
	arn, _ := r.object(t)["arn"].(string)
	id, _ := r.object(t)["id"].(string)
	t.Cleanup(func() {
		body, _ := json.Marshal(m{"identifier": arn})
		if operation == ours("CreateWebhook") {
			body, _ = json.Marshal(m{"id": id})
		}
		req, err := e.request(context.Background(), &call4{path: "/" + remove, body: string(body)})
		if err != nil {
			return
		}
		if res, err := e.http.Do(req); err == nil {
			res.Body.Close()
		}
	})
}

// resource is a room or a logging configuration of a case.
type resource struct{ arn, id string }

// newRoom makes a room for the case.
func newRoom(t *testing.T, members m) resource {
	t.Helper()
	return subject.newRoom(t, members)
}

func (e *endpoint) newRoom(t *testing.T, members m) resource {
	t.Helper()
	if members == nil {
		members = m{}
	}
	return created(t, e.call(t, "CreateRoom", members))
}

// newLogging makes a logging configuration for the case.
func newLogging(t *testing.T, members m) resource {
	t.Helper()
	all := m{"destinationConfiguration": m{"s3": m{"bucketName": "chat-logs"}}}
	maps.Copy(all, members)
	return created(t, call(t, "CreateLoggingConfiguration", all))
}

func created(t *testing.T, r *reply) resource {
	t.Helper()
	o := r.want(t, http.StatusOK)
	return resource{arn: text(t, o, "arn"), id: text(t, o, "id")}
}

// get returns the room or the logging configuration as its Get operation shows it.
func get(t *testing.T, r resource) m {
	t.Helper()
	operation := "GetRoom"
	if bytes.Contains([]byte(r.arn), []byte(":logging-configuration/")) {
		operation = "GetLoggingConfiguration"
	}
	return call(t, operation, m{"identifier": r.arn}).want(t, http.StatusOK)
}

// tagPath is the path of the tag operations, with the ARN in one segment as SDKs send it.
func tagPath(arn string) string { return "/tags/" + url.QueryEscape(arn) }
