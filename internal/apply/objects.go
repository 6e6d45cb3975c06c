package apply

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/plan"
)

func (p *Plan) planLogging(want *Logging, all []types.LoggingConfigurationSummary) error {
	have, err := find(p, loggingKind, want.Name, all, func(l *types.LoggingConfigurationSummary) (string, map[string]string) {
		return aws.ToString(l.Name), l.Tags
	})
	if err != nil {
		return err
	}
	union := want.DestinationConfiguration.union()
	kind, name := want.DestinationConfiguration.name()
	if have == nil {
		tags := p.withManaged(want.Tags)
		diff := differTags(plan.Differ(nil, "destinationConfiguration", "", kind+":"+name), nil, tags)
		p.put(plan.Step{Kind: loggingKind, Name: want.Name, Diff: diff}, false, func(ctx context.Context, s *plan.Step) error {
			out, err := p.api.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{
				Name: &want.Name, DestinationConfiguration: union, Tags: tags,
			})
			if err != nil {
				return err
			}
			s.ARN = aws.ToString(out.Arn)
			p.arns[want.Name] = s.ARN
			return nil
		})
		return nil
	}
	arn := aws.ToString(have.Arn)
	p.arns[want.Name] = arn
	diff := plan.Differ(nil, "destinationConfiguration", nameOf(have.DestinationConfiguration), kind+":"+name)
	moved := len(diff) > 0
	diff = differTags(diff, have.Tags, want.Tags)
	p.put(plan.Step{Kind: loggingKind, Name: want.Name, ARN: arn, Diff: diff}, true, func(ctx context.Context, _ *plan.Step) error {
		if moved {
			if _, err := p.api.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{
				Identifier: &arn, DestinationConfiguration: union,
			}); err != nil {
				return err
			}
		}
		return p.tag(ctx, arn, have.Tags, want.Tags)
	})
	return nil
}

func (d *Destination) union() types.DestinationConfiguration {
	switch kind, name := d.name(); kind {
	case "s3":
		return &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: &name}}
	case "cloudWatchLogs":
		return &types.DestinationConfigurationMemberCloudWatchLogs{Value: types.CloudWatchLogsDestinationConfiguration{LogGroupName: &name}}
	default:
		return &types.DestinationConfigurationMemberFirehose{Value: types.FirehoseDestinationConfiguration{DeliveryStreamName: &name}}
	}
}

func nameOf(d types.DestinationConfiguration) string {
	switch d := d.(type) {
	case *types.DestinationConfigurationMemberS3:
		return "s3:" + aws.ToString(d.Value.BucketName)
	case *types.DestinationConfigurationMemberCloudWatchLogs:
		return "cloudWatchLogs:" + aws.ToString(d.Value.LogGroupName)
	case *types.DestinationConfigurationMemberFirehose:
		return "firehose:" + aws.ToString(d.Value.DeliveryStreamName)
	}
	return ""
}

func (p *Plan) planRoom(ctx context.Context, want *Room, s *Set, all []types.RoomSummary) error {
	if err := p.knownLogging(want, s); err != nil {
		return err
	}
	have, err := find(p, roomKind, want.Name, all, func(r *types.RoomSummary) (string, map[string]string) {
		return aws.ToString(r.Name), r.Tags
	})
	if err != nil {
		return err
	}
	if have == nil {
		p.createRoom(want)
		return nil
	}
	// The list has not all members.
	room, err := p.api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: have.Arn})
	if err != nil {
		return p.api.Explain(err)
	}
	p.changeRoom(want, room)
	return nil
}

// knownLogging holds that each name of a logging configuration is one.
func (p *Plan) knownLogging(want *Room, s *Set) error {
	if want.LoggingConfigurationIdentifiers == nil {
		return nil
	}
next:
	for _, name := range *want.LoggingConfigurationIdentifiers {
		if strings.HasPrefix(name, "arn:") || p.arns[name] != "" {
			continue
		}
		for i := range s.LoggingConfigurations {
			if s.LoggingConfigurations[i].Name == name {
				continue next
			}
		}
		return fmt.Errorf("the room %q names the logging configuration %q, which is neither in the file nor on the server", want.Name, name)
	}
	return nil
}

// loggingARNs returns the ARNs of a room's logging configurations, once they exist; nil if
// the file does not name any list.
func (p *Plan) loggingARNs(want *Room) []string {
	if want.LoggingConfigurationIdentifiers == nil {
		return nil
	}
	arns := []string{}
	for _, name := range *want.LoggingConfigurationIdentifiers {
		if arn := p.arns[name]; arn != "" {
			name = arn
		}
		arns = append(arns, name)
	}
	return arns
}

func (want *Room) review() *types.MessageReviewHandler {
	if want.MessageReviewHandler == nil {
		return nil
	}
	return &types.MessageReviewHandler{
		Uri: &want.MessageReviewHandler.URI, FallbackResult: types.FallbackResult(want.MessageReviewHandler.FallbackResult),
	}
}

func (p *Plan) createRoom(want *Room) {
	tags := p.withManaged(want.Tags)
	var diff []plan.Difference
	diff = plan.Differ(diff, "maximumMessageLength", "", number(want.MaximumMessageLength))
	diff = plan.Differ(diff, "maximumMessageRatePerSecond", "", number(want.MaximumMessageRatePerSecond))
	if r := want.MessageReviewHandler; r != nil {
		diff = plan.Differ(diff, "messageReviewHandler", "", strings.TrimSpace(r.URI+" "+r.FallbackResult))
	}
	if l := want.LoggingConfigurationIdentifiers; l != nil {
		diff = plan.Differ(diff, "loggingConfigurationIdentifiers", "", joined(*l))
	}
	p.put(plan.Step{Kind: roomKind, Name: want.Name, Diff: differTags(diff, nil, tags)}, false, func(ctx context.Context, s *plan.Step) error {
		out, err := p.api.CreateRoom(ctx, &ivschat.CreateRoomInput{
			Name: &want.Name, MaximumMessageLength: want.MaximumMessageLength, MaximumMessageRatePerSecond: want.MaximumMessageRatePerSecond,
			MessageReviewHandler: want.review(), LoggingConfigurationIdentifiers: p.loggingARNs(want), Tags: tags,
		})
		if err != nil {
			return err
		}
		s.ARN = aws.ToString(out.Arn)
		p.rooms[want.Name] = s.ARN
		return nil
	})
}

func (p *Plan) changeRoom(want *Room, have *ivschat.GetRoomOutput) {
	var diff []plan.Difference
	if want.MaximumMessageLength != nil {
		diff = plan.Differ(diff, "maximumMessageLength", number(have.MaximumMessageLength), number(want.MaximumMessageLength))
	}
	if want.MaximumMessageRatePerSecond != nil {
		diff = plan.Differ(diff, "maximumMessageRatePerSecond", number(have.MaximumMessageRatePerSecond), number(want.MaximumMessageRatePerSecond))
	}
	if r := want.MessageReviewHandler; r != nil {
		now := types.MessageReviewHandler{}
		if have.MessageReviewHandler != nil {
			now = *have.MessageReviewHandler
		}
		diff = plan.Differ(diff, "messageReviewHandler.uri", aws.ToString(now.Uri), r.URI)
		if r.FallbackResult != "" {
			diff = plan.Differ(diff, "messageReviewHandler.fallbackResult", string(now.FallbackResult), r.FallbackResult)
		}
	}
	if want.LoggingConfigurationIdentifiers != nil {
		diff = plan.Differ(diff, "loggingConfigurationIdentifiers", joined(have.LoggingConfigurationIdentifiers), joined(p.loggingARNs(want)))
	}
	members := len(diff) > 0
	arn := aws.ToString(have.Arn)
	diff = differTags(diff, have.Tags, want.Tags)
	p.put(plan.Step{Kind: roomKind, Name: want.Name, ARN: arn, Diff: diff}, true, func(ctx context.Context, _ *plan.Step) error {
		if members {
			if _, err := p.api.UpdateRoom(ctx, &ivschat.UpdateRoomInput{
				Identifier: &arn, MaximumMessageLength: want.MaximumMessageLength, MaximumMessageRatePerSecond: want.MaximumMessageRatePerSecond,
				MessageReviewHandler: want.review(), LoggingConfigurationIdentifiers: p.loggingARNs(want),
			}); err != nil {
				return err
			}
		}
		return p.tag(ctx, arn, have.Tags, want.Tags)
	})
}
