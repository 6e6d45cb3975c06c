package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/smithy-go/logging"

	"confab/internal/config"
)

// devEndpoint is where "confab serve --dev" is unless told otherwise.
const devEndpoint = "http://127.0.0.1:8080"

// devTimeout is how long the search for a server on this machine takes at most.
const devTimeout = time.Second

// Connect finds endpoint, region and credentials as every AWS tool does: flags, then the
// environment, then the profile. A server at a loopback address needs no credentials of
// AWS: without any, those of --dev are used. With nothing configured at all, the server is
// one with --dev on this machine.
func (f *Flags) Connect(ctx context.Context) (*API, error) {
	if f.via != nil {
		return f.via(ctx)
	}
	given, err := f.givenEndpoint()
	if err != nil {
		return nil, err
	}
	if f.profile == "" && f.env.Variable("AWS_ACCESS_KEY_ID") != "" && f.env.Variable("AWS_SECRET_ACCESS_KEY") == "" {
		return nil, Usagef("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not; set both, or name a profile with --profile")
	}
	found, err := f.load(ctx)
	if unknown, ok := errors.AsType[awsconfig.SharedConfigProfileNotExistError](err); ok {
		return nil, Usagef("the profile %q is not in the AWS configuration files; name another with --profile or AWS_PROFILE", unknown.Profile)
	}
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
	}
	// The SDK finds the endpoints of profiles when it makes a client, and tells them then.
	endpoint := given
	if endpoint == "" {
		endpoint = aws.ToString(ivschat.NewFromConfig(found).Options().BaseEndpoint)
	}
	known := f.hasCredentials(found)
	if endpoint == "" && !known {
		if err := findDev(ctx); err != nil {
			return nil, err
		}
		endpoint = devEndpoint
	}
	if !known && loopback(endpoint) {
		found.Credentials = credentials.NewStaticCredentialsProvider(config.DevAccessKeyID, config.DevSecretAccessKey, "")
	}
	if found.Region == "" {
		if endpoint == "" {
			return nil, Usagef("the region is missing: set --region, AWS_REGION or the region of the profile")
		}
		found.Region = config.Default().Region
	}
	api := At(endpoint, found)
	if other := f.env.Variable("AWS_ENDPOINT_URL_CONFAB"); other != "" {
		api.confab = other
	}
	return api, nil
}

// At connects to the server at an endpoint; "" is Amazon IVS Chat. The configuration has the
// region, the credentials and the HTTP client.
func At(endpoint string, known aws.Config) *API {
	api := &API{Endpoint: endpoint, Region: known.Region, config: known, http: httpClient(known.HTTPClient), confab: endpoint}
	api.Client = ivschat.NewFromConfig(known, func(o *ivschat.Options) {
		o.APIOptions = append(o.APIOptions, checkAnswers)
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
	})
	return api
}

// Dev connects to a server with --dev through a client.
func Dev(endpoint, region string, client *http.Client) *API {
	return At(endpoint, aws.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(config.DevAccessKeyID, config.DevSecretAccessKey, ""),
		HTTPClient: client,
	})
}

// Where names the server in errors and questions.
func (a *API) Where() string {
	if a.Endpoint == "" {
		return "Amazon IVS Chat in " + a.Region
	}
	return a.Endpoint
}

// Explain makes one line of an error of the API that says what to do.
func (a *API) Explain(err error) error { return Explain(err, a.Where()) }

func (f *Flags) givenEndpoint() (string, error) {
	given, name := f.endpoint, "--endpoint"
	for _, variable := range []string{"AWS_ENDPOINT_URL_IVSCHAT", "AWS_ENDPOINT_URL"} {
		if given == "" {
			given, name = f.env.Variable(variable), variable
		}
	}
	if given == "" {
		return "", nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", Usagef("%s %q: must be a URL such as http://127.0.0.1:8080", name, given)
	}
	return strings.TrimSuffix(given, "/"), nil
}

func (f *Flags) load(ctx context.Context) (aws.Config, error) {
	// The SDK warns of what it tries where there are no credentials. The error says it better.
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithLogger(logging.Nop{})}
	if f.profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(f.profile))
	}
	if f.region != "" {
		options = append(options, awsconfig.WithRegion(f.region))
	}
	return awsconfig.LoadDefaultConfig(ctx, options...)
}

// hasCredentials reports whether the environment or a profile has credentials. The
// credentials of a machine in EC2 do not count: looking for them takes seconds where
// there are none. They are found all the same when an endpoint or a profile is named.
func (f *Flags) hasCredentials(found aws.Config) bool {
	if f.profile != "" {
		return true
	}
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		if f.env.Variable(name) != "" {
			return true
		}
	}
	for _, source := range found.ConfigSources {
		if shared, ok := source.(awsconfig.SharedConfig); ok {
			if shared.Credentials.HasKeys() || shared.RoleARN != "" || shared.SSOSessionName != "" ||
				shared.SSOStartURL != "" || shared.CredentialProcess != "" || shared.WebIdentityTokenFile != "" || shared.CredentialSource != "" {
				return true
			}
		}
	}
	return false
}

// findDev looks for a server with --dev.
func findDev(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, devTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, devEndpoint+"/healthz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return &refused{fmt.Sprintf("no server is configured, and none is at %s; start one with confab serve --dev, or name one with --endpoint or AWS_ENDPOINT_URL_IVSCHAT, and its credentials as for every AWS tool", devEndpoint), err}
	}
	return res.Body.Close()
}

// loopback reports whether an endpoint is on this machine.
func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// Loopback reports whether the server is on this machine.
func (a *API) Loopback() bool { return loopback(a.Endpoint) }

// MessagingURL is where sessions connect: beside the API on a server of one's own, at the
// region's messaging endpoint on AWS.
func (a *API) MessagingURL() string {
	if a.Endpoint != "" {
		return "ws" + strings.TrimPrefix(a.Endpoint, "http")
	}
	return "wss://edge.ivschat." + a.Region + ".amazonaws.com"
}
