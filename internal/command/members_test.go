package command_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/google/go-cmp/cmp"

	"confab/internal/command"
)

// TestMembers names the members of answers as the API does.
func TestMembers(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		of   any
		want command.Object
	}{
		{"types of the SDK", types.RoomSummary{Id: aws.String("AbCdEf123456"), CreateTime: &at}, command.Object{"id": "AbCdEf123456", "createTime": "2026-01-31T12:00:00.0Z", "tags": command.Object{}, "loggingConfigurationIdentifiers": []any{}}},
		{"a union", types.LoggingConfigurationSummary{DestinationConfiguration: &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: aws.String("chats")}}}, command.Object{
			"destinationConfiguration": command.Object{"s3": command.Object{"bucketName": "chats"}}, "tags": command.Object{},
		}},
		{"members without a name, and those that are absent", struct {
			Name  string `json:"name"`
			Limit string `json:"limit,omitzero"`
			Err   error  `json:"-"`
		}{Name: "demo", Err: errors.New("failed")}, command.Object{"name": "demo"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, command.Members(test.of)); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}
