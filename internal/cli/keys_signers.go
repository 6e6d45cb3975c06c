package cli

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/spf13/cobra"

	"confab/internal/chat"
	"confab/internal/chattoken"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/store"
)

// hmacAlgorithm is the algorithm of a signer with a secret.
const hmacAlgorithm = "HS256"

// shownSigner is a signer. Its secret is shown once, when it is created.
type shownSigner struct {
	Name         string            `json:"name"`
	KeyID        string            `json:"kid"`
	Algorithm    string            `json:"algorithm"`
	Secret       string            `json:"secret,omitzero"`
	Rooms        []string          `json:"rooms"`
	Capabilities []chat.Capability `json:"capabilities"`
	CreateTime   string            `json:"createTime"`
}

func showSigner(s *chattoken.Signer) shownSigner {
	return shownSigner{
		Name: s.Name, KeyID: s.Name, Algorithm: s.Algorithm,
		Rooms: s.Rooms, Capabilities: s.Capabilities, CreateTime: chat.FormatTime(s.CreateTime),
	}
}

var signerColumns = []command.Column{
	{Heading: "NAME", Member: "name"},
	{Heading: "ALGORITHM", Member: "algorithm"},
	{Heading: "ROOMS", Member: "rooms"},
	{Heading: "CAPABILITIES", Member: "capabilities"},
}

func newKeysCreateSigner(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create-signer",
		Short: "Let an application sign chat tokens itself",
		Long: `Create a signer, with which an application signs chat tokens itself. The tokens are JWTs. They are
valid for the rooms and capabilities of the signer only. Without --public-key a secret for
HS256 is created and shown only once. The algorithm of a public key is EdDSA for Ed25519,
ES256 for P-256 and RS256 for RSA. Running servers accept its tokens within seconds.`,
		Example: `  confab keys create-signer --name app --rooms 'arn:aws:ivschat:*:*:room/*' --capabilities SEND_MESSAGE
  openssl genpkey -algorithm ed25519 -out app.key && openssl pkey -in app.key -pubout -out app.pub
  confab keys create-signer --name mobile --rooms 'arn:aws:ivschat:*:*:room/*' --public-key app.pub -o json`,
		Args: command.NoArgs,
	}
	name := cmd.Flags().String("name", "", "`NAME` of the signer, which is the kid of its tokens.")
	rooms := cmd.Flags().StringSlice("rooms", nil, "`ARN` of the rooms that its tokens may be for, with the wildcards of IAM policies; several are separated by commas.")
	capabilities := cmd.Flags().StringSlice("capabilities", nil, "`CAPABILITY` that its tokens may have: SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER, separated by commas.")
	publicKey := cmd.Flags().String("public-key", "", "`FILE` with the public key of the application (PEM); - is standard input.")
	command.Offer(cmd, "name", "rooms")
	output := command.NewOutputFlags(cmd, env)
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		if !userName.MatchString(*name) || len(*name) > longestUserName {
			return command.Usagef("--name %q: must be 1 to 64 letters, digits and _+=,.@-", *name)
		}
		s := &chattoken.Signer{Name: *name, Algorithm: hmacAlgorithm, Rooms: *rooms}
		for _, c := range *capabilities {
			s.Capabilities = append(s.Capabilities, chat.Capability(c))
		}
		secret := ""
		if *publicKey == "" {
			key := make([]byte, 32)
			rand.Read(key)
			secret = base64.RawURLEncoding.EncodeToString(key)
			s.Key = []byte(secret)
		} else {
			text, err := command.ReadFile(env.In, "--public-key", *publicKey)
			if err != nil {
				return err
			}
			s.Key = config.PlainText(text)
			if _, s.Algorithm, err = chattoken.ParsePublicKey(s.Key); err != nil {
				return command.Usagef("--public-key %s: %v", *publicKey, err)
			}
		}
		if err := s.Check(); err != nil {
			return command.Usagef("create-signer: %v", err)
		}
		return withNewStore(cmd.Context(), env, load, func(_ *config.Config, db *store.DB) error {
			if err := store.NewSigners(db).Create(cmd.Context(), s); err != nil {
				return err
			}
			shown := showSigner(s)
			shown.Secret = secret
			return printSigner(cmd, p, shown)
		})
	}
	return cmd
}

// printSigner prints a signer for a shell, or in the form that is asked for.
func printSigner(cmd *cobra.Command, p *command.Printer, s shownSigner) error {
	if p.Form != command.Table {
		return p.One(command.Members(s), append(signerColumns, command.Column{Member: "secret"})...)
	}
	out := cmd.OutOrStdout()
	if s.Secret == "" {
		_, err := fmt.Fprintf(out, "The signer %s signs chat tokens with %s; kid is its name\n", s.Name, s.Algorithm)
		return err
	}
	_, err := fmt.Fprintf(out, "# the signer %s signs chat tokens with %s; kid is its name, and the secret is not shown again\nexport CONFAB_SIGNER_SECRET=%s\n",
		s.Name, s.Algorithm, s.Secret)
	return err
}

func newKeysListSigners(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list-signers",
		Short: "List the applications that sign chat tokens, without their keys",
		Example: `  confab keys list-signers
  confab keys list-signers -o json
  confab keys list-signers --data-dir "$CONFAB_DATA_DIR"`,
		Args: command.NoArgs,
	}
	output := command.NewOutputFlags(cmd, env)
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		return withStore(cmd.Context(), env, load, func(_ *config.Config, db *store.DB) error {
			all, err := store.NewSigners(db).Signers(cmd.Context())
			if err != nil {
				return err
			}
			items := make([]command.Object, len(all))
			for i := range all {
				items[i] = command.Members(showSigner(&all[i]))
			}
			return p.List("signers", items, signerColumns...)
		})
	}
	return cmd
}

func newKeysDeleteSigner(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete-signer",
		Short: "Delete a signer, so that its tokens are refused",
		Long: `Delete a signer. Running servers refuse its tokens within seconds. Sessions that began with its
tokens continue until they end.`,
		Example: `  confab keys delete-signer --name app
  confab keys delete-signer --name mobile --data-dir "$CONFAB_DATA_DIR"
  for name in old older; do confab keys delete-signer --name $name; done`,
		Args: command.NoArgs,
	}
	name := cmd.Flags().String("name", "", "`NAME` of the signer.")
	command.Offer(cmd, "name")
	load := settingFlags(cmd, env, false)
	completeStored(cmd, "name", env, load, signerNames)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *name == "" {
			return command.Usagef("--name: name a signer; confab keys list-signers lists them")
		}
		return withStore(cmd.Context(), env, load, func(_ *config.Config, db *store.DB) error {
			if err := store.NewSigners(db).Delete(cmd.Context(), *name); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "Deleted the signer %s\n", *name)
			return err
		})
	}
	return cmd
}
