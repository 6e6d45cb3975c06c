package control_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/control"
)

func manyTags(prefix string, n int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprint(prefix, i)] = "v"
	}
	return tags
}

func TestTags(t *testing.T) {
	s := newService(t, nil)
	room, config := s.room(t, control.CreateRoomInput{Tags: map[string]string{"a": "1"}}), s.logging(t)
	tags := func(t *testing.T, arn *string) map[string]string {
		t.Helper()
		out, err := s.ListTagsForResource(asRoot(t), &control.ListTagsForResourceInput{ResourceARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		return out.Tags
	}
	t.Run("the path is one encoded segment", func(t *testing.T) {
		path := "/tags/" + url.QueryEscape(*room.ARN)
		if a := s.send(t, "GET", path, "", nil); a.text != `{"tags":{"a":"1"}}` {
			t.Errorf("got %d %s", a.status, a.text)
		}
		if a := s.send(t, "POST", path, `{"tags":{"b":"2","a":"3"}}`, nil); a.status != 200 || a.text != `{}` {
			t.Errorf("got %d %s", a.status, a.text)
		}
		if d := cmp.Diff(map[string]string{"a": "3", "b": "2"}, tags(t, room.ARN)); d != "" {
			t.Error(d)
		}
		if a := s.send(t, "DELETE", path+"?tagKeys=a&tagKeys=no%20such", "", nil); a.status != 200 || a.text != `{}` {
			t.Errorf("got %d %s", a.status, a.text)
		}
		if d := cmp.Diff(map[string]string{"b": "2"}, tags(t, room.ARN)); d != "" {
			t.Error(d)
		}
	})
	t.Run("a body of GET and DELETE is ignored", func(t *testing.T) {
		for _, c := range []struct{ method, query string }{{"GET", ""}, {"DELETE", "?tagKeys=none"}} {
			s.send(t, c.method, "/tags/"+url.QueryEscape(*room.ARN)+c.query, "not JSON", nil).want(t, 200, "")
		}
	})
	t.Run("a change of tags reaches the live room", func(t *testing.T) {
		s.live.done()
		for _, arn := range []*string{room.ARN, config.ARN} {
			if _, err := s.TagResource(asRoot(t), &control.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"z": "y"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.UntagResource(asRoot(t), &control.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"z"}}); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff([][]string{{"RoomChanged", *room.ID}, {"RoomChanged", *room.ID}}, s.live.done()); d != "" {
			t.Error(d)
		}
	})
	t.Run("a path that is not encoded is understood", func(t *testing.T) {
		if a := s.send(t, "GET", "/tags/"+*room.ARN, "", nil); a.text != `{"tags":{"b":"2"}}` {
			t.Errorf("got %d %s", a.status, a.text)
		}
	})
	t.Run("a logging configuration", func(t *testing.T) {
		if _, err := s.TagResource(asRoot(t), &control.TagResourceInput{ResourceARN: config.ARN, Tags: map[string]string{"x": "y"}}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[string]string{"x": "y"}, tags(t, config.ARN)); d != "" {
			t.Error(d)
		}
		if _, err := s.UntagResource(asRoot(t), &control.UntagResourceInput{ResourceARN: config.ARN, TagKeys: []string{"x"}}); err != nil {
			t.Fatal(err)
		}
		if a := s.send(t, "GET", "/tags/"+url.QueryEscape(*config.ARN), "", nil); a.text != `{"tags":{}}` {
			t.Errorf("got %s", a.text)
		}
	})
	t.Run("tagging does not change the update time", func(t *testing.T) {
		got, err := s.GetRoom(asRoot(t), &control.GetRoomInput{Identifier: room.ARN})
		if err != nil || *got.UpdateTime != *room.UpdateTime {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("more than 50 after merging: nothing is stored", func(t *testing.T) {
		before := tags(t, room.ARN)
		_, err := s.TagResource(asRoot(t), &control.TagResourceInput{ResourceARN: room.ARN, Tags: manyTags("n", 50)})
		wantCode(t, err, chat.Invalid)
		if d := cmp.Diff(before, tags(t, room.ARN)); d != "" {
			t.Error(d)
		}
		if _, err := s.TagResource(asRoot(t), &control.TagResourceInput{ResourceARN: room.ARN, Tags: manyTags("n", 49)}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a resource that does not exist", func(t *testing.T) {
		for _, arn := range []string{missing(chat.RoomResource), missing(chat.LoggingConfigurationResource), strings.Replace(*room.ARN, region, "eu-west-1", 1), strings.Replace(*room.ARN, account, "999999999999", 1)} {
			path := "/tags/" + url.QueryEscape(arn)
			s.send(t, "GET", path, "", nil).want(t, 404, "ResourceNotFoundException")
			s.send(t, "POST", path, `{"tags":{"a":"b"}}`, nil).want(t, 404, "ResourceNotFoundException")
			s.send(t, "DELETE", path+"?tagKeys=a", "", nil).want(t, 404, "ResourceNotFoundException")
		}
	})
	t.Run("an ARN of no resource", func(t *testing.T) {
		for _, arn := range []string{"x", "arn:aws:s3:::bucket", *room.ID, strings.Repeat("x", 200), "%ff"} {
			path := "/tags/" + strings.ReplaceAll(url.QueryEscape(arn), "%25", "%")
			s.send(t, "GET", path, "", nil).want(t, 400, "ValidationException")
		}
		s.send(t, "GET", "/tags/", "", nil).want(t, 400, "ValidationException")
	})
	t.Run("a key that is not UTF-8", func(t *testing.T) {
		s.send(t, "DELETE", "/tags/"+url.QueryEscape(*room.ARN)+"?tagKeys=%ff", "", nil).want(t, 400, "ValidationException")
	})
}
