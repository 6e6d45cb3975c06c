// Package awsimport copies the rooms and logging configurations of an AWS account, with their
// ARNs. It reads them from Amazon IVS Chat (Read), compares them with a database (Make), and
// writes those that are missing or differ (plan.Plan.Do). An import that was interrupted is
// started again and continues; a complete one changes nothing.
package awsimport

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/chat"
)

// Source is what an account has.
type Source struct {
	LoggingConfigurations []*chat.LoggingConfiguration
	Rooms                 []*chat.Room
	// Left lists the resources that cannot be imported, each with the reason.
	Left []string
}

// Read reads the rooms, tags and logging configurations of an account. It calls progress
// with the number of rooms that it has read, and of all.
func Read(ctx context.Context, api *ivschat.Client, progress func(rooms, of int)) (*Source, error) {
	s := &Source{}
	for pages := ivschat.NewListLoggingConfigurationsPaginator(api, &ivschat.ListLoggingConfigurationsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.LoggingConfigurations {
			if err := s.addLogging(&page.LoggingConfigurations[i]); err != nil {
				return nil, err
			}
		}
	}
	var arns []*string
	for pages := ivschat.NewListRoomsPaginator(api, &ivschat.ListRoomsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.Rooms {
			arns = append(arns, page.Rooms[i].Arn)
		}
	}
	// The list has not all members of a room.
	for n, arn := range arns {
		progress(n, len(arns))
		out, err := api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: arn})
		if _, gone := errors.AsType[*types.ResourceNotFoundException](err); gone {
			continue // Deleted meanwhile.
		}
		if err != nil {
			return nil, err
		}
		if err := s.addRoom(out); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Account returns the account and the region of the ARNs; "" if there are none.
func (s *Source) Account() (account, region string) {
	var of chat.ARN
	if len(s.Rooms) > 0 {
		of = s.Rooms[0].ARN
	} else if len(s.LoggingConfigurations) > 0 {
		of = s.LoggingConfigurations[0].ARN
	}
	return of.Account, of.Region
}

func (s *Source) addLogging(l *types.LoggingConfigurationSummary) error {
	arn, err := chat.ParseARN(aws.ToString(l.Arn))
	if err != nil {
		return fmt.Errorf("the source has a logging configuration whose ARN cannot be read: %w", err)
	}
	c := &chat.LoggingConfiguration{ARN: arn, Name: aws.ToString(l.Name), State: chat.LoggingActive, Tags: l.Tags}
	if c.Destination = Destination(l.DestinationConfiguration); c.Destination == (chat.Destination{}) {
		s.Left = append(s.Left, fmt.Sprintf("%s: its kind of destination is not known", arn))
		return nil
	}
	if strings.HasPrefix(string(l.State), "DELET") {
		s.Left = append(s.Left, fmt.Sprintf("%s: its state is %s", arn, l.State))
		return nil
	}
	s.LoggingConfigurations = append(s.LoggingConfigurations, c)
	return nil
}

// Destination returns the destination that a union of the API has; none if its kind is not known.
func Destination(of types.DestinationConfiguration) chat.Destination {
	switch d := of.(type) {
	case *types.DestinationConfigurationMemberS3:
		return chat.Destination{Type: chat.S3, Name: aws.ToString(d.Value.BucketName)}
	case *types.DestinationConfigurationMemberCloudWatchLogs:
		return chat.Destination{Type: chat.CloudWatchLogs, Name: aws.ToString(d.Value.LogGroupName)}
	case *types.DestinationConfigurationMemberFirehose:
		return chat.Destination{Type: chat.Firehose, Name: aws.ToString(d.Value.DeliveryStreamName)}
	}
	return chat.Destination{}
}

func (s *Source) addRoom(out *ivschat.GetRoomOutput) error {
	arn, err := chat.ParseARN(aws.ToString(out.Arn))
	if err != nil {
		return fmt.Errorf("the source has a room whose ARN cannot be read: %w", err)
	}
	r := &chat.Room{
		ARN: arn, Name: aws.ToString(out.Name), Tags: out.Tags,
		MaximumMessageLength:        int(aws.ToInt32(out.MaximumMessageLength)),
		MaximumMessageRatePerSecond: int(aws.ToInt32(out.MaximumMessageRatePerSecond)),
	}
	if h := out.MessageReviewHandler; h != nil {
		r.MessageReviewHandler = &chat.MessageReviewHandler{URI: aws.ToString(h.Uri), FallbackResult: chat.FallbackResult(h.FallbackResult)}
		if h.FallbackResult == "" {
			r.MessageReviewHandler.FallbackResult = chat.Allow
		}
	}
	// One that is left must not be named by a room.
	known := map[string]bool{}
	for _, l := range s.LoggingConfigurations {
		known[l.ARN.String()] = true
	}
	for _, named := range out.LoggingConfigurationIdentifiers {
		if !known[named] {
			s.Left = append(s.Left, fmt.Sprintf("%s: its logging configuration %s is not there", arn, named))
			continue
		}
		r.LoggingConfigurations = append(r.LoggingConfigurations, named)
	}
	s.Rooms = append(s.Rooms, r)
	return nil
}
