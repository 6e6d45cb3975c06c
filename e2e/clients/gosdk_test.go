package clients

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/testbed/process"
)

// TestGoSDK does all 17 operations, paginators included, with the AWS SDK for Go.
func TestGoSDK(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	chat, ctx := s.API(), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	bucket := &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: aws.String("chat-logs")}}
	logging, err := chat.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: bucket})
	must(err)
	if logging.State != types.CreateLoggingConfigurationStateActive || logging.CreateTime == nil {
		t.Errorf("%+v", logging)
	}
	_, err = chat.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{
		Identifier: logging.Arn, Name: aws.String("logs"),
		DestinationConfiguration: &types.DestinationConfigurationMemberFirehose{Value: types.FirehoseDestinationConfiguration{DeliveryStreamName: aws.String("chat")}},
	})
	must(err)
	got, err := chat.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: logging.Arn})
	must(err)
	if d, ok := got.DestinationConfiguration.(*types.DestinationConfigurationMemberFirehose); !ok || *d.Value.DeliveryStreamName != "chat" {
		t.Errorf("destination %+v", got.DestinationConfiguration)
	}
	rooms := map[string]bool{}
	for range 5 {
		room, err := chat.CreateRoom(ctx, &ivschat.CreateRoomInput{
			Name: aws.String("go"), MaximumMessageLength: aws.Int32(100), Tags: map[string]string{"team": "chat"},
			LoggingConfigurationIdentifiers: []string{*logging.Arn},
			MessageReviewHandler: &types.MessageReviewHandler{
				Uri: aws.String("arn:aws:lambda:us-west-2:123456789012:function:review"), FallbackResult: types.FallbackResultDeny,
			},
		})
		must(err)
		rooms[*room.Arn] = true
	}
	room := ""
	pages := ivschat.NewListRoomsPaginator(chat, &ivschat.ListRoomsInput{MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		must(err)
		for _, r := range page.Rooms {
			if !rooms[*r.Arn] || r.MessageReviewHandler.FallbackResult != types.FallbackResultDeny {
				t.Errorf("%+v", r)
			}
			delete(rooms, *r.Arn)
			room = *r.Arn
		}
	}
	if len(rooms) != 0 {
		t.Errorf("not listed: %v", rooms)
	}
	listed := 0
	configurations := ivschat.NewListLoggingConfigurationsPaginator(chat, &ivschat.ListLoggingConfigurationsInput{MaxResults: aws.Int32(1)})
	for configurations.HasMorePages() {
		page, err := configurations.NextPage(ctx)
		must(err)
		listed += len(page.LoggingConfigurations)
	}
	if listed != 1 {
		t.Errorf("%d logging configurations, want 1", listed)
	}
	updated, err := chat.UpdateRoom(ctx, &ivschat.UpdateRoomInput{
		Identifier: &room, MessageReviewHandler: &types.MessageReviewHandler{Uri: aws.String("")}, LoggingConfigurationIdentifiers: []string{},
	})
	must(err)
	if aws.ToString(updated.MessageReviewHandler.Uri) != "" || len(updated.LoggingConfigurationIdentifiers) != 0 || *updated.MaximumMessageLength != 100 {
		t.Errorf("%+v", updated)
	}
	_, err = chat.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &room})
	must(err)
	token, err := chat.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: &room, UserId: aws.String("u"), Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
		Attributes: map[string]string{"name": "Ann"}, SessionDurationInMinutes: aws.Int32(5),
	})
	must(err)
	if aws.ToString(token.Token) == "" || token.SessionExpirationTime == nil || token.TokenExpirationTime == nil {
		t.Errorf("%+v", token)
	}
	event, err := chat.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: &room, EventName: aws.String("app:hello"), Attributes: map[string]string{"a": "b"}})
	must(err)
	_, err = chat.DeleteMessage(ctx, &ivschat.DeleteMessageInput{RoomIdentifier: &room, Id: event.Id, Reason: aws.String("spam")})
	must(err)
	_, err = chat.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: &room, UserId: aws.String("u")})
	must(err)
	_, err = chat.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: &room, Tags: map[string]string{"a b": "c/d"}})
	must(err)
	_, err = chat.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: &room, TagKeys: []string{"team", "not there"}})
	must(err)
	tags, err := chat.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: &room})
	must(err)
	if len(tags.Tags) != 1 || tags.Tags["a b"] != "c/d" {
		t.Errorf("tags %v", tags.Tags)
	}
	_, err = chat.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: &room})
	must(err)
	_, err = chat.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: logging.Arn})
	if _, ok := errors.AsType[*types.ConflictException](err); !ok {
		t.Errorf("error %v, want ConflictException", err)
	}
	pages = ivschat.NewListRoomsPaginator(chat, &ivschat.ListRoomsInput{LoggingConfigurationIdentifier: logging.Arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		must(err)
		for _, r := range page.Rooms {
			_, err := chat.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: r.Arn})
			must(err)
		}
	}
	_, err = chat.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: logging.Arn})
	must(err)
}
