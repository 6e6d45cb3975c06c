package cluster_test

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
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"confab/internal/awstest"
	"confab/internal/testbed/process"
)

// destinations are a bucket and a log group.
type destinations struct {
	t    *testing.T
	s3   *s3.Client
	logs *cloudwatchlogs.Client
	name string // of both
}

func newDestinations(t *testing.T, endpoint string) destinations {
	t.Helper()
	config := aws.Config{
		Region: process.Region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, ""),
	}
	d := destinations{
		t: t, s3: s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }),
		logs: cloudwatchlogs.NewFromConfig(config), name: "chat-of-three-nodes",
	}
	if _, err := d.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &d.name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: process.Region},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &d.name}); err != nil {
		t.Fatal(err)
	}
	return d
}

// configure makes a logging configuration for each.
func (d destinations) configure(t *testing.T, api *ivschat.Client) []string {
	t.Helper()
	var arns []string
	for _, to := range []types.DestinationConfiguration{
		&types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: &d.name}},
		&types.DestinationConfigurationMemberCloudWatchLogs{Value: types.CloudWatchLogsDestinationConfiguration{LogGroupName: &d.name}},
	} {
		out, err := api.CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: to})
		if err != nil {
			t.Fatal(err)
		}
		arns = append(arns, *out.Arn)
	}
	return arns
}

// inS3 counts the records of each frame in the bucket.
func (d destinations) inS3() map[string]int {
	d.t.Helper()
	all := map[string]int{}
	pages := s3.NewListObjectsV2Paginator(d.s3, &s3.ListObjectsV2Input{Bucket: &d.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		for _, o := range page.Contents {
			out, err := d.s3.GetObject(d.t.Context(), &s3.GetObjectInput{Bucket: &d.name, Key: o.Key})
			if err != nil {
				d.t.Fatal(err)
			}
			body, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err == nil && strings.HasSuffix(*o.Key, ".gz") {
				var z *gzip.Reader
				if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
					body, err = io.ReadAll(z)
				}
			}
			if err != nil {
				d.t.Fatal(err)
			}
			for line := range strings.Lines(string(body)) {
				d.count(all, line)
			}
		}
	}
	return all
}

// inLogs counts the records of each frame in the log group.
func (d destinations) inLogs() map[string]int {
	d.t.Helper()
	all := map[string]int{}
	streams, err := d.logs.DescribeLogStreams(d.t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &d.name})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, s := range streams.LogStreams {
		in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &d.name, LogStreamName: s.LogStreamName, StartFromHead: aws.Bool(true)}
		for {
			out, err := d.logs.GetLogEvents(d.t.Context(), in)
			if err != nil {
				d.t.Fatal(err)
			}
			for _, e := range out.Events {
				d.count(all, *e.Message)
			}
			if len(out.Events) == 0 || aws.ToString(in.NextToken) == aws.ToString(out.NextForwardToken) {
				break
			}
			in.NextToken = out.NextForwardToken
		}
	}
	return all
}

// count adds a record to those of its frame.
func (d destinations) count(all map[string]int, line string) {
	d.t.Helper()
	var record struct {
		Payload struct {
			ID string `json:"Id"`
		} `json:"payload"`
	}
	if err := json.Unmarshal([]byte(line), &record); err != nil || record.Payload.ID == "" {
		d.t.Fatalf("%q is no record (%v)", line, err)
	}
	all[record.Payload.ID]++
}
