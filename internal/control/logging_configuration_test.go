package control_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/control"
	"confab/internal/quota"
)

func TestCreateLoggingConfiguration(t *testing.T) {
	s := newService(t, nil)
	for _, c := range []struct{ name, destination string }{
		{"a bucket", `{"s3":{"bucketName":"chat-logs.example"}}`},
		{"a log group", `{"cloudWatchLogs":{"logGroupName":"/ivs/chat_1.x#y"}}`},
		{"a delivery stream", `{"firehose":{"deliveryStreamName":"chat.stream_1-x"}}`},
		{"null members do not count", `{"s3":{"bucketName":"chat-logs.example"},"firehose":null,"kinesis":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.post(t, "CreateLoggingConfiguration", `{"name":"logs-1","tags":{"a":"b"},"destinationConfiguration":`+c.destination+`}`)
			a.want(t, 200, "")
			id, _ := a.body["id"].(string)
			if d, ok := a.body["destinationConfiguration"].(map[string]any); !ok || len(d) != 1 || !chat.ValidID(id) {
				t.Errorf("got %s", a.text)
			}
			if a.body["arn"] != "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/"+id || a.body["state"] != "ACTIVE" ||
				a.body["name"] != "logs-1" || !cmp.Equal(a.body["tags"], map[string]any{"a": "b"}) {
				t.Errorf("got %s", a.text)
			}
			got := s.post(t, "GetLoggingConfiguration", fmt.Sprintf(`{"identifier":%q}`, a.body["arn"]))
			if d := cmp.Diff(a.body, got.body); d != "" {
				t.Errorf("GetLoggingConfiguration differs: %s", d)
			}
		})
	}
	t.Run("without a name, tags are still there", func(t *testing.T) {
		a := s.post(t, "CreateLoggingConfiguration", `{"destinationConfiguration":{"s3":{"bucketName":"abc"}}}`)
		if _, named := a.body["name"]; named || !cmp.Equal(a.body["tags"], map[string]any{}) {
			t.Errorf("got %s", a.text)
		}
	})
	t.Run("a union has one member (as restJson1 has it)", func(t *testing.T) {
		for _, d := range []string{`{}`, `{"s3":null}`, `{"s3":{"bucketName":"abc"},"firehose":{"deliveryStreamName":"a"}}`, `{"kinesis":{}}`, `{"s3":{"bucketName":"abc"},"kinesis":{}}`, `["s3"]`} {
			s.post(t, "CreateLoggingConfiguration", `{"destinationConfiguration":`+d+`}`).want(t, 400, "SerializationException")
		}
		_, err := s.CreateLoggingConfiguration(asRoot(t), &control.CreateLoggingConfigurationInput{DestinationConfiguration: &control.DestinationConfiguration{}})
		wantCode(t, err, chat.Invalid)
	})
}

func TestCreateLoggingConfigurationQuota(t *testing.T) {
	s := newService(t, func(o *options) {
		o.Quotas = quota.New(quota.Numbers{quota.LoggingConfigurations: 1}, o.Now)
	})
	s.logging(t)
	a := s.post(t, "CreateLoggingConfiguration", `{"destinationConfiguration":{"s3":{"bucketName":"abc"}}}`)
	a.want(t, 402, "ServiceQuotaExceededException")
	if a.body["limit"] != 1.0 || a.body["resourceType"] != "LOGGING_CONFIGURATION" {
		t.Errorf("got %s", a.text)
	}
}

func TestUpdateLoggingConfiguration(t *testing.T) {
	s := newService(t, nil)
	config := s.logging(t)
	update := func(in control.UpdateLoggingConfigurationInput) *control.LoggingConfiguration {
		t.Helper()
		in.Identifier = config.ARN
		out, err := s.UpdateLoggingConfiguration(asRoot(t), &in)
		if err != nil {
			t.Fatal(err)
		}
		return (*control.LoggingConfiguration)(out)
	}
	want := control.LoggingConfiguration(*config)
	got := update(control.UpdateLoggingConfigurationInput{Name: new("new")})
	want.Name, want.UpdateTime = new("new"), got.UpdateTime
	if d := cmp.Diff(&want, got); d != "" || *got.UpdateTime <= *config.UpdateTime {
		t.Errorf("%s, update time %s", d, *got.UpdateTime)
	}
	to := &control.DestinationConfiguration{Firehose: &control.FirehoseDestinationConfiguration{DeliveryStreamName: new("stream")}}
	got = update(control.UpdateLoggingConfigurationInput{DestinationConfiguration: to})
	want.DestinationConfiguration, want.UpdateTime = to, got.UpdateTime
	if d := cmp.Diff(&want, got); d != "" {
		t.Error(d)
	}
	_, err := s.UpdateLoggingConfiguration(asRoot(t), &control.UpdateLoggingConfigurationInput{Identifier: new(missing(chat.LoggingConfigurationResource))})
	wantCode(t, err, chat.NotFound)
}

func TestDeleteLoggingConfiguration(t *testing.T) {
	s := newService(t, nil)
	config := s.logging(t)
	room := s.room(t, control.CreateRoomInput{LoggingConfigurationIdentifiers: []string{*config.ARN}})
	body := fmt.Sprintf(`{"identifier":%q}`, *config.ARN)
	a := s.post(t, "DeleteLoggingConfiguration", body)
	a.want(t, 409, "ConflictException")
	if a.body["resourceId"] != *config.ID || a.body["resourceType"] != "LOGGING_CONFIGURATION" {
		t.Errorf("got %s", a.text)
	}
	if _, err := s.DeleteRoom(asRoot(t), &control.DeleteRoomInput{Identifier: room.ARN}); err != nil {
		t.Fatal(err)
	}
	a = s.post(t, "DeleteLoggingConfiguration", body)
	a.want(t, 204, "")
	if a.text != "" {
		t.Errorf("got a body %q", a.text)
	}
	s.post(t, "DeleteLoggingConfiguration", body).want(t, 404, "ResourceNotFoundException")
	s.post(t, "GetLoggingConfiguration", body).want(t, 404, "ResourceNotFoundException")
}

func TestListLoggingConfigurations(t *testing.T) {
	s := newService(t, nil)
	if a := s.post(t, "ListLoggingConfigurations", `{}`); a.text != `{"loggingConfigurations":[]}` {
		t.Errorf("got %s", a.text)
	}
	var want []string
	for range 3 {
		want = append([]string{*s.logging(t).ID}, want...)
	}
	var got []string
	in := &control.ListLoggingConfigurationsInput{MaxResults: new(int32(2))}
	for page := 1; ; page++ {
		out, err := s.ListLoggingConfigurations(asRoot(t), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range out.LoggingConfigurations {
			got = append(got, *c.ID)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			if page != 2 {
				t.Errorf("%d pages", page)
			}
			break
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	s.post(t, "ListLoggingConfigurations", `{"nextToken":"nonsense"}`).want(t, 400, "ValidationException")
}
