package chatlog

import (
	"context"
	"errors"
	"log"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"confab/internal/chat"
)

// The time limits of one call. An object has up to 5 MiB of records; compressed, it is
// less than 1 MiB.
const (
	objectTimeout = 30 * time.Second
	recordTimeout = 15 * time.Second
)

// LoadAWS returns the configuration of the AWS clients. It reads the usual sources:
// environment, shared files, container and instance roles, and service endpoints
// (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS, AWS_ENDPOINT_URL_FIREHOSE).
// The region is the server's, because the service logs to its own region only.
// RequestChecksumCalculation is unset unless the operator set it.
func LoadAWS(ctx context.Context, region string) (aws.Config, error) {
	// Lines of the standard logger appear in the server's log.
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithLogger(logging.NewStandardLogger(log.Writer())))
	if err == nil && !checksumsChosen(c.ConfigSources) {
		c.RequestChecksumCalculation = aws.RequestChecksumCalculationUnset
	}
	return c, err
}

// checksumsChosen reports whether AWS_REQUEST_CHECKSUM_CALCULATION or a shared file
// sets when requests have checksums.
func checksumsChosen(sources []any) bool {
	for _, s := range sources {
		switch s := s.(type) {
		case config.EnvConfig:
			if s.RequestChecksumCalculation != aws.RequestChecksumCalculationUnset {
				return true
			}
		case config.SharedConfig:
			if s.RequestChecksumCalculation != aws.RequestChecksumCalculationUnset {
				return true
			}
		}
	}
	return false
}

// clients are shared by all destinations.
type clients struct {
	s3       *s3.Client
	logs     *cloudwatchlogs.Client
	firehose *firehose.Client
	files    *files // instead of the others
}

func newClients(o *Options) clients {
	if o.Deliver != nil {
		return clients{}
	}
	if o.LocalDir != "" {
		return clients{files: newFiles(o.LocalDir)}
	}
	c := o.AWS.Copy()
	// The worker retries, not the SDK: a failed call counts, and its rooms wait.
	c.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	c.RetryMaxAttempts = 1
	return clients{
		s3: s3.NewFromConfig(c, func(o *s3.Options) {
			// Servers other than AWS seldom have a host name for every bucket.
			o.UsePathStyle = o.BaseEndpoint != nil
			// Over TLS the SDK sends a trailing checksum. Its encoding is stored by
			// older servers as part of the object.
			if o.RequestChecksumCalculation == aws.RequestChecksumCalculationUnset {
				o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
				if o.BaseEndpoint != nil {
					o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
				}
			}
		}),
		logs:     cloudwatchlogs.NewFromConfig(c),
		firehose: firehose.NewFromConfig(c),
	}
}

// destination returns the destination that delivers to d.
func (c clients) destination(o *Options, d chat.Destination) destination {
	switch {
	case c.files != nil:
		return &localDestination{files: c.files, kind: d.Type, name: d.Name}
	case d.Type == chat.S3:
		return &bucket{client: c.s3, name: d.Name}
	case d.Type == chat.CloudWatchLogs:
		return &logGroup{client: c.logs, name: d.Name, now: o.Now}
	default:
		return &deliveryStream{client: c.firehose, name: d.Name}
	}
}

// Error codes of the services, and of compatible servers, for a denied call.
var deniedCodes = []string{
	"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess", "Forbidden",
	"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException", "MissingAuthenticationToken",
	"ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidSignatureException",
}

// Error codes for a destination that does not exist.
var missingCodes = []string{"NoSuchBucket", "ResourceNotFoundException", "NotFound"}

// cause is the reason of a failed delivery, as metrics label it.
type cause int

const (
	otherCause cause = iota
	denied
	missing
)

// causeOf returns the cause of a failed call.
func causeOf(err error) cause {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		switch {
		case slices.Contains(deniedCodes, e.ErrorCode()):
			return denied
		case slices.Contains(missingCodes, e.ErrorCode()):
			return missing
		}
	}
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		switch e.HTTPStatusCode() {
		case http.StatusUnauthorized, http.StatusForbidden:
			return denied
		case http.StatusNotFound:
			return missing
		}
	}
	return otherCause
}

// count counts one failed delivery of a logging configuration.
func count(m *Metrics, configuration chat.ARN, err error) {
	arn := configuration.String()
	m.DestinationErrors.WithLabelValues(arn).Inc()
	switch causeOf(err) {
	case denied:
		m.AccessDeniedErrors.WithLabelValues(arn).Inc()
	case missing:
		m.ResourceNotFoundErrors.WithLabelValues(arn).Inc()
	case otherCause:
	}
}

// is reports whether the error has one of the codes.
func is(err error, codes ...string) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, e.ErrorCode())
}
