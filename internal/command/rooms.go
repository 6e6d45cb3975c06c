package command

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/chat"
)

var roomID = regexp.MustCompile(`^[a-zA-Z0-9]{12}$`)

// Room returns the ARN of the room that a user named: by an ARN, an id, or a name that no
// other room has.
func (a *API) Room(ctx context.Context, named string) (arn string, err error) {
	if strings.HasPrefix(named, "arn:") {
		parsed, err := chat.ParseARN(named)
		if err != nil {
			return "", Usagef("ROOM: %v", err)
		}
		if parsed.Type != chat.RoomResource {
			return "", Usagef("ROOM: %q is the ARN of a %s, not of a room", named, parsed.Type)
		}
		return named, nil
	}
	if named == "" {
		return "", Usagef(`ROOM: "" names no room; use an ARN, an id or a name`)
	}
	if roomID.MatchString(named) {
		if arn, err := a.roomByID(ctx, named); err != nil || arn != "" {
			return arn, err
		}
	}
	return a.roomByName(ctx, named)
}

// roomByID returns "" when no room has the id. The API does not accept an id
// alone, so the ARN is made with the account and region of another room.
func (a *API) roomByID(ctx context.Context, id string) (string, error) {
	any1, err := a.ListRooms(ctx, &ivschat.ListRoomsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		return "", a.namesNeedList(err)
	}
	if len(any1.Rooms) == 0 {
		return "", nil
	}
	arn, err := chat.ParseARN(aws.ToString(any1.Rooms[0].Arn))
	if err != nil {
		return "", err
	}
	arn.ID = id
	_, err = a.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: aws.String(arn.String())})
	switch Code(err) {
	case "ResourceNotFoundException", "AccessDeniedException":
		return "", nil
	}
	if err != nil {
		return "", a.Explain(err)
	}
	return arn.String(), nil
}

func (a *API) roomByName(ctx context.Context, name string) (string, error) {
	found, err := a.Rooms(ctx, &ivschat.ListRoomsInput{Name: &name})
	if Code(err) == "ValidationException" {
		return "", Usagef("ROOM: %q is no ARN, id or name of a room; confab room list shows the rooms", Plain(name))
	}
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no room named %q; confab room list shows the rooms, and confab room create %s makes it", Plain(name), Plain(name))
	case 1:
		return aws.ToString(found[0].Arn), nil
	}
	all := make([]string, len(found))
	for i := range found {
		all[i] = aws.ToString(found[i].Id)
	}
	return "", Usagef("ROOM: %d rooms are named %q; use an id: %s", len(found), Plain(name), strings.Join(all, ", "))
}

// namesNeedList explains why a name cannot be found.
func (a *API) namesNeedList(err error) error {
	explained := a.Explain(err)
	if Code(err) == "AccessDeniedException" {
		return fmt.Errorf("%w; without ivschat:ListRooms, name the room by its ARN", explained)
	}
	return explained
}

// Rooms lists all rooms that the input selects, with all pages.
func (a *API) Rooms(ctx context.Context, in *ivschat.ListRoomsInput) ([]types.RoomSummary, error) {
	var all []types.RoomSummary
	for pages := ivschat.NewListRoomsPaginator(a, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return all, a.namesNeedList(err)
		}
		all = append(all, page.Rooms...)
	}
	return all, nil
}

// LoggingConfiguration returns the ARN of the logging configuration that a user named, by
// an ARN, an id or a name that no other has.
func (a *API) LoggingConfiguration(ctx context.Context, named string) (string, error) {
	if strings.HasPrefix(named, "arn:") {
		parsed, err := chat.ParseARN(named)
		if err != nil || parsed.Type != chat.LoggingConfigurationResource {
			return "", Usagef("%q is no ARN of a logging configuration", named)
		}
		return named, nil
	}
	all, err := a.LoggingConfigurations(ctx)
	if err != nil {
		return "", err
	}
	var ids []string
	arn := ""
	for i := range all {
		if aws.ToString(all[i].Id) == named {
			return aws.ToString(all[i].Arn), nil
		}
		if aws.ToString(all[i].Name) == named {
			ids, arn = append(ids, aws.ToString(all[i].Id)), aws.ToString(all[i].Arn)
		}
	}
	switch len(ids) {
	case 0:
		return "", fmt.Errorf("there is no logging configuration named %q; confab logging list shows them", Plain(named))
	case 1:
		return arn, nil
	}
	return "", Usagef("%d logging configurations are named %q; use an id: %s", len(ids), Plain(named), strings.Join(ids, ", "))
}

// LoggingConfigurations lists all logging configurations.
func (a *API) LoggingConfigurations(ctx context.Context) ([]types.LoggingConfigurationSummary, error) {
	var all []types.LoggingConfigurationSummary
	for pages := ivschat.NewListLoggingConfigurationsPaginator(a, &ivschat.ListLoggingConfigurationsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.Explain(err)
		}
		all = append(all, page.LoggingConfigurations...)
	}
	return all, nil
}
