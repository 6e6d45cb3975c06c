package control_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/control"
	"confab/internal/quota"
)

var wireTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$`)

func TestCreateRoom(t *testing.T) {
	s := newService(t, nil)
	t.Run("nothing given: defaults filled in, tags always, the rest left out", func(t *testing.T) {
		a := s.post(t, "CreateRoom", `{}`)
		a.want(t, 200, "")
		id, _ := a.body["id"].(string)
		for _, member := range []string{"createTime", "updateTime"} {
			if text, _ := a.body[member].(string); !wireTime.MatchString(text) {
				t.Errorf("%s is %v", member, a.body[member])
			}
			delete(a.body, member)
		}
		want := map[string]any{
			"arn": "arn:aws:ivschat:us-west-2:123456789012:room/" + id, "id": id,
			"maximumMessageLength": 500.0, "maximumMessageRatePerSecond": 10.0, "tags": map[string]any{},
		}
		if d := cmp.Diff(want, a.body); d != "" || !chat.ValidID(id) {
			t.Errorf("id %q, %s", id, d)
		}
	})
	t.Run("no body at all", func(t *testing.T) { s.post(t, "CreateRoom", ``).want(t, 200, "") })
	t.Run("everything given", func(t *testing.T) {
		one, two := s.logging(t), s.logging(t)
		a := s.post(t, "CreateRoom", fmt.Sprintf(`{"name":"main-1_A","maximumMessageLength":100,"maximumMessageRatePerSecond":100,
			"messageReviewHandler":{"uri":%q,"fallbackResult":"DENY"},"loggingConfigurationIdentifiers":[%q,%q],"tags":{"team":"blue","env":""}}`,
			lambdaARN, *two.ARN, *one.ARN))
		a.want(t, 200, "")
		want := map[string]any{
			"name": "main-1_A", "maximumMessageLength": 100.0, "maximumMessageRatePerSecond": 100.0,
			"messageReviewHandler":            map[string]any{"uri": lambdaARN, "fallbackResult": "DENY"},
			"loggingConfigurationIdentifiers": []any{*two.ARN, *one.ARN},
			"tags":                            map[string]any{"team": "blue", "env": ""},
		}
		for _, made := range []string{"arn", "id", "createTime", "updateTime"} {
			want[made] = a.body[made]
		}
		if d := cmp.Diff(want, a.body); d != "" {
			t.Error(d)
		}
		got := s.post(t, "GetRoom", fmt.Sprintf(`{"identifier":%q}`, a.body["arn"]))
		if d := cmp.Diff(a.body, got.body); d != "" {
			t.Errorf("GetRoom differs: %s", d)
		}
	})
	t.Run("an empty list and an empty handler are as if not given", func(t *testing.T) {
		out := s.room(t, control.CreateRoomInput{LoggingConfigurationIdentifiers: []string{}, MessageReviewHandler: &control.MessageReviewHandler{}})
		if out.LoggingConfigurationIdentifiers != nil || out.MessageReviewHandler != nil {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("the fallback result is ALLOW unless given", func(t *testing.T) {
		out := s.room(t, control.CreateRoomInput{MessageReviewHandler: &control.MessageReviewHandler{URI: new(lambdaARN)}})
		if *out.MessageReviewHandler.FallbackResult != "ALLOW" {
			t.Errorf("got %s", *out.MessageReviewHandler.FallbackResult)
		}
	})
	t.Run("an unknown logging configuration", func(t *testing.T) {
		a := s.post(t, "CreateRoom", fmt.Sprintf(`{"loggingConfigurationIdentifiers":[%q]}`, missing(chat.LoggingConfigurationResource)))
		a.want(t, 404, "ResourceNotFoundException")
		if a.body["resourceType"] != "LOGGING_CONFIGURATION" || a.body["resourceId"] != "AAAAAAAAAAAA" {
			t.Errorf("got %s", a.text)
		}
	})
	t.Run("a logging configuration of another region", func(t *testing.T) {
		a := s.post(t, "CreateRoom", `{"loggingConfigurationIdentifiers":["arn:aws:ivschat:eu-west-1:123456789012:logging-configuration/AAAAAAAAAAAA"]}`)
		a.want(t, 404, "ResourceNotFoundException")
	})
	t.Run("names are not unique", func(t *testing.T) {
		a, b := s.room(t, control.CreateRoomInput{Name: new("same")}), s.room(t, control.CreateRoomInput{Name: new("same")})
		if *a.ID == *b.ID {
			t.Error("two rooms share an id")
		}
	})
}

func TestCreateRoomQuota(t *testing.T) {
	s := newService(t, func(o *options) { o.Quotas = quota.New(quota.Numbers{quota.Rooms: 2}, o.Now) })
	s.room(t, control.CreateRoomInput{})
	s.room(t, control.CreateRoomInput{})
	a := s.post(t, "CreateRoom", `{}`)
	a.want(t, 402, "ServiceQuotaExceededException")
	if a.body["limit"] != 2.0 || a.body["resourceType"] != "ROOM" {
		t.Errorf("got %s", a.text)
	}
	if _, ok := a.body["resourceId"].(string); !ok {
		t.Errorf("no resourceId in %s", a.text)
	}
}

func TestMessageReviewHandlerIsChecked(t *testing.T) {
	var asked []string
	s := newService(t, func(o *options) {
		o.CheckHandler = func(_ context.Context, uri string) error {
			asked = append(asked, uri)
			return chat.InvalidField("uri", "invalid lambda permission")
		}
	})
	a := s.post(t, "CreateRoom", fmt.Sprintf(`{"messageReviewHandler":{"uri":%q}}`, lambdaARN))
	a.want(t, 400, "ValidationException")
	if a.body["message"] != "Request member: uri failed to satisfy the constraints: invalid lambda permission" {
		t.Errorf("got %s", a.text)
	}
	room := s.room(t, control.CreateRoomInput{})
	_, err := s.UpdateRoom(asRoot(t), &control.UpdateRoomInput{Identifier: room.ARN, MessageReviewHandler: &control.MessageReviewHandler{URI: new(lambdaARN + "-2")}})
	wantCode(t, err, chat.Invalid)
	for _, h := range []*control.MessageReviewHandler{nil, {URI: new("")}, {FallbackResult: new("DENY")}} {
		if _, err := s.UpdateRoom(asRoot(t), &control.UpdateRoomInput{Identifier: room.ARN, MessageReviewHandler: h}); err != nil {
			t.Errorf("%+v: %v", h, err)
		}
	}
	if d := cmp.Diff([]string{lambdaARN, lambdaARN + "-2"}, asked); d != "" {
		t.Error(d)
	}
	got, err := s.GetRoom(asRoot(t), &control.GetRoomInput{Identifier: room.ARN})
	if err != nil || *got.MessageReviewHandler.URI != "" {
		t.Errorf("a refused handler was stored: %+v, %v", got, err)
	}
}

func TestUpdateRoom(t *testing.T) {
	s := newService(t, nil)
	config := s.logging(t)
	room := s.room(t, control.CreateRoomInput{
		Name: new("before"), MaximumMessageLength: new(int32(50)), Tags: map[string]string{"a": "b"},
		LoggingConfigurationIdentifiers: []string{*config.ARN},
		MessageReviewHandler:            &control.MessageReviewHandler{URI: new(lambdaARN)},
	})
	update := func(t *testing.T, in control.UpdateRoomInput) *control.Room {
		t.Helper()
		s.live.done()
		in.Identifier = room.ARN
		out, err := s.UpdateRoom(asRoot(t), &in)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([][]string{{"RoomChanged", *room.ID}}, s.live.done()); d != "" {
			t.Errorf("who is connected was not told: %s", d)
		}
		got, err := s.GetRoom(asRoot(t), &control.GetRoomInput{Identifier: room.ARN})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff((*control.Room)(got), (*control.Room)(out)); d != "" {
			t.Errorf("GetRoom differs: %s", d)
		}
		return (*control.Room)(out)
	}
	want := control.Room(*room)
	check := func(t *testing.T, got *control.Room) {
		t.Helper()
		if *got.UpdateTime <= *want.UpdateTime {
			t.Errorf("the update time went from %s to %s", *want.UpdateTime, *got.UpdateTime)
		}
		want.UpdateTime = got.UpdateTime
		if d := cmp.Diff(&want, got); d != "" {
			t.Error(d)
		}
	}
	t.Run("with only the identifier, only the update time changes", func(t *testing.T) { check(t, update(t, control.UpdateRoomInput{})) })
	t.Run("only what is present changes", func(t *testing.T) {
		want.Name, want.MaximumMessageRatePerSecond = new("after"), new(int32(99))
		check(t, update(t, control.UpdateRoomInput{Name: new("after"), MaximumMessageRatePerSecond: new(int32(99))}))
	})
	t.Run("an empty name takes the name away", func(t *testing.T) {
		want.Name = nil
		check(t, update(t, control.UpdateRoomInput{Name: new("")}))
	})
	t.Run("only the fallback result of a handler", func(t *testing.T) {
		want.MessageReviewHandler = &control.MessageReviewHandler{URI: new(lambdaARN), FallbackResult: new("DENY")}
		check(t, update(t, control.UpdateRoomInput{MessageReviewHandler: &control.MessageReviewHandler{FallbackResult: new("DENY")}}))
	})
	t.Run("only the uri of a handler", func(t *testing.T) {
		want.MessageReviewHandler = &control.MessageReviewHandler{URI: new(lambdaARN + "-2"), FallbackResult: new("DENY")}
		check(t, update(t, control.UpdateRoomInput{MessageReviewHandler: &control.MessageReviewHandler{URI: new(lambdaARN + "-2")}}))
	})
	t.Run("an empty handler changes nothing", func(t *testing.T) {
		check(t, update(t, control.UpdateRoomInput{MessageReviewHandler: &control.MessageReviewHandler{}}))
	})
	t.Run("an empty uri takes the handler away and stays visible", func(t *testing.T) {
		want.MessageReviewHandler = &control.MessageReviewHandler{URI: new(""), FallbackResult: new("DENY")}
		check(t, update(t, control.UpdateRoomInput{MessageReviewHandler: &control.MessageReviewHandler{URI: new("")}}))
	})
	t.Run("logging configurations are replaced as a whole", func(t *testing.T) {
		two, three := s.logging(t), s.logging(t)
		want.LoggingConfigurationIdentifiers = []string{*three.ARN, *two.ARN}
		check(t, update(t, control.UpdateRoomInput{LoggingConfigurationIdentifiers: []string{*three.ARN, *two.ARN}}))
	})
	t.Run("an empty list detaches all", func(t *testing.T) {
		want.LoggingConfigurationIdentifiers = []string{}
		check(t, update(t, control.UpdateRoomInput{LoggingConfigurationIdentifiers: []string{}}))
	})
	t.Run("an unknown logging configuration changes nothing", func(t *testing.T) {
		s.live.done()
		_, err := s.UpdateRoom(asRoot(t), &control.UpdateRoomInput{
			Identifier: room.ARN, Name: new("other"), LoggingConfigurationIdentifiers: []string{missing(chat.LoggingConfigurationResource)},
		})
		wantCode(t, err, chat.NotFound)
		if did := s.live.done(); did != nil {
			t.Errorf("did %v", did)
		}
		check(t, update(t, control.UpdateRoomInput{}))
	})
	t.Run("an unknown room", func(t *testing.T) {
		_, err := s.UpdateRoom(asRoot(t), &control.UpdateRoomInput{Identifier: new(missing(chat.RoomResource))})
		wantCode(t, err, chat.NotFound)
	})
}

func TestDeleteRoom(t *testing.T) {
	s := newService(t, nil)
	room := s.room(t, control.CreateRoomInput{})
	body := fmt.Sprintf(`{"identifier":%q}`, *room.ARN)
	a := s.post(t, "DeleteRoom", body)
	a.want(t, 204, "")
	if a.text != "" {
		t.Errorf("got a body %q", a.text)
	}
	if d := cmp.Diff([][]string{{"RoomChanged", *room.ID}}, s.live.done()); d != "" {
		t.Errorf("who is connected was not told: %s", d)
	}
	a = s.post(t, "DeleteRoom", body)
	a.want(t, 404, "ResourceNotFoundException")
	want := map[string]any{"message": "Resource " + *room.ARN + " does not exist", "resourceId": *room.ID, "resourceType": "ROOM"}
	if d := cmp.Diff(want, a.body); d != "" {
		t.Error(d)
	}
	if did := s.live.done(); did != nil {
		t.Errorf("did %v", did)
	}
}

func TestListRooms(t *testing.T) {
	s := newService(t, nil)
	t.Run("none", func(t *testing.T) {
		a := s.post(t, "ListRooms", `{"nextToken":""}`)
		a.want(t, 200, "")
		if a.text != `{"rooms":[]}` {
			t.Errorf("got %s", a.text)
		}
	})
	config := s.logging(t)
	named := s.room(t, control.CreateRoomInput{Name: new("one"), Tags: map[string]string{"a": "b"}})
	reviewed := s.room(t, control.CreateRoomInput{Name: new("one"), MessageReviewHandler: &control.MessageReviewHandler{URI: new(lambdaARN)}})
	logged := s.room(t, control.CreateRoomInput{Name: new("One"), LoggingConfigurationIdentifiers: []string{*config.ARN}})
	list := func(t *testing.T, in control.ListRoomsInput) ([]string, *string) {
		t.Helper()
		out, err := s.ListRooms(asRoot(t), &in)
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, r := range out.Rooms {
			ids = append(ids, *r.ID)
		}
		return ids, out.NextToken
	}
	for _, c := range []struct {
		name string
		in   control.ListRoomsInput
		want []string
	}{
		{"all, the last updated first", control.ListRoomsInput{}, []string{*logged.ID, *reviewed.ID, *named.ID}},
		{"an exact name", control.ListRoomsInput{Name: new("one")}, []string{*reviewed.ID, *named.ID}},
		{"a handler", control.ListRoomsInput{MessageReviewHandlerURI: new(lambdaARN)}, []string{*reviewed.ID}},
		{"a logging configuration", control.ListRoomsInput{LoggingConfigurationIdentifier: config.ARN}, []string{*logged.ID}},
		{"filters must all match", control.ListRoomsInput{Name: new("one"), LoggingConfigurationIdentifier: config.ARN}, []string{}},
		{"empty filters are none", control.ListRoomsInput{Name: new(""), MessageReviewHandlerURI: new("")}, []string{*logged.ID, *reviewed.ID, *named.ID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, next := list(t, c.in)
			if d := cmp.Diff(c.want, got); d != "" || next != nil {
				t.Errorf("%s, next %v", d, next)
			}
		})
	}
	t.Run("page by page", func(t *testing.T) {
		got, next := list(t, control.ListRoomsInput{MaxResults: new(int32(2))})
		if next == nil {
			t.Fatal("no token for the second page")
		}
		rest, end := list(t, control.ListRoomsInput{MaxResults: new(int32(2)), NextToken: next})
		if d := cmp.Diff([]string{*logged.ID, *reviewed.ID, *named.ID}, append(got, rest...)); d != "" || len(rest) != 1 || end != nil {
			t.Errorf("%s, %v, %v", d, rest, end)
		}
	})
	t.Run("a summary has all but the two maxima", func(t *testing.T) {
		a := s.post(t, "ListRooms", `{"name":"one","maxResults":50}`)
		summary, ok := a.body["rooms"].([]any)[1].(map[string]any)
		want := map[string]any{
			"arn": *named.ARN, "id": *named.ID, "name": "one", "createTime": *named.CreateTime, "updateTime": *named.UpdateTime,
			"tags": map[string]any{"a": "b"},
		}
		if d := cmp.Diff(want, summary); d != "" || !ok {
			t.Error(d)
		}
	})
	t.Run("an unknown logging configuration", func(t *testing.T) {
		_, err := s.ListRooms(asRoot(t), &control.ListRoomsInput{LoggingConfigurationIdentifier: new(missing(chat.LoggingConfigurationResource))})
		wantCode(t, err, chat.NotFound)
	})
	t.Run("an invalid nextToken", func(t *testing.T) {
		s.post(t, "ListRooms", `{"nextToken":"nonsense"}`).want(t, 400, "ValidationException")
	})
}
