package cli

import (
	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/extension"
)

func newModel() *cobra.Command {
	return &cobra.Command{
		Use:   "model",
		Short: "Print the service model of the operations that Confab adds",
		Long: `Print the service model of the operations that Confab adds to those of IVS Chat. With it, the
AWS CLI and boto3 can call these operations.`,
		Example: command.Examples(
			"confab model > service-2.json",
			"aws configure add-model --service-name confab --service-model file://service-2.json",
			`AWS_ENDPOINT_URL_CONFAB="$AWS_ENDPOINT_URL_IVSCHAT" aws confab get-server`,
		),
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(extension.Model)
			return err
		},
	}
}
