package cli

import (
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/chat"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/iam"
	"confab/internal/policy"
	"confab/internal/store"
)

// userName is IAM's rule for the names of users (IAM API reference, CreateUser), which have at
// most longestUserName characters. The expression does not check the length, because
// bounded repetitions are slow to compile, and every command compiles it at its start.
var userName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]+$`)

const longestUserName = 64

// The lengths of sessions that AWS STS allows for an IAM user (GetSessionToken).
const (
	minSession = 15 * time.Minute
	maxSession = 36 * time.Hour
)

// createdCredentials is the one time that the secret is shown.
type createdCredentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	Name            string `json:"name"`
	ARN             string `json:"arn"`
	SessionToken    string `json:"sessionToken,omitzero"`
	Expiration      string `json:"expiration,omitzero"`
}

func newCredentialsCreate(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create credentials with a policy",
		Long: `Create credentials with an IAM policy, which says what they allow. The secret access key is
shown only once. With --session-duration they are temporary: they have a session token and
expire. This policy lets a backend create chat tokens:

  {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "ivschat:CreateChatToken", "Resource": "*"}]}`,
		Example: `  confab credentials create --name moderator --policy chat.json
  confab credentials create --name guest --policy chat.json --session-duration 1h
  cat chat.json | confab credentials create --name backend --policy - -o json`,
		Args: command.NoArgs,
	}
	name := cmd.Flags().String("name", "", "`NAME` of the user, who becomes arn:aws:iam::<account>:user/<name>.")
	policyFile := cmd.Flags().String("policy", "", "`FILE` with the IAM policy (JSON); - is standard input.")
	session := cmd.Flags().Duration("session-duration", 0, "Make temporary credentials that last this long: a `TIME` from 15m to 36h.")
	command.Offer(cmd, "name", "policy")
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
		if *session != 0 && (*session < minSession || *session > maxSession) {
			return command.Usagef("--session-duration %q: must be from %s to %s", *session, "15m", "36h")
		}
		document, parsed, err := readPolicy(env.In, *policyFile)
		if err != nil {
			return err
		}
		return withNewStore(cmd.Context(), env, load, func(cfg *config.Config, db *store.DB) error {
			warnPolicy(env, cfg, *name, parsed)
			c := iam.NewCredentials(*name, expiry(*session))
			if err := db.CreateCredentials(cmd.Context(), c, document); err != nil {
				return err
			}
			return printCreated(cmd, p, c)
		})
	}
	return cmd
}

// readPolicy reads and checks the policy, so that a mistake is found, with its
// place, before anything is stored.
func readPolicy(in io.Reader, name string) ([]byte, *policy.Document, error) {
	if name == "" {
		return nil, nil, command.Usagef("--policy: name a file with an IAM policy, or - for standard input")
	}
	document, err := command.ReadFile(in, "--policy", name)
	if err != nil {
		return nil, nil, err
	}
	document = config.PlainText(document)
	parsed, err := policy.Parse(document)
	if err != nil {
		if name == "-" {
			name = "standard input"
		}
		return nil, nil, command.Usagef("the policy in %s is not valid: %v", name, err)
	}
	return document, parsed, nil
}

// expiry is when a session of that length ends; 0 does not.
func expiry(session time.Duration) time.Time {
	if session == 0 {
		return time.Time{}
	}
	return time.Now().Add(session)
}

// printCreated prints credentials for a shell, or in the form that is asked for.
func printCreated(cmd *cobra.Command, p *command.Printer, c *iam.Credentials) error {
	created := createdCredentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
		Name: c.Principal.Name, ARN: c.Principal.ARN, SessionToken: c.SessionToken,
	}
	if !c.Expires.IsZero() {
		created.Expiration = chat.FormatTime(c.Expires)
	}
	if p.Form != command.Table {
		return p.One(command.Members(created), command.Column{Member: "accessKeyId"}, command.Column{Member: "secretAccessKey"},
			command.Column{Member: "sessionToken"}, command.Column{Member: "expiration"}, command.Column{Member: "arn"})
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "# %s; the secret is not shown again\n", created.ARN)
	fmt.Fprintf(out, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", created.AccessKeyID, created.SecretAccessKey)
	if created.SessionToken != "" {
		fmt.Fprintf(out, "export AWS_SESSION_TOKEN=%s # until %s\n", created.SessionToken, created.Expiration)
	}
	return nil
}
