package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/spf13/cobra"

	"confab/internal/moderationops"
)

// completeTime bounds a completion: the person who presses Tab waits for it.
const completeTime = 2 * time.Second

// Named is an object that a completion offers. Its name may be empty.
type Named struct{ Name, ID string }

// Lister lists the objects that an argument may name. args are the arguments before it.
type Lister func(ctx context.Context, api *API, args []string) ([]Named, error)

// Complete completes the argument at a position, counted from 0, with names and ids. Other
// arguments are left to the completion that the command has.
func (f *Flags) Complete(cmd *cobra.Command, at int, list Lister) {
	others := cmd.ValidArgsFunction
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == at {
			return f.complete(cmd, args, typed, list)
		}
		if others != nil {
			return others(cmd, args, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteEvery completes all arguments.
func (f *Flags) CompleteEvery(cmd *cobra.Command, list Lister) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return f.complete(cmd, args, typed, list)
	}
}

// CompleteFlag completes the value of a flag.
func (f *Flags) CompleteFlag(cmd *cobra.Command, flag string, list Lister) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return f.complete(cmd, args, typed, list)
	})
}

// CompleteWords completes the value of a flag with fixed words.
func CompleteWords(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func (f *Flags) complete(cmd *cobra.Command, args []string, typed string, list Lister) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
	defer cancel()
	api, err := f.Connect(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
	}
	all, err := list(ctx, api, args)
	found := Matching(all, typed)
	switch {
	case err != nil && ctx.Err() != nil && len(all) > 0: // There are very many. Some are better than none.
		found = cobra.AppendActiveHelp(found, fmt.Sprintf("Only the newest %d were read in %s.", len(all), completeTime))
	case err != nil:
		return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// Matching returns the names that begin with what was typed. Objects without a unique name
// are offered by their ids. Once something is typed, the ids of all objects that begin with
// it are offered.
func Matching(all []Named, typed string) []cobra.Completion {
	named := map[string]int{}
	for _, n := range all {
		named[n.Name]++
	}
	var found []cobra.Completion
	for _, n := range all {
		if Plain(n.Name) != n.Name {
			continue // A shell would not get it whole.
		}
		if n.Name != "" && named[n.Name] == 1 && strings.HasPrefix(n.Name, typed) {
			found = append(found, cobra.CompletionWithDesc(n.Name, n.ID))
		} else if n.ID != "" && (n.Name == "" || named[n.Name] > 1 || typed != "") && strings.HasPrefix(n.ID, typed) {
			found = append(found, cobra.CompletionWithDesc(n.ID, n.Name))
		}
	}
	return found
}

// RoomNames lists rooms.
func RoomNames(ctx context.Context, api *API, _ []string) ([]Named, error) {
	rooms, err := api.Rooms(ctx, &ivschat.ListRoomsInput{})
	all := make([]Named, len(rooms))
	for i := range rooms {
		all[i] = Named{aws.ToString(rooms[i].Name), aws.ToString(rooms[i].Id)}
	}
	return all, err
}

// roomNamesOr lists rooms, and a word that stands for all of them.
func roomNamesOr(every string) Lister {
	return func(ctx context.Context, api *API, args []string) ([]Named, error) {
		all, err := RoomNames(ctx, api, args)
		return append(all, Named{every, "every room"}), err
	}
}

// LoggingNames lists logging configurations.
func LoggingNames(ctx context.Context, api *API, _ []string) ([]Named, error) {
	found, err := api.LoggingConfigurations(ctx)
	all := make([]Named, len(found))
	for i := range found {
		all[i] = Named{aws.ToString(found[i].Name), aws.ToString(found[i].Id)}
	}
	return all, err
}

// WebhookNames lists webhooks.
func WebhookNames(ctx context.Context, api *API, _ []string) ([]Named, error) {
	found, err := api.Webhooks(ctx)
	all := make([]Named, len(found))
	for i := range found {
		all[i] = Named{found[i].Name, found[i].ID}
	}
	return all, err
}

// FilterNames lists the content filters of the room that the argument before names, or those
// of every room for a word.
func FilterNames(every string) Lister {
	return func(ctx context.Context, api *API, args []string) ([]Named, error) {
		room, err := api.roomOr(ctx, every, args)
		if err != nil {
			return nil, err
		}
		found, err := api.ContentFilters(ctx, Optional(room))
		var all []Named
		for i := range found {
			if aws.ToString(found[i].RoomArn) == room {
				all = append(all, Named{Name: found[i].Name})
			}
		}
		return all, err
	}
}

// BannedNames lists the users and addresses that have a ban, a mute or a hide in the room that
// the argument before names.
func BannedNames(every string) Lister {
	return func(ctx context.Context, api *API, args []string) ([]Named, error) {
		room, err := api.roomOr(ctx, every, args)
		if err != nil {
			return nil, err
		}
		found, err := api.Bans(ctx, &moderationops.ListBansInput{RoomIdentifier: Optional(room)})
		var all []Named
		for i := range found {
			if aws.ToString(found[i].RoomArn) == room {
				all = append(all, Named{Name: aws.ToString(found[i].UserID) + aws.ToString(found[i].IPRange)})
			}
		}
		slices.SortFunc(all, func(a, b Named) int { return strings.Compare(a.Name, b.Name) })
		return slices.Compact(all), err // One user may be muted and hidden.
	}
}

// UserNames lists the users who are connected to the room that the first argument names.
func UserNames(every string) Lister {
	return func(ctx context.Context, api *API, args []string) ([]Named, error) {
		if len(args) == 0 || args[0] == every {
			return nil, nil
		}
		room, err := api.Room(ctx, args[0])
		if err != nil {
			return nil, err
		}
		users, err := api.Users(ctx, room, largestPage) // More are of no use to a person who presses Tab.
		all := make([]Named, len(users))
		for i := range users {
			all[i] = Named{Name: users[i].UserID}
		}
		return all, err
	}
}

// roomOr finds the room that the first argument names; "" is every room.
func (a *API) roomOr(ctx context.Context, every string, args []string) (string, error) {
	if args[0] == every {
		return "", nil
	}
	return a.Room(ctx, args[0])
}
