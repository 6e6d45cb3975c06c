package command

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/spf13/cobra"
)

// completeTime bounds a completion: the person who presses Tab waits for it.
const completeTime = 2 * time.Second

// CompleteRoom completes the first argument, or with every all of them, with the names of
// rooms, and with the ids of those that have no name of their own.
func (f *Flags) CompleteRoom(every bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !every {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
		defer cancel()
		api, err := f.Connect(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		rooms, err := api.Rooms(ctx, &ivschat.ListRoomsInput{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		named := map[string]int{}
		for i := range rooms {
			named[aws.ToString(rooms[i].Name)]++
		}
		var found []cobra.Completion
		for i := range rooms {
			name, id := aws.ToString(rooms[i].Name), aws.ToString(rooms[i].Id)
			if name != "" && named[name] == 1 && strings.HasPrefix(name, typed) {
				found = append(found, cobra.CompletionWithDesc(name, id))
			} else if (name == "" || named[name] > 1 || typed != "") && strings.HasPrefix(id, typed) {
				found = append(found, cobra.CompletionWithDesc(id, Plain(name)))
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}
