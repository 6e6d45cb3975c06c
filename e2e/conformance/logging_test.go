package conformance

import (
	"net/http"
	"slices"
	"testing"
)

func TestLoggingConfiguration(t *testing.T) {
	t.Parallel()
	s3 := m{"s3": m{"bucketName": "chat-logs"}}
	check(t, "Create returns every member and ACTIVE", func(t *testing.T) {
		o := call(t, "CreateLoggingConfiguration", m{"name": "logs", "destinationConfiguration": s3, "tags": m{"a": "b"}}).want(t, http.StatusOK)
		wantMembers(t, o, "arn", "id", "createTime", "updateTime", "name", "destinationConfiguration", "state", "tags")
		wantValue(t, o, "state", "ACTIVE")
		wantValue(t, o, "name", "logs")
		wantValue(t, o, "tags", m{"a": "b"})
		instant(t, o, "createTime")
		instant(t, o, "updateTime")
		id := text(t, o, "id")
		if !idForm.MatchString(id) || o["arn"] != loggingARN(id) {
			t.Errorf("id %q, arn %v", id, o["arn"])
		}
	})
	for name, destination := range map[string]m{
		"s3":             {"s3": m{"bucketName": "chat-logs"}},
		"cloudWatchLogs": {"cloudWatchLogs": m{"logGroupName": "/chat/logs"}},
		"firehose":       {"firehose": m{"deliveryStreamName": "chat"}},
	} {
		check(t, "Get shows the destination alone/"+name, func(t *testing.T) {
			logging := newLogging(t, m{"destinationConfiguration": destination})
			wantValue(t, get(t, logging), "destinationConfiguration", destination)
		})
		check(t, "Update replaces the destination/"+name, func(t *testing.T) {
			logging := newLogging(t, m{"name": "kept", "destinationConfiguration": m{"s3": m{"bucketName": "first"}}})
			o := call(t, "UpdateLoggingConfiguration", m{"identifier": logging.arn, "destinationConfiguration": destination}).want(t, http.StatusOK)
			wantValue(t, o, "destinationConfiguration", destination)
			wantValue(t, o, "name", "kept")
			wantValue(t, o, "state", "ACTIVE")
		})
	}
	check(t, "tags are an empty object when there are none", func(t *testing.T) {
		wantValue(t, get(t, newLogging(t, nil)), "tags", m{})
	})
	check(t, "Update of the name keeps the rest", func(t *testing.T) {
		logging := newLogging(t, m{"name": "before", "tags": m{"a": "b"}})
		before := get(t, logging)
		o := call(t, "UpdateLoggingConfiguration", m{"identifier": logging.arn, "name": "after"}).want(t, http.StatusOK)
		wantValue(t, o, "name", "after")
		for _, member := range []string{"arn", "id", "createTime", "destinationConfiguration", "tags"} {
			wantValue(t, o, member, before[member])
		}
		if !instant(t, o, "updateTime").After(instant(t, before, "updateTime")) {
			t.Error("updateTime did not grow")
		}
	})
	check(t, "Delete answers 204 without a body", func(t *testing.T) {
		logging := newLogging(t, nil)
		call(t, "DeleteLoggingConfiguration", m{"identifier": logging.arn}).wantEmpty(t, http.StatusNoContent)
		call(t, "GetLoggingConfiguration", m{"identifier": logging.arn}).wantNotFound(t, "LOGGING_CONFIGURATION", logging.id)
	})
	check(t, "Delete while a room uses it is a conflict", func(t *testing.T) {
		logging := newLogging(t, nil)
		room := newRoom(t, m{"loggingConfigurationIdentifiers": []string{logging.arn}})
		o := call(t, "DeleteLoggingConfiguration", m{"identifier": logging.arn}).wantError(t, "ConflictException", http.StatusConflict)
		wantMembers(t, o, "message", "resourceId", "resourceType")
		wantValue(t, o, "resourceId", logging.id)
		wantValue(t, o, "resourceType", "LOGGING_CONFIGURATION")
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		call(t, "DeleteLoggingConfiguration", m{"identifier": logging.arn}).wantEmpty(t, http.StatusNoContent)
	})
	check(t, "one configuration serves many rooms", func(t *testing.T) {
		logging := newLogging(t, nil)
		for range 3 {
			newRoom(t, m{"loggingConfigurationIdentifiers": []string{logging.arn}})
		}
	})
	check(t, "List has the same members in its summaries", func(t *testing.T) {
		logging := newLogging(t, m{"name": "listed"})
		for _, o := range allLogging(t, 50) {
			if o["id"] == logging.id {
				wantMembers(t, o, "arn", "id", "createTime", "updateTime", "name", "destinationConfiguration", "state", "tags")
				return
			}
		}
		t.Error("the configuration is not listed")
	})
	check(t, "List shows each one once, newest updateTime first", func(t *testing.T) {
		a, b, c := newLogging(t, nil), newLogging(t, nil), newLogging(t, nil)
		call(t, "UpdateLoggingConfiguration", m{"identifier": a.arn, "name": "moved"}).want(t, http.StatusOK)
		var got []string
		for _, o := range allLogging(t, 2) {
			if id := o["id"].(string); id == a.id || id == b.id || id == c.id {
				got = append(got, id)
			}
		}
		if want := []string{a.id, c.id, b.id}; !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	})
}

// allLogging returns all logging configurations, page by page.
func allLogging(t *testing.T, pageSize int) []m {
	t.Helper()
	var all []m
	request := m{"maxResults": pageSize}
	for {
		page := call(t, "ListLoggingConfigurations", request).want(t, http.StatusOK)
		for _, o := range page["loggingConfigurations"].([]any) {
			all = append(all, o.(m))
		}
		if page["nextToken"] == nil {
			return all
		}
		request["nextToken"] = page["nextToken"]
	}
}
