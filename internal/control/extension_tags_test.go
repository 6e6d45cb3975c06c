package control_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/chat"
	"confab/internal/control"
)

// TestExtensionTags: a tag of Confab's that is wrong is named with what is allowed, and
// nothing is stored.
func TestExtensionTags(t *testing.T) {
	s := newService(t, nil)
	room, config := s.room(t, control.CreateRoomInput{}), s.logging(t)
	for name, tags := range map[string]map[string]string{
		"a wrong value":                     {"confab:history": "forever"},
		"an unknown key":                    {"confab:no-such": "1"},
		"a wrong one beside a right one":    {"confab:history": "24h", "confab:history-on-join": "201"},
		"a wrong one beside a plain one":    {"team": "blue", "confab:send": "everyone"},
		"a value that is none of the words": {"confab:presence": ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.TagResource(asRoot(t), &control.TagResourceInput{ResourceARN: room.ARN, Tags: tags})
			wantCode(t, err, chat.Invalid)
			if err != nil && !strings.Contains(err.Error(), "confab:history-on-join") && !strings.Contains(err.Error(), " or ") && !strings.Contains(err.Error(), "from ") {
				t.Errorf("%v does not say what is allowed", err)
			}
			_, err = s.CreateRoom(asRoot(t), &control.CreateRoomInput{Tags: tags})
			wantCode(t, err, chat.Invalid)
		})
	}
	if got, err := s.GetRoom(asRoot(t), &control.GetRoomInput{Identifier: room.ARN}); err != nil || len(got.Tags) != 0 {
		t.Errorf("the room has the tags %v, %v", got.Tags, err)
	}
	t.Run("on a logging configuration they are plain tags", func(t *testing.T) {
		if _, err := s.TagResource(asRoot(t), &control.TagResourceInput{ResourceARN: config.ARN, Tags: map[string]string{"confab:no-such": "1"}}); err != nil {
			t.Error(err)
		}
	})
	t.Run("without extensions they are plain tags", func(t *testing.T) {
		s := newService(t, func(o *options) { o.Extensions = false })
		s.room(t, control.CreateRoomInput{Tags: map[string]string{"confab:history": "forever"}})
	})
	t.Run("a tag that an earlier release stored can be removed", func(t *testing.T) {
		if _, err := s.UntagResource(asRoot(t), &control.UntagResourceInput{ResourceARN: room.ARN, TagKeys: []string{"confab:no-such"}}); err != nil {
			t.Error(err)
		}
	})
}

// TestConfigureRoom: setting and removing tags of Confab's needs confab:ConfigureRoom, on
// top of the action of IVS Chat.
func TestConfigureRoom(t *testing.T) {
	s, _ := newSigned(t, nil)
	ctx := t.Context()
	room := s.room(t, control.CreateRoomInput{Tags: map[string]string{"team": "blue"}})
	tagger := s.user(t, "tagger", `{"Effect":"Allow","Action":"ivschat:*","Resource":"*"}`)
	host := s.user(t, "host", `{"Effect":"Allow","Action":"ivschat:*","Resource":"*"},
		{"Effect":"Allow","Action":"confab:ConfigureRoom","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`)
	history := map[string]string{"confab:history": "24h"}
	tag := func(c *ivschat.Client, tags map[string]string) error {
		_, err := c.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: room.ARN, Tags: tags})
		return err
	}
	untag := func(c *ivschat.Client, keys ...string) error {
		_, err := c.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: room.ARN, TagKeys: keys})
		return err
	}
	wantException(t, tag(tagger, map[string]string{"a": "b"}), "", 0)
	wantDenied(t, tag(tagger, history))
	wantException(t, tag(host, history), "", 0)
	wantDenied(t, untag(tagger, "a", "confab:history"))
	wantException(t, untag(tagger, "a"), "", 0)
	wantException(t, untag(host, "confab:history"), "", 0)
	_, err := tagger.CreateRoom(ctx, &ivschat.CreateRoomInput{Tags: history})
	wantDenied(t, err)
	_, err = host.CreateRoom(ctx, &ivschat.CreateRoomInput{Tags: map[string]string{"confab:history": "24h", "team": "blue"}})
	wantDenied(t, err) // The room that is created has no tags before.
	creator := s.user(t, "creator", `{"Effect":"Allow","Action":["ivschat:*","confab:ConfigureRoom"],"Resource":"*"}`)
	_, err = creator.CreateRoom(ctx, &ivschat.CreateRoomInput{Name: aws.String("kept"), Tags: history})
	wantException(t, err, "", 0)
}
