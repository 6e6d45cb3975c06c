package logging

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"confab/internal/awstest"
	"confab/internal/chat"
	"confab/internal/testbed/process"
)

// destination is somewhere to log to, seen by its owner.
type destination interface {
	// configuration is how a logging configuration names it.
	configuration() types.DestinationConfiguration
	// records returns the lines that lie in it by where they lie: the keys of
	// objects, the names of streams.
	records(t testing.TB) map[string][]string
}

func config(endpoint string) aws.Config {
	return aws.Config{
		Region: process.Region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, ""),
	}
}

func newName() string { return "chat-" + strings.ToLower(chat.NewID()) }

// bucket is one in S3.
type bucket struct {
	client *s3.Client
	name   string
}

func newBucket(t testing.TB, endpoint string) *bucket {
	t.Helper()
	b := &bucket{s3.NewFromConfig(config(endpoint), func(o *s3.Options) { o.UsePathStyle = true }), newName()}
	must(b.client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &b.name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: process.Region},
	}))(t)
	return b
}

func (b *bucket) configuration() types.DestinationConfiguration {
	return &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: &b.name}}
}

func (b *bucket) records(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name})
	for pages.HasMorePages() {
		for _, o := range must(pages.NextPage(t.Context()))(t).Contents {
			out := must(b.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.name, Key: o.Key}))(t)
			body := must(io.ReadAll(out.Body))(t)
			out.Body.Close()
			all[*o.Key] = lines(t, *o.Key, body)
		}
	}
	return all
}

// lines takes an object apart.
func lines(t testing.TB, name string, body []byte) []string {
	t.Helper()
	if strings.HasSuffix(name, ".gz") {
		body = must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(body)))(t)))(t)
	}
	text, ok := strings.CutSuffix(string(body), "\n")
	if !ok {
		t.Fatalf("%s does not end with a line break", name)
	}
	return strings.Split(text, "\n")
}

// logGroup is one in CloudWatch Logs.
type logGroup struct {
	client *cloudwatchlogs.Client
	name   string
}

func newLogGroup(t testing.TB, endpoint string) *logGroup {
	t.Helper()
	g := &logGroup{cloudwatchlogs.NewFromConfig(config(endpoint)), newName()}
	must(g.client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &g.name}))(t)
	return g
}

func (g *logGroup) configuration() types.DestinationConfiguration {
	return &types.DestinationConfigurationMemberCloudWatchLogs{Value: types.CloudWatchLogsDestinationConfiguration{LogGroupName: &g.name}}
}

func (g *logGroup) records(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	streams := must(g.client.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &g.name}))(t)
	for _, s := range streams.LogStreams {
		in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &g.name, LogStreamName: s.LogStreamName, StartFromHead: aws.Bool(true)}
		for {
			out := must(g.client.GetLogEvents(t.Context(), in))(t)
			for _, e := range out.Events {
				all[*s.LogStreamName] = append(all[*s.LogStreamName], *e.Message)
			}
			if len(out.Events) == 0 || aws.ToString(in.NextToken) == aws.ToString(out.NextForwardToken) {
				break
			}
			in.NextToken = out.NextForwardToken
		}
	}
	return all
}

// deliveryStream is one of Firehose. It writes to a bucket.
type deliveryStream struct {
	name   string
	bucket *bucket
}

func newDeliveryStream(t testing.TB, endpoint string) *deliveryStream {
	t.Helper()
	d := &deliveryStream{newName(), newBucket(t, endpoint)}
	must(firehose.NewFromConfig(config(endpoint)).CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: &d.name, DeliveryStreamType: firehosetypes.DeliveryStreamTypeDirectPut,
		ExtendedS3DestinationConfiguration: &firehosetypes.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::" + d.bucket.name), RoleARN: aws.String("arn:aws:iam::" + process.Account + ":role/firehose"),
		},
	}))(t)
	return d
}

func (d *deliveryStream) configuration() types.DestinationConfiguration {
	return &types.DestinationConfigurationMemberFirehose{Value: types.FirehoseDestinationConfiguration{DeliveryStreamName: &d.name}}
}

func (d *deliveryStream) records(t testing.TB) map[string][]string { return d.bucket.records(t) }

// logged is what a destination has, wherever in it.
func logged(t testing.TB, d destination) []string {
	t.Helper()
	var all []string
	for _, some := range d.records(t) {
		all = append(all, some...)
	}
	return all
}

// ids counts the frames that lie in a destination.
func ids(t testing.TB, d destination) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, line := range logged(t, d) {
		var r struct {
			Payload struct {
				ID string `json:"Id"`
			} `json:"payload"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Payload.ID == "" {
			t.Fatalf("%q is no record (%v)", line, err)
		}
		all[r.Payload.ID]++
	}
	return all
}
