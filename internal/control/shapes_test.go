package control_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/control"
)

// Every shape has the members that the official SDK has, under their names on
// the wire and of their types.
func TestShapes(t *testing.T) {
	for _, pair := range []struct{ ours, sdk any }{
		{control.CreateChatTokenInput{}, ivschat.CreateChatTokenInput{}},
		{control.CreateChatTokenOutput{}, ivschat.CreateChatTokenOutput{}},
		{control.CreateLoggingConfigurationInput{}, ivschat.CreateLoggingConfigurationInput{}},
		{control.CreateLoggingConfigurationOutput{}, ivschat.CreateLoggingConfigurationOutput{}},
		{control.CreateRoomInput{}, ivschat.CreateRoomInput{}},
		{control.CreateRoomOutput{}, ivschat.CreateRoomOutput{}},
		{control.DeleteLoggingConfigurationInput{}, ivschat.DeleteLoggingConfigurationInput{}},
		{control.DeleteLoggingConfigurationOutput{}, ivschat.DeleteLoggingConfigurationOutput{}},
		{control.DeleteMessageInput{}, ivschat.DeleteMessageInput{}},
		{control.DeleteMessageOutput{}, ivschat.DeleteMessageOutput{}},
		{control.DeleteRoomInput{}, ivschat.DeleteRoomInput{}},
		{control.DeleteRoomOutput{}, ivschat.DeleteRoomOutput{}},
		{control.DisconnectUserInput{}, ivschat.DisconnectUserInput{}},
		{control.DisconnectUserOutput{}, ivschat.DisconnectUserOutput{}},
		{control.GetLoggingConfigurationInput{}, ivschat.GetLoggingConfigurationInput{}},
		{control.GetLoggingConfigurationOutput{}, ivschat.GetLoggingConfigurationOutput{}},
		{control.GetRoomInput{}, ivschat.GetRoomInput{}},
		{control.GetRoomOutput{}, ivschat.GetRoomOutput{}},
		{control.ListLoggingConfigurationsInput{}, ivschat.ListLoggingConfigurationsInput{}},
		{control.ListLoggingConfigurationsOutput{}, ivschat.ListLoggingConfigurationsOutput{}},
		{control.ListRoomsInput{}, ivschat.ListRoomsInput{}},
		{control.ListRoomsOutput{}, ivschat.ListRoomsOutput{}},
		{control.ListTagsForResourceInput{}, ivschat.ListTagsForResourceInput{}},
		{control.ListTagsForResourceOutput{}, ivschat.ListTagsForResourceOutput{}},
		{control.SendEventInput{}, ivschat.SendEventInput{}},
		{control.SendEventOutput{}, ivschat.SendEventOutput{}},
		{control.TagResourceInput{}, ivschat.TagResourceInput{}},
		{control.TagResourceOutput{}, ivschat.TagResourceOutput{}},
		{control.UntagResourceInput{}, ivschat.UntagResourceInput{}},
		{control.UntagResourceOutput{}, ivschat.UntagResourceOutput{}},
		{control.UpdateLoggingConfigurationInput{}, ivschat.UpdateLoggingConfigurationInput{}},
		{control.UpdateLoggingConfigurationOutput{}, ivschat.UpdateLoggingConfigurationOutput{}},
		{control.UpdateRoomInput{}, ivschat.UpdateRoomInput{}},
		{control.UpdateRoomOutput{}, ivschat.UpdateRoomOutput{}},
		{control.RoomSummary{}, types.RoomSummary{}},
		{control.LoggingConfiguration{}, types.LoggingConfigurationSummary{}},
		{control.MessageReviewHandler{}, types.MessageReviewHandler{}},
		{control.S3DestinationConfiguration{}, types.S3DestinationConfiguration{}},
		{control.CloudWatchLogsDestinationConfiguration{}, types.CloudWatchLogsDestinationConfiguration{}},
		{control.FirehoseDestinationConfiguration{}, types.FirehoseDestinationConfiguration{}},
	} {
		ours, sdk := reflect.TypeOf(pair.ours), reflect.TypeOf(pair.sdk)
		t.Run(ours.Name(), func(t *testing.T) { compareShapes(t, ours, sdk) })
	}
	t.Run("DestinationConfiguration", func(t *testing.T) {
		var ours []string
		for f := range reflect.TypeFor[control.DestinationConfiguration]().Fields() {
			ours = append(ours, f.Name)
		}
		var sdk []string
		for _, v := range []types.DestinationConfiguration{
			&types.DestinationConfigurationMemberCloudWatchLogs{}, &types.DestinationConfigurationMemberFirehose{}, &types.DestinationConfigurationMemberS3{},
		} {
			sdk = append(sdk, strings.TrimPrefix(reflect.TypeOf(v).Elem().Name(), "DestinationConfigurationMember"))
		}
		if !slices.Equal(ours, sdk) {
			t.Errorf("members are %v, the SDK has %v", ours, sdk)
		}
	})
}

func compareShapes(t *testing.T, ours, sdk reflect.Type) {
	t.Helper()
	var have, want []string
	for f := range ours.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" { // It stands in the path or the query.
			name = strings.ToLower(f.Name[:1]) + strings.Replace(f.Name[1:], "ARN", "Arn", 1)
		}
		have = append(have, name+" "+wireType(f.Type))
	}
	for f := range sdk.Fields() {
		if f.IsExported() && f.Name != "ResultMetadata" {
			want = append(want, strings.ToLower(f.Name[:1])+f.Name[1:]+" "+wireType(f.Type))
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("members are\n%s\nthe SDK has\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// wireType is what a member of type t looks like on the wire.
func wireType(t reflect.Type) string {
	switch {
	case t.String() == "time.Time" || t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Pointer:
		return wireType(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of " + wireType(t.Elem())
	case t.Kind() == reflect.Map:
		return "map of " + wireType(t.Elem())
	case t.Name() == "LoggingConfigurationSummary":
		return "LoggingConfiguration" // One type of ours is both.
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Interface:
		return t.Name()
	default:
		return t.String()
	}
}
