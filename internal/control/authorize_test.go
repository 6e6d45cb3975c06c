package control_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/chat"
	"confab/internal/control"
)

// A policy that allows one operation on everything allows that one and no other.
func TestOneActionEach(t *testing.T) {
	s, _ := newSigned(t, nil)
	ctx := t.Context()
	room, config := s.room(t, control.CreateRoomInput{}), s.logging(t)
	destination := &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: aws.String("abc")}}
	// In this order, as the last two delete what the others use.
	operations := []struct {
		name string
		call func(c *ivschat.Client) error
	}{
		{"CreateRoom", func(c *ivschat.Client) error { _, err := c.CreateRoom(ctx, &ivschat.CreateRoomInput{}); return err }},
		{"GetRoom", func(c *ivschat.Client) error {
			_, err := c.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.ARN})
			return err
		}},
		{"UpdateRoom", func(c *ivschat.Client) error {
			_, err := c.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: room.ARN})
			return err
		}},
		{"ListRooms", func(c *ivschat.Client) error { _, err := c.ListRooms(ctx, &ivschat.ListRoomsInput{}); return err }},
		{"CreateChatToken", func(c *ivschat.Client) error {
			_, err := c.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: room.ARN, UserId: aws.String("ann")})
			return err
		}},
		{"SendEvent", func(c *ivschat.Client) error {
			_, err := c.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: room.ARN, EventName: aws.String("e")})
			return err
		}},
		{"DeleteMessage", func(c *ivschat.Client) error {
			_, err := c.DeleteMessage(ctx, &ivschat.DeleteMessageInput{RoomIdentifier: room.ARN, Id: aws.String("AbCdEf123456")})
			return err
		}},
		{"DisconnectUser", func(c *ivschat.Client) error {
			_, err := c.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: room.ARN, UserId: aws.String("ann")})
			return err
		}},
		{"TagResource", func(c *ivschat.Client) error {
			_, err := c.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: room.ARN, Tags: map[string]string{"a": "b"}})
			return err
		}},
		{"UntagResource", func(c *ivschat.Client) error {
			_, err := c.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: config.ARN, TagKeys: []string{"a"}})
			return err
		}},
		{"ListTagsForResource", func(c *ivschat.Client) error {
			_, err := c.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: config.ARN})
			return err
		}},
		{"CreateLoggingConfiguration", func(c *ivschat.Client) error {
			_, err := c.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: destination})
			return err
		}},
		{"GetLoggingConfiguration", func(c *ivschat.Client) error {
			_, err := c.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: config.ARN})
			return err
		}},
		{"UpdateLoggingConfiguration", func(c *ivschat.Client) error {
			_, err := c.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{Identifier: config.ARN})
			return err
		}},
		{"ListLoggingConfigurations", func(c *ivschat.Client) error {
			_, err := c.ListLoggingConfigurations(ctx, &ivschat.ListLoggingConfigurationsInput{})
			return err
		}},
		{"DeleteRoom", func(c *ivschat.Client) error {
			_, err := c.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: room.ARN})
			return err
		}},
		{"DeleteLoggingConfiguration", func(c *ivschat.Client) error {
			_, err := c.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: config.ARN})
			return err
		}},
	}
	if len(operations) != 17 {
		t.Fatalf("%d operations", len(operations))
	}
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			others := s.user(t, "all-but-"+op.name, `{"Effect":"Allow","NotAction":"ivschat:`+op.name+`","Resource":"*"}`)
			wantDenied(t, op.call(others))
			only := s.user(t, "only-"+op.name, `{"Effect":"Allow","Action":"ivschat:`+op.name+`","Resource":"*"}`)
			wantException(t, op.call(only), "", 0)
		})
	}
}

func TestPolicies(t *testing.T) {
	s, _ := newSigned(t, nil)
	ctx := t.Context()
	blue := s.room(t, control.CreateRoomInput{Tags: map[string]string{"team": "blue"}})
	red := s.room(t, control.CreateRoomInput{Tags: map[string]string{"team": "red"}})
	get := func(c *ivschat.Client, arn *string) error {
		_, err := c.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: arn})
		return err
	}
	create := func(c *ivschat.Client, tags map[string]string) error {
		_, err := c.CreateRoom(ctx, &ivschat.CreateRoomInput{Tags: tags})
		return err
	}
	t.Run("create and list are authorized against all rooms", func(t *testing.T) {
		c := s.user(t, "rooms", `{"Effect":"Allow","Action":["ivschat:CreateRoom","ivschat:ListRooms"],"Resource":"arn:aws:ivschat:us-west-2:123456789012:room/*"}`)
		wantException(t, create(c, nil), "", 0)
		_, err := c.ListRooms(ctx, &ivschat.ListRoomsInput{})
		wantException(t, err, "", 0)
		c = s.user(t, "one-room", `{"Effect":"Allow","Action":["ivschat:CreateRoom","ivschat:ListRooms"],"Resource":"`+*blue.ARN+`"}`)
		wantDenied(t, create(c, nil))
		_, err = c.ListRooms(ctx, &ivschat.ListRoomsInput{})
		wantDenied(t, err)
	})
	t.Run("tags at creation need TagResource too", func(t *testing.T) {
		c := s.user(t, "create-only", `{"Effect":"Allow","Action":["ivschat:CreateRoom","ivschat:CreateLoggingConfiguration"],"Resource":"*"}`)
		wantException(t, create(c, nil), "", 0)
		err := create(c, map[string]string{"a": "b"})
		wantDenied(t, err)
		if !strings.Contains(err.Error(), "perform: ivschat:TagResource on resource: arn:aws:ivschat:us-west-2:123456789012:room/*") {
			t.Errorf("got %v", err)
		}
		_, err = c.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{
			DestinationConfiguration: &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: aws.String("abc")}},
			Tags:                     map[string]string{"a": "b"},
		})
		wantDenied(t, err)
	})
	t.Run("creation by the tags of the request", func(t *testing.T) {
		c := s.user(t, "blue-creator", `{"Effect":"Allow","Action":["ivschat:CreateRoom","ivschat:TagResource"],"Resource":"*",
			"Condition":{"StringEquals":{"aws:RequestTag/team":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":["team","env"]}}}`)
		wantException(t, create(c, map[string]string{"team": "blue", "env": "x"}), "", 0)
		wantDenied(t, create(c, map[string]string{"team": "red"}))
		wantDenied(t, create(c, map[string]string{"team": "blue", "owner": "x"}))
		wantDenied(t, create(c, nil))
	})
	t.Run("access by the tags of the resource", func(t *testing.T) {
		c := s.user(t, "blue-reader", `{"Effect":"Allow","Action":"ivschat:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`)
		wantException(t, get(c, blue.ARN), "", 0)
		wantDenied(t, get(c, red.ARN))
		_, err := c.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: blue.ARN, EventName: aws.String("e")})
		wantException(t, err, "", 0)
		_, err = c.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: red.ARN, EventName: aws.String("e")})
		wantDenied(t, err)
		_, err = c.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: red.ARN, Tags: map[string]string{"team": "blue"}})
		wantDenied(t, err)
	})
	t.Run("deny wins", func(t *testing.T) {
		c := s.user(t, "not-red", `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ivschat:DeleteRoom","Resource":"`+*red.ARN+`"}`)
		_, err := c.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: red.ARN})
		wantDenied(t, err)
		if !strings.Contains(err.Error(), "with an explicit deny") {
			t.Errorf("got %v", err)
		}
		wantException(t, get(c, red.ARN), "", 0)
	})
	t.Run("NotFound is answered only to callers who may see the resource", func(t *testing.T) {
		nothing := aws.String(missing(chat.RoomResource))
		elsewhere := aws.String(strings.Replace(*nothing, region, "eu-west-1", 1))
		all := s.user(t, "all", `{"Effect":"Allow","Action":"ivschat:*","Resource":"*"}`)
		one := s.user(t, "one", `{"Effect":"Allow","Action":"ivschat:*","Resource":"`+*blue.ARN+`"}`)
		tagged := s.user(t, "tagged", `{"Effect":"Allow","Action":"ivschat:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`)
		for _, arn := range []*string{nothing, elsewhere} {
			wantNotFound(t, get(all, arn))
			wantDenied(t, get(one, arn))
			wantDenied(t, get(tagged, arn))
			_, err := one.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: arn})
			wantDenied(t, err)
			_, err = one.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: arn, UserId: aws.String("ann")})
			wantDenied(t, err)
		}
	})
	t.Run("the shape of a request is checked first", func(t *testing.T) {
		c := s.user(t, "powerless", `{"Effect":"Deny","Action":"*","Resource":"*"}`)
		wantException(t, get(c, blue.ID), "ValidationException", 400)
	})
	t.Run("source address and user agent", func(t *testing.T) {
		here := s.user(t, "here", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"Bool":{"aws:SecureTransport":"false"},"StringLike":{"aws:UserAgent":"aws-sdk-go*"}}}`)
		wantException(t, get(here, blue.ARN), "", 0)
		there := s.user(t, "there", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`)
		wantDenied(t, get(there, blue.ARN))
	})
}
