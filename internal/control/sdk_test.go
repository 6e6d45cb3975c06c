package control_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/quota"
)

// All 17 operations with the official client, signed and verified.
func TestOfficialClient(t *testing.T) {
	s, client := newSigned(t, nil)
	ctx := t.Context()
	config, err := client.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{
		Name:                     aws.String("logs"),
		DestinationConfiguration: &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: aws.String("chat-logs")}},
		Tags:                     map[string]string{"team": "blue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s3, ok := config.DestinationConfiguration.(*types.DestinationConfigurationMemberS3); !ok || *s3.Value.BucketName != "chat-logs" || config.State != types.CreateLoggingConfigurationStateActive {
		t.Errorf("got %+v", config)
	}
	room, err := client.CreateRoom(ctx, &ivschat.CreateRoomInput{
		Name: aws.String("main"), MaximumMessageLength: aws.Int32(100), LoggingConfigurationIdentifiers: []string{*config.Arn},
		MessageReviewHandler: &types.MessageReviewHandler{Uri: aws.String(lambdaARN), FallbackResult: types.FallbackResultDeny},
		Tags:                 map[string]string{"team": "blue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(*room.CreateTime); age < 0 || age > time.Minute || *room.MaximumMessageRatePerSecond != 10 || room.MessageReviewHandler.FallbackResult != types.FallbackResultDeny {
		t.Errorf("got %+v", room)
	}
	arn, err := chat.ParseARN(*room.Arn)
	if err != nil || arn.ID != *room.Id {
		t.Fatalf("got %v, %v", arn, err)
	}

	got, err := client.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.Arn})
	if err != nil || *got.Name != "main" || got.Tags["team"] != "blue" || got.LoggingConfigurationIdentifiers[0] != *config.Arn {
		t.Errorf("GetRoom: %+v, %v", got, err)
	}
	updated, err := client.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: room.Arn, Name: aws.String("other"), LoggingConfigurationIdentifiers: []string{}})
	if err != nil || *updated.Name != "other" || *updated.MaximumMessageLength != 100 || len(updated.LoggingConfigurationIdentifiers) != 0 {
		t.Errorf("UpdateRoom: %+v, %v", updated, err)
	}
	rooms, err := client.ListRooms(ctx, &ivschat.ListRoomsInput{Name: aws.String("other")})
	if err != nil || len(rooms.Rooms) != 1 || *rooms.Rooms[0].Arn != *room.Arn || rooms.NextToken != nil {
		t.Errorf("ListRooms: %+v, %v", rooms, err)
	}
	token, err := client.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: room.Arn, UserId: aws.String("ann"), SessionDurationInMinutes: aws.Int32(30),
		Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage}, Attributes: map[string]string{"name": "Ann"},
	})
	if err != nil || *token.Token != "sealed" || !token.SessionExpirationTime.Equal(*token.TokenExpirationTime) || !token.TokenExpirationTime.Equal(s.tokens.last.Expires) {
		t.Errorf("CreateChatToken: %+v, %v", token, err)
	}
	s.live.done()
	event, err := client.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: aws.String("app:NOTE"), Attributes: map[string]string{"key": "ä"}})
	if err != nil || *event.Id != "EventIdAAAAA" {
		t.Errorf("SendEvent: %+v, %v", event, err)
	}
	deleted, err := client.DeleteMessage(ctx, &ivschat.DeleteMessageInput{RoomIdentifier: room.Arn, Id: aws.String("AbCdEf123456"), Reason: aws.String("rude")})
	if err != nil || *deleted.Id != "EventIdBBBBB" {
		t.Errorf("DeleteMessage: %+v, %v", deleted, err)
	}
	if _, err := client.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: room.Arn, UserId: aws.String("ann")}); err != nil {
		t.Errorf("DisconnectUser: %v", err)
	}
	if d := cmp.Diff([][]string{
		{"SendEvent", *room.Id, "app:NOTE", "ä"}, {"DeleteMessage", *room.Id, "AbCdEf123456", "rude"}, {"DisconnectUser", *room.Id, "ann", ""},
	}, s.live.done()); d != "" {
		t.Error(d)
	}

	for _, resource := range []*string{room.Arn, config.Arn} {
		if _, err := client.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: resource, Tags: map[string]string{"a b": "c/d", "x": "y"}}); err != nil {
			t.Errorf("TagResource: %v", err)
		}
		if _, err := client.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: resource, TagKeys: []string{"x", "no such"}}); err != nil {
			t.Errorf("UntagResource: %v", err)
		}
		tags, err := client.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: resource})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[string]string{"team": "blue", "a b": "c/d"}, tags.Tags); d != "" {
			t.Errorf("ListTagsForResource: %s", d)
		}
	}

	logs, err := client.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{
		Identifier:               config.Arn,
		DestinationConfiguration: &types.DestinationConfigurationMemberFirehose{Value: types.FirehoseDestinationConfiguration{DeliveryStreamName: aws.String("stream")}},
	})
	if err != nil || *logs.Name != "logs" {
		t.Errorf("UpdateLoggingConfiguration: %+v, %v", logs, err)
	}
	read, err := client.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: config.Arn})
	if err != nil {
		t.Fatal(err)
	}
	if to, ok := read.DestinationConfiguration.(*types.DestinationConfigurationMemberFirehose); !ok || *to.Value.DeliveryStreamName != "stream" {
		t.Errorf("GetLoggingConfiguration: %+v", read)
	}
	configs, err := client.ListLoggingConfigurations(ctx, &ivschat.ListLoggingConfigurationsInput{NextToken: aws.String("")})
	if err != nil || len(configs.LoggingConfigurations) != 1 || *configs.LoggingConfigurations[0].Id != *config.Id {
		t.Errorf("ListLoggingConfigurations: %+v, %v", configs, err)
	}
	if _, err := client.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: room.Arn}); err != nil {
		t.Errorf("DeleteRoom: %v", err)
	}
	if _, err := client.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: config.Arn}); err != nil {
		t.Errorf("DeleteLoggingConfiguration: %v", err)
	}
	_, err = client.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.Arn})
	wantNotFound(t, err)
}

// Each kind of error arrives at the official client as its own type, with its members.
func TestOfficialClientErrors(t *testing.T) {
	s, client := newSigned(t, func(o *options) {
		o.Quotas = quota.New(quota.Numbers{quota.Rooms: 1, quota.LoggingConfigurations: 1, quota.Calls("ListRooms"): 1}, func() time.Time { return time.Unix(0, 0) })
	})
	ctx := t.Context()
	t.Run("ValidationException", func(t *testing.T) {
		_, err := client.CreateRoom(ctx, &ivschat.CreateRoomInput{Name: aws.String("a b"), MaximumMessageLength: aws.Int32(501)})
		e, ok := errors.AsType[*types.ValidationException](err)
		if !ok || e.Reason != types.ValidationExceptionReasonFieldValidationFailed || len(e.FieldList) != 2 || *e.FieldList[0].Name != "name" {
			t.Errorf("got %+v, %v", e, err)
		}
	})
	t.Run("ResourceNotFoundException", func(t *testing.T) {
		_, err := client.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: aws.String(missing(chat.RoomResource))})
		e, ok := errors.AsType[*types.ResourceNotFoundException](err)
		if !ok || *e.ResourceId != "AAAAAAAAAAAA" || e.ResourceType != types.ResourceTypeRoom {
			t.Errorf("got %+v, %v", e, err)
		}
	})
	room, err := client.CreateRoom(ctx, &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("ServiceQuotaExceededException", func(t *testing.T) {
		_, err := client.CreateRoom(ctx, &ivschat.CreateRoomInput{})
		e, ok := errors.AsType[*types.ServiceQuotaExceededException](err)
		if !ok || e.Limit != 1 || e.ResourceType != types.ResourceTypeRoom || e.ResourceId == nil {
			t.Errorf("got %+v, %v", e, err)
		}
		wantException(t, err, "ServiceQuotaExceededException", http.StatusPaymentRequired)
	})
	t.Run("ConflictException", func(t *testing.T) {
		config := s.logging(t)
		if _, err := client.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: room.Arn, LoggingConfigurationIdentifiers: []string{*config.ARN}}); err != nil {
			t.Fatal(err)
		}
		_, err := client.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: config.ARN})
		e, ok := errors.AsType[*types.ConflictException](err)
		if !ok || *e.ResourceId != *config.ID || e.ResourceType != "LOGGING_CONFIGURATION" {
			t.Errorf("got %+v, %v", e, err)
		}
	})
	t.Run("ThrottlingException", func(t *testing.T) {
		if _, err := client.ListRooms(ctx, &ivschat.ListRoomsInput{}); err != nil {
			t.Fatal(err)
		}
		_, err := client.ListRooms(ctx, &ivschat.ListRoomsInput{})
		wantException(t, err, "ThrottlingException", http.StatusTooManyRequests)
		// The model declares it for the messaging operations only, where it is a type.
		s.live.err = &chat.Error{Code: chat.Throttled, Message: "slow down", Limit: 100}
		_, err = client.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: aws.String("e")})
		if e, ok := errors.AsType[*types.ThrottlingException](err); !ok || e.Limit != 100 {
			t.Errorf("got %+v, %v", e, err)
		}
	})
	t.Run("PendingVerification", func(t *testing.T) {
		s.live.err = chat.Errorf(chat.PendingVerification, "The account is pending verification")
		_, err := client.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: aws.String("e")})
		if e, ok := errors.AsType[*types.PendingVerification](err); !ok {
			t.Errorf("got %+v, %v", e, err)
		}
	})
	t.Run("InternalServerException", func(t *testing.T) {
		s.live.err = errors.New("disk on fire")
		_, err := client.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: aws.String("e")})
		wantException(t, err, "InternalServerException", http.StatusInternalServerError)
	})
	t.Run("AccessDeniedException", func(t *testing.T) {
		_, err := s.user(t, "nobody", `{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"*"}`).DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: room.Arn})
		e, ok := errors.AsType[*types.AccessDeniedException](err)
		want := "User: arn:aws:iam::" + account + ":user/nobody is not authorized to perform: ivschat:DeleteRoom on resource: " + *room.Arn +
			" because no identity-based policy allows the ivschat:DeleteRoom action"
		if !ok || *e.Message != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("a wrong secret", func(t *testing.T) {
		_, err := s.client("AKIDROOT000000000001", "wrong").GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.Arn})
		wantException(t, err, "InvalidSignatureException", http.StatusForbidden)
	})
	t.Run("an unknown access key", func(t *testing.T) {
		_, err := s.client("AKIDNOBODY0000000001", "wrong").GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.Arn})
		wantException(t, err, "UnrecognizedClientException", http.StatusForbidden)
	})
	t.Run("another region", func(t *testing.T) {
		_, err := client.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.Arn}, func(o *ivschat.Options) { o.Region = "eu-west-1" })
		wantException(t, err, "InvalidSignatureException", http.StatusForbidden)
	})
	t.Run("no signature", func(t *testing.T) {
		s.post(t, "GetRoom", `{}`).want(t, 403, "MissingAuthenticationTokenException")
	})
	t.Run("no signature, and no operation", func(t *testing.T) {
		s.post(t, "NoSuchOperation", `{}`).want(t, 403, "MissingAuthenticationTokenException")
	})
}
