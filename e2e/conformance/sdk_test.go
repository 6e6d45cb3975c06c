package conformance

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
)

// TestSDKErrors checks that the official Go SDK reads refusals as its own types.
func TestSDKErrors(t *testing.T) {
	t.Parallel()
	sdk := subject.sdk()
	check(t, "ValidationException", func(t *testing.T) {
		_, err := sdk.CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageLength: aws.Int32(501)})
		e, ok := errors.AsType[*types.ValidationException](err)
		if !ok {
			t.Fatalf("error %v", err)
		}
		if e.Reason != types.ValidationExceptionReasonFieldValidationFailed || len(e.FieldList) != 1 ||
			aws.ToString(e.FieldList[0].Name) != "maximumMessageLength" || aws.ToString(e.Message) == "" {
			t.Errorf("%+v", e)
		}
	})
	check(t, "ResourceNotFoundException", func(t *testing.T) {
		_, err := sdk.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: aws.String(roomARN(noID))})
		e, ok := errors.AsType[*types.ResourceNotFoundException](err)
		if !ok {
			t.Fatalf("error %v", err)
		}
		if e.ResourceType != types.ResourceTypeRoom || aws.ToString(e.ResourceId) != noID {
			t.Errorf("%+v", e)
		}
	})
	check(t, "ConflictException", func(t *testing.T) {
		logging := newLogging(t, nil)
		newRoom(t, m{"loggingConfigurationIdentifiers": []string{logging.arn}})
		_, err := sdk.DeleteLoggingConfiguration(t.Context(), &ivschat.DeleteLoggingConfigurationInput{Identifier: aws.String(logging.arn)})
		if _, ok := errors.AsType[*types.ConflictException](err); !ok {
			t.Fatalf("error %v", err)
		}
	})
	check(t, "the paginator of ListRooms sees every room once", func(t *testing.T) {
		name := unique(t)
		var want []string
		for range 5 {
			want = append(want, newRoom(t, m{"name": name}).arn)
		}
		slices.Reverse(want)
		var got []string
		pages := ivschat.NewListRoomsPaginator(sdk, &ivschat.ListRoomsInput{Name: aws.String(name), MaxResults: aws.Int32(2)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Rooms {
				got = append(got, aws.ToString(r.Arn))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("rooms %v, want %v", got, want)
		}
	})
}
