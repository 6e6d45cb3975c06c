package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/store"
)

// completeStored completes the value of a flag with what the database of this machine has.
func completeStored(
	cmd *cobra.Command, flag string, env Environment, load func() (*config.Config, error),
	list func(context.Context, *store.DB) ([]command.Named, error),
) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var all []command.Named
		err := withStore(cmd.Context(), env, load, func(_ *config.Config, db *store.DB) (err error) {
			all, err = list(cmd.Context(), db)
			return err
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		return command.Matching(all, typed), cobra.ShellCompDirectiveNoFileComp
	})
}

func credentialNames(ctx context.Context, db *store.DB) ([]command.Named, error) {
	found, err := db.ListCredentials(ctx)
	all := make([]command.Named, len(found))
	for i, c := range found {
		all[i] = command.Named{Name: c.Principal.Name}
	}
	return all, err
}

func signerNames(ctx context.Context, db *store.DB) ([]command.Named, error) {
	found, err := store.NewSigners(db).Signers(ctx)
	all := make([]command.Named, len(found))
	for i := range found {
		all[i] = command.Named{Name: found[i].Name}
	}
	return all, err
}

// tidy prepares a tree for completion: descriptions of flags without the marks around the names
// of their values, and names of files only where a value is one. No argument is one.
func tidy(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && (!cmd.HasSubCommands() || cmd.HasFlags()) {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		f.Usage = usage
		if _, has := cmd.GetFlagCompletionFunc(f.Name); !has && value != "FILE" && value != "DIR" {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
		}
	})
	offerFlags(cmd)
	for _, child := range cmd.Commands() {
		tidy(child)
	}
}

// offerFlags offers the flags of command.Offer, once there is no further argument to complete.
// Otherwise a person who presses Tab does not learn of them. The library has required flags, too,
// but does not offer the others before they are set.
func offerFlags(cmd *cobra.Command) {
	arguments := cmd.ValidArgsFunction
	if arguments == nil {
		return
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found, directive := arguments(cmd, args, typed)
		if len(found) > 0 || typed != "" || directive&cobra.ShellCompDirectiveError != 0 {
			return found, directive
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if command.Offered(f) && !f.Changed {
				found = append(found, cobra.CompletionWithDesc("--"+f.Name, f.Usage))
			}
		})
		return found, directive
	}
}
